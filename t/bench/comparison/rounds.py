"""Runs in alternation, and what is said about them: medians, spreads, ratios within a round."""

import statistics
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from .contenders import ALL
from .load import LoadFailed, run_load, value_of


FAULTS = ("lost", "damaged", "duplicates")


def say(text):
    print(text, file=sys.stderr, flush=True)


@dataclass
class Bench:
    """Everything that a scenario needs."""

    place: object
    rounds: int
    quick: bool
    only: tuple = ()

    def pick(self, full, quick):
        return quick if self.quick else full

    def chosen(self, names):
        """The contenders among `names` that were asked for; a second build goes with ours."""
        names = [name for name in names if not self.only or name in self.only]
        if self.place.against and "ours" in names:
            names.insert(names.index("ours") + 1, "against")
        return [ALL[name] for name in names]

    def run(self, contender, load=None, **options):
        """One run against a fresh server; `load` gives another result than the generator's."""
        place = replace(self.place, workers=options.get("workers", 1))
        with tempfile.TemporaryDirectory(prefix="sse-bench-") as directory:
            with contender.start(place, Path(directory)) as running:
                return (load or self.load)(running, **options)

    def load(self, running, **options):
        """The generator's result, with the commands that Redis got meanwhile."""
        redis = self.place.redis
        redis.command("CONFIG", "RESETSTAT")
        options.setdefault("broker_pid", redis.process.pid)
        result = run_load(self.place.build / "load", running, **options)
        stats = redis.client.info("commandstats")
        result["redis_calls"] = {
            name.removeprefix("cmdstat_"): values["calls"] for name, values in stats.items()
        }
        return result

    def alternate(self, case, names, rounds=None, load=None, **options):
        """Every contender once in a round, in turns from both ends: no one always runs first."""
        table = Case(case, options)
        contenders = self.chosen(names)
        for number in range(rounds or self.rounds):
            for contender in contenders if number % 2 == 0 else reversed(contenders):
                if contender.name in table.failures and contender.name not in table.results:
                    continue  # it never worked
                try:
                    table.add(contender, number, self.run(contender, load, **options))
                except (LoadFailed, AssertionError) as failure:
                    reason = str(failure).strip().splitlines()[-1]
                    say(f"  {contender.name}: {reason}")
                    table.failures[contender.name] = reason
            say(f"  {case}: round {number + 1}")
        return table


@dataclass
class Case:
    """Results of the same load for several contenders, by round."""

    name: str
    options: dict
    results: dict = field(default_factory=dict)  # contender's name -> round -> JSON
    failures: dict = field(default_factory=dict)

    def add(self, contender, number, result):
        self.results.setdefault(contender.name, {})[number] = result

    def _by_round(self, name, metric):
        found = {
            number: value_of(result, metric)
            for number, result in self.results.get(name, {}).items()
        }
        return {number: value for number, value in found.items() if value is not None}

    def values(self, name, metric):
        return list(self._by_round(name, metric).values())

    def pairs(self, name, reference, metric):
        """The values of both, of each round that has them."""
        others = self._by_round(reference, metric)
        ours = self._by_round(name, metric)
        return [(value, others[number]) for number, value in ours.items() if number in others]

    def ratios(self, name, reference, metric):
        """Of runs of the same round."""
        return [ours / other for ours, other in self.pairs(name, reference, metric) if other]

    def faults(self, name):
        """Per round, how many deliveries were not what they should be."""
        rounds = self.results.get(name, {}).values()
        return [sum(value_of(one, metric) for metric in FAULTS) for one in rounds]

    def raw(self, metrics):
        """What is kept of it in a file."""
        return {
            "case": self.name,
            "load": self.options,
            "failures": self.failures,
            "rounds": {
                name: {metric: self.values(name, metric) for metric in metrics}
                for name in self.results
            },
        }


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def spread(values, digits=2):
    """"median (min–max)"."""
    values = [value for value in values if value is not None]
    if not values:
        return "–"
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"

"""One round: fresh servers, some time of disturbances, the last messages, a verdict."""

import random
import time
from collections import Counter

from .audience import Audience
from .disturbances import Disturber
from .history import Entry, History, parse_id
from .judge_forks import TrackJudge
from .judge_trims import Fate, Fates, TrimJudge
from .messages import Messages, StreamPlan
from .publisher import Publisher

MARKER_TIMEOUT = 20.0  # seconds for the last messages, when all is calm; busy machines are slow
LEAST_RATE = 0.5  # of what is planned, on a machine that does other things too
REPORT_INTERVAL = 10.0  # seconds

PLANS = {
    "A": (
        StreamPlan("orders", 60),
        StreamPlan("prices", 25),
        StreamPlan("alerts", 0.4),
        *(StreamPlan(f"quiet{number}", 0.2) for number in range(4)),
    ),
    "B": (
        StreamPlan("orders", 60),
        StreamPlan("counted", 25, "counter"),
        StreamPlan("skewed", 25, "skewed"),
        StreamPlan("alerts", 0.4),
    ),
    "C": (StreamPlan("orders", 80), StreamPlan("prices", 40), StreamPlan("alerts", 1)),
}

# What has to have happened in ten seconds, and at least once: else the round proves nothing.
EVERYWHERE = {
    "joins during traffic": 5,
    "reconnects with a cursor": 20,
    "reconnects with a position and no event": 1,
    "replays of 1 and more": 2,
    "replays of 10 and more": 2,
    "replays of 100 and more": 1,
    "pauses": 1,
    "links killed": 0.4,
    "worker killed": 0.3,
    "reload": 0.3,
    "kills with traffic flowing": 0.5,
}
ENOUGH = {
    "A": {"redis killed": 0.3, "redis stopped": 0.3},
    "B": {
        "tail cut": 0.3,
        "replica promoted": 0.3,
        "forks of a stream": 1,
        "resets of cut clients": 5,
        "resets of cut clients that came back": 1,
        "resets of cut clients that had stayed": 1,
    },
    "C": {
        "entries trimmed": 30,
        "entries withdrawn": 4,
        "resets before an entry": 2,
        "gaps of withdrawn entries without a reset": 2,
    },
}


class Round:
    """`findings` are what is wrong with the module, `shortcomings` with the round itself."""

    def __init__(self, profile, seconds, seed, world, say=print):
        self.findings = []
        self.shortcomings = []
        self.counters = Counter()
        self._profile = profile
        self._seconds = seconds
        self._world = world
        self._say = say
        self._plans = PLANS[profile]
        seeds = random.Random(f"{profile} {seed}")
        self._messages = Messages(self._plans, random.Random(seeds.random()))
        self._histories = {plan.name: History() for plan in self._plans}
        self._publisher = Publisher(
            world.redis, self._plans, self._messages, random.Random(seeds.random())
        )
        self._audience = Audience(
            world, self._plans, self._messages, self.counters, seeds.random(), profile == "C"
        )
        self._disturber = Disturber(
            profile,
            world,
            self._plans,
            self._publisher,
            self._messages,
            self.counters,
            seeds.random(),
            self._on_fork,
        )

    def run(self):
        """Returns whether nothing is wrong."""
        self._audience.start()
        self._audience.run(0.5)  # some are there before the first message
        self._publisher.start()
        self._disturber.start()
        end = time.monotonic() + self._seconds
        while (left := end - time.monotonic()) > 0:
            self._audience.run(min(left, REPORT_INTERVAL))
            self._report()
        self._audience.calm_down()
        self._disturber.stop()
        self._publisher.stop()
        markers = self._publisher.publish_markers()
        lacking = self._audience.run_until_all_have(markers, MARKER_TIMEOUT)
        self._audience.close()
        self._judge(lacking)
        self._look_for_shortcomings()
        return not self.findings and not self.shortcomings

    def _on_fork(self, stream, entries, kept):
        self._histories[stream].end_epoch(entries, kept, time.monotonic())

    def _report(self):
        events = sum(len(t) for s in self._audience.sources for t in s.tracks.values())
        self._say(
            f"  {self._publisher.acknowledged():,} messages, {events:,} deliveries,"
            f" {self.counters['reconnects with a cursor']:,} reconnects"
        )

    def _judge(self, lacking):
        for source in self._audience.sources:
            self.findings += source.faults
        for plan in self._plans:
            known = len(self.findings)
            make_judge = self._trims_judge if self._profile == "C" else self._forks_judge
            judge = make_judge(plan.name)
            for source in self._audience.sources:
                if plan.name in source.streams:
                    track_judge = judge(source)
                    self.findings += track_judge.walk()
                    self.counters["tracks judged"] += 1
                    if (source, plan.name) in lacking:
                        self.findings += track_judge.judge_end()
            if len(self.findings) > known:
                self._say(f"  history of {plan.name}: {self._histories[plan.name]}")

    def _entries(self, stream):
        return [
            Entry(parse_id(entry_id), self._messages.number_of(stream, fields))
            for entry_id, fields in self._world.entries(stream)
        ]

    def _forks_judge(self, stream):
        history = self._histories[stream]
        history.end_epoch(self._entries(stream))
        for number, message in enumerate(self._messages.of[stream]):
            if message.acked_at is not None and history.place(number) is None:
                self.shortcomings.append(f"Redis has lost message {number} of {stream}")
        return lambda source: TrackJudge(source, stream, history, self._messages, self.counters)

    def _trims_judge(self, stream):
        retained = {entry.number for entry in self._entries(stream)}
        withdrawn = self._disturber.withdrawn[stream]

        def fate(entry):
            if entry.number in retained:
                return "retained"
            return "withdrawn" if entry.id in withdrawn else "trimmed"

        fates = Fates([Fate(*entry, fate(entry)) for entry in self._disturber.standing()[stream]])
        return lambda source: TrimJudge(source, stream, fates, self._messages, self.counters)

    def _look_for_shortcomings(self):
        rate, planned = self._publisher.rates()
        if rate < LEAST_RATE * planned:
            self.shortcomings.append(f"{rate:.0f} messages/s, planned were {planned:.0f}")
        for name, wanted in {**EVERYWHERE, **ENOUGH[self._profile]}.items():
            wanted = max(1, int(wanted * self._seconds / 10))
            if self.counters[name] < wanted:
                self.shortcomings.append(f"{name}: {self.counters[name]}, too few; {wanted} wanted")

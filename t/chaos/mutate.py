"""scripts/mutate-chaos' program: builds broken modules; the chaos test has to find each out."""

import argparse
import functools
import subprocess
import sys
import tomllib
from pathlib import Path

from .__main__ import FOUND, WELL

SOURCES = ("src", "module", "scripts", "config", "config.make")
SEED = 1
TRIES = 2  # with another seed each: what goes wrong rarely need not go wrong at once
SLACK = 120  # seconds that a round takes beyond its time, at most


class MutationError(Exception):
    """A mutation that cannot be tried."""


def main():
    parser = argparse.ArgumentParser(prog="scripts/mutate-chaos")
    parser.add_argument("--root", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--list", action="store_true", help="only say what there is")
    parser.add_argument("--seconds", type=float, default=30, help="for each try")
    parser.add_argument("names", nargs="*", metavar="name")
    arguments = parser.parse_args()
    mutations = tomllib.loads((Path(__file__).parent / "mutations.toml").read_text())["mutation"]
    known = [mutation["name"] for mutation in mutations]
    unknown = set(arguments.names) - set(known)
    if unknown:
        parser.error(f"no such mutation: {', '.join(unknown)}; there are: {'; '.join(known)}")
    chosen = [each for each in mutations if each["name"] in (arguments.names or known)]
    if arguments.list:
        for mutation in chosen:
            print(f"{mutation.get('profile', 'test'):4}  {mutation['name']}")
        return
    sys.exit(0 if Runner(arguments.root, arguments.seconds).run(chosen) else 1)


class Runner:
    def __init__(self, root, seconds):
        self._root = root
        self._seconds = seconds
        self._tree = root / "build" / "mutant"
        self._log = root / "build" / "mutate-chaos.log"

    def run(self, mutations):
        """Whether each is found out, and nothing is in the module as it is."""
        self._log.write_text("")
        is_well = True
        ways = [
            functools.partial(self._test, test=mutation["test"])
            if "test" in mutation
            else functools.partial(self._chaos, profile=mutation["profile"])
            for mutation in mutations
        ]
        for way in {str(way.keywords): way for way in ways}.values():
            what = ", ".join(way.keywords.values())
            is_well &= self._try(f"nothing broken, {what}", way, [], WELL)
        for mutation, way in zip(mutations, ways):
            is_well &= self._try(mutation["name"], way, mutation["edits"], FOUND)
        return is_well

    def _try(self, name, way, edits, expected):
        try:
            if expected == FOUND and not edits:
                raise MutationError("no edits in mutations.toml")
            module = self._build(name, edits)
            status = way(name, module, expected)
        except MutationError as error:
            print(f"FAILED  {name}: {error}", flush=True)
            return False
        is_well = status == expected
        what = {WELL: "passed", FOUND: "found out"}.get(status, f"ended with status {status}")
        print(f"{'ok' if is_well else 'FAILED':6}  {name}: {what}", flush=True)
        if status == FOUND:
            print(f"        {self._first_finding()}", flush=True)
        return is_well

    def _build(self, name, edits):
        texts = self._texts()
        for edit in edits:
            text = texts[edit["file"]]
            if text.count(edit["find"]) != 1:
                raise MutationError(
                    f"stands {text.count(edit['find'])} times in {edit['file']}, not once:"
                    f" {edit['find']!r}"
                )
            texts[edit["file"]] = text.replace(edit["find"], edit["replace"])
        self._write(texts)
        self._call(name, [self._tree / "scripts" / "build"], {0})
        return self._tree / "build" / "ngx_http_sse_module.so"

    def _texts(self):
        """What is built, by its path."""
        tops = [self._root / top for top in SOURCES]
        paths = [path for top in tops for path in [top, *top.rglob("*")]]
        return {
            str(path.relative_to(self._root)): path.read_text() for path in paths if path.is_file()
        }

    def _write(self, texts):
        """Makes the tree so, and touches only what was not: the rest need not be built anew."""
        for path in self._tree.rglob("*"):
            name = str(path.relative_to(self._tree))
            if path.is_file() and not name.startswith("build/") and name not in texts:
                path.unlink()
        for name, text in texts.items():
            path = self._tree / name
            if not path.exists() or path.read_text() != text:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                path.chmod((self._root / name).stat().st_mode)

    def _first_finding(self):
        lines = self._log.read_text().rpartition("### ")[2].splitlines()
        return next((line[:150] for line in lines if line.startswith("FAILED")), "")

    def _test(self, name, module, expected, test):
        command = [sys.executable, "-m", "pytest", "-q", "-c", self._root / "t" / "pytest.ini"]
        command += ["--rootdir", self._root / "t", self._root / test, "--module", module]
        return {0: WELL, 1: FOUND}.get(self._call(name, command, None))

    def _chaos(self, name, module, expected, profile):
        for seed in range(SEED, SEED + TRIES):
            command = [sys.executable, "-m", "chaos", "--module", module, "--profile", profile]
            command += ["--seed", str(seed), "--minutes", str(self._seconds / 60)]
            status = self._call(name, command, None)
            if status == expected:
                break
        return status

    def _call(self, name, command, allowed):
        with open(self._log, "a") as log:
            print(f"### {name}: {' '.join(map(str, command))}", file=log, flush=True)
            try:
                status = subprocess.run(
                    list(map(str, command)), stdout=log, stderr=log, timeout=self._seconds + SLACK
                ).returncode
            except subprocess.TimeoutExpired:
                raise MutationError(f"no end within the time, see {self._log}") from None
        if allowed is not None and status not in allowed:
            raise MutationError(f"{command[0]} failed, see {self._log}")
        return status


if __name__ == "__main__":
    main()

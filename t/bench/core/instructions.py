#!/usr/bin/python3
"""Counts the instructions of each scenario under callgrind: no other load changes them.

instructions.py PROGRAM DIRECTORY             prints them beside the stored ones
instructions.py PROGRAM DIRECTORY --record    stores them
instructions.py PROGRAM DIRECTORY --profile SCENARIO    shows which functions they are in
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

STORED = Path(__file__).with_name("instructions.json")

# Which of its functions for memory and strings glibc takes depends on the processor, and
# "rep movsb" counts once per byte: the oldest ones are on every x86-64.
ENVIRONMENT = {**os.environ, "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-ERMS,-FSRM"}


class Counts(NamedTuple):
    """Instructions per operation of each scenario, and what compiled it."""

    toolchain: str
    scenarios: dict

    @classmethod
    def read(cls, path):
        return cls(**json.loads(path.read_text()))

    def write(self, path):
        path.write_text(json.dumps(self._asdict(), indent=2) + "\n")


def run(program, directory, *scenarios):
    """Runs scenarios under callgrind: what the program said, and the dump of each scenario."""
    for old in directory.glob("callgrind*"):
        old.unlink()
    command = ["valgrind", "--quiet", "--tool=callgrind", "--instr-atstart=no"]
    command += [f"--callgrind-out-file={directory}/callgrind", program, *scenarios]
    result = subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True, text=True)
    dumps = {}
    for path in directory.glob("callgrind.*"):
        name = re.search(r"Trigger: Client Request: (.+)", path.read_text())
        if name:
            dumps[name[1]] = path
    return result.stdout.splitlines(), dumps


def count(program, directory):
    """The counts of all scenarios; of a program that was counted before, the same again."""
    directory.mkdir(parents=True, exist_ok=True)
    result = directory / "counts.json"
    key = directory / "counts.key"
    digest = hashlib.sha256(Path(program).read_bytes() + Path(__file__).read_bytes()).hexdigest()
    if result.exists() and key.exists() and key.read_text() == digest:
        return Counts.read(result)
    (toolchain, *lines), dumps = run(program, directory)
    scenarios = {}
    for line in lines:
        name, operations = line.split()
        total = re.search(r"^totals: (\d+)", dumps[name].read_text(), re.MULTILINE)
        scenarios[name] = round(int(total[1]) / int(operations), 1)
    counts = Counts(toolchain, scenarios)
    counts.write(result)
    key.write_text(digest)
    return counts


def show(counts, stored):
    print(f"instructions per operation, {counts.toolchain}; stored: {stored.toolchain}")
    for name, now in counts.scenarios.items():
        before = stored.scenarios.get(name)
        change = f"{before:12,.1f} {100 * (now / before - 1):+7.1f} %" if before else "         new"
        print(f"{name:40} {now:14,.1f} {change}")


def profile(program, directory, scenario):
    _, dumps = run(program, directory, scenario)
    if scenario not in dumps:
        sys.exit(f"no scenario {scenario!r}: their names are in {STORED.name}")
    command = [
        "callgrind_annotate",
        "--auto=no",
        "--threshold=95",
        "--show-percs=yes",
        str(dumps[scenario]),
    ]
    subprocess.run(command, check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--profile", metavar="SCENARIO")
    arguments = parser.parse_args()
    if arguments.profile:
        profile(arguments.program, arguments.directory, arguments.profile)
        return
    counts = count(arguments.program, arguments.directory)
    show(counts, Counts.read(STORED) if STORED.exists() else counts)
    if arguments.record:
        counts.write(STORED)


if __name__ == "__main__":
    main()

"""scripts/chaos' program: rounds, a table, a verdict."""

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from .chaos import PLANS, Round
from .world import BELLS, World

ROUND = 60.0  # seconds; what is judged is kept in memory so long
SHOWN = 20  # findings

# How the program ends: mutations are only caught when the module is to blame.
WELL, FOUND, VACUOUS = 0, 1, 2


def main():
    parser = argparse.ArgumentParser(prog="scripts/chaos")
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--profile", choices=sorted(PLANS), action="append")
    parser.add_argument("--bells", choices=sorted(BELLS), help="default: by turns")
    parser.add_argument("--module", type=Path, required=True)
    parser.add_argument("--nginx", default="nginx")
    parser.add_argument("--keep", type=Path, help="leave the servers' folders here")
    arguments = parser.parse_args()
    profiles = arguments.profile or sorted(PLANS)
    names = " ".join(profiles)
    print(f"seed {arguments.seed}, {arguments.minutes:g} minutes, profiles {names}", flush=True)
    sys.exit(run(arguments, profiles))


def run(arguments, profiles):
    counters, findings, shortcomings = Counter(), [], []
    rounds = max(len(profiles), round(arguments.minutes * 60 / ROUND))
    seconds = arguments.minutes * 60 / rounds
    for number in range(rounds):
        profile = profiles[number % len(profiles)]
        seed = arguments.seed + number // len(profiles)
        bells = arguments.bells or sorted(BELLS)[number % len(BELLS)]
        again = f"--profile {profile} --bells {bells} --seed {seed} --minutes {seconds / 60:g}"
        print(f"round {number + 1} of {rounds}: {again}", flush=True)
        found, lacks = run_round(arguments, profile, bells, seconds, seed, counters)
        findings += found
        shortcomings += lacks
        if found:
            break
    for name, count in sorted(counters.items()):
        print(f"{count:10,} {name}")
    for finding in findings[:SHOWN]:
        print(f"FAILED: {finding}")
    if len(findings) > SHOWN:
        print(f"… and {len(findings) - SHOWN} more")
    for shortcoming in shortcomings:
        print(f"PROVES NOTHING: {shortcoming}")
    status = FOUND if findings else VACUOUS if shortcomings else WELL
    print(("well", "NOT WELL", "proves nothing")[status] + f"; seed {arguments.seed}")
    return status


def run_round(arguments, profile, bells, seconds, seed, counters):
    def say(text):
        print(text, flush=True)

    with tempfile.TemporaryDirectory(prefix="chaos") as directory:
        binary = shutil.which(arguments.nginx)
        world = World(Path(directory), binary, str(arguments.module.resolve()), {}, bells)
        chaos = None
        try:
            with world:
                chaos = Round(profile, seconds, seed, world, say)
                chaos.run()
        except AssertionError as error:  # of what waits, or of nginx's error log
            return [*(chaos.findings if chaos else []), str(error)], []
        finally:
            if chaos:
                counters.update(chaos.counters)
            if arguments.keep:
                shutil.copytree(directory, arguments.keep, dirs_exist_ok=True, ignore=_sockets)
        return chaos.findings, chaos.shortcomings


def _sockets(folder, names):
    return [name for name in names if Path(folder, name).is_socket()]


if __name__ == "__main__":
    main()

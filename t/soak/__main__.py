"""scripts/soak's program: a run, a table, a verdict."""

import argparse
import json
import random
import shutil
import sys
import tempfile
from pathlib import Path

from .soak import HEAD, Soak
from .world import World

SHOWN = 20  # faults


def main():
    parser = argparse.ArgumentParser(prog="scripts/soak")
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--module", type=Path, required=True)
    parser.add_argument("--samples", type=Path, required=True)
    arguments = parser.parse_args()
    print(
        f"seed {arguments.seed}, {arguments.minutes:g} minutes;"
        f" a line for each second goes to {arguments.samples}"
    )
    with tempfile.TemporaryDirectory(prefix="soak") as directory:
        is_well = run(Path(directory), arguments)
    sys.exit(0 if is_well else 1)


def run(directory, arguments):
    world = World(directory, shutil.which("nginx"), str(arguments.module.resolve()), {})
    is_well = False
    soak = None
    try:
        with world:
            print("over " + ", ".join(transport.name for transport in world.transports))
            soak = Soak(world, arguments.minutes * 60, arguments.seed)
            print(HEAD)
            is_well = soak.run()
    except AssertionError as error:  # of what waits, or of nginx's error log
        print(f"FAILED: {error}")
        is_well = False
    if soak is None:
        return False
    arguments.samples.write_text("\n".join(map(json.dumps, soak.recorder.lines)) + "\n")
    for finding in soak.findings[:SHOWN]:
        print(f"FAILED: {finding}")
    if len(soak.findings) > SHOWN:
        print(f"… and {len(soak.findings) - SHOWN} more")
    totals = soak.load.totals
    print(
        f"{totals.visits:,} streams, {totals.messages:,} messages,"
        f" {totals.events:,} deliveries checked,"
        f" {totals.resets:,} resets, {totals.ended_by_server:,} streams ended by the server"
    )
    print(
        "streams over "
        + ", ".join(f"{name}: {count:,}" for name, count in totals.by_transport.items())
    )
    print(f"{'well' if is_well else 'NOT WELL'}; again with --seed {arguments.seed}")
    return is_well


main()

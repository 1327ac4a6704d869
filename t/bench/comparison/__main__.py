"""The command line of scripts/bench."""

import argparse
import shlex
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from harness import Redis

from . import durable, limits, machine, publish, readers, scenarios
from .contenders import ALL, Place
from .rounds import Bench, say

ROOT = Path(__file__).resolve().parent.parent.parent.parent
RESULTS = ROOT / "t" / "bench" / "results"

SCENARIOS = {
    "closed": scenarios.closed,
    "overload": scenarios.overload,
    "durable": durable.durable,
    "replay": durable.replay,
    "readers": readers.readers,
    "memory": scenarios.memory,
    "connect": scenarios.connect,
    "channels": scenarios.channels,
    "slices": limits.slices,
    "mixed": limits.mixed,
    "breaking": limits.breaking,
    "transports": scenarios.transports,
}
QUICK = ("closed", "overload", "durable", "replay", "readers", "connect")


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Compares this module with others, side by side in alternation.",
    )
    parser.add_argument(
        "scenario", nargs="*", help=f"which, of {', '.join(SCENARIOS)}; default: all"
    )
    parser.add_argument("--quick", action="store_true", help="small loads: does it work at all?")
    parser.add_argument("--rounds", type=int, help="default 5, with --quick 1")
    parser.add_argument("--only", default="", help=f"contenders, comma-separated: {', '.join(ALL)}")
    parser.add_argument("--module", default=str(ROOT / "build" / "ngx_http_sse_module.so"))
    parser.add_argument("--against", default="", help="another build of the module: A B A B")
    parser.add_argument("--conf-extra", default="", help="directives for our http {}")
    parser.add_argument("--build", default=str(ROOT / "build" / "bench"), help="of load and bare")
    parser.add_argument("--output", default="", help="folder for JSON and plot; default: none")
    parser.add_argument(
        "--publish", action="store_true", help="writes t/bench/results and the README's table"
    )
    options = parser.parse_args(arguments)
    names = options.scenario or list(QUICK if options.quick else SCENARIOS)
    for name in names:
        if name not in SCENARIOS:
            parser.error(f'no scenario "{name}"; there are: {", ".join(SCENARIOS)}')
    only = tuple(filter(None, options.only.split(",")))
    for name in only:
        if name not in ALL:
            parser.error(f'no contender "{name}"; there are: {", ".join(ALL)}')
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds is at least 1")
    for path in filter(None, (options.module, options.against)):
        if not Path(path).is_file():
            parser.error(f"no module at {path}")
    return options, names, only


def main(arguments, environment=None):
    """`environment`: of every nginx with our module, for a sanitizer build."""
    options, names, only = parse(arguments)
    if not shutil.which("redis-server"):
        sys.exit("scripts/bench: no redis-server on the path")
    rounds = options.rounds or (1 if options.quick else 5)
    command = shlex.join(["scripts/bench", *arguments])
    about = machine.describe()
    output = RESULTS if options.publish else Path(options.output) if options.output else None
    results = []
    with tempfile.TemporaryDirectory(prefix="sse-bench-") as directory:
        redis = Redis(Path(directory))
        try:
            # Who is behind is to be behind, not cut off.
            redis.arguments = ("--client-output-buffer-limit", "pubsub 0 0 0")
            redis.start()
            module, against = (
                str(Path(path).resolve()) if path else ""
                for path in (options.module, options.against)
            )
            place = Place(
                redis,
                module,
                Path(options.build),
                options.conf_extra,
                against,
                environment or {},
            )
            bench = Bench(place, rounds, options.quick, only)
            for name in names:
                say(f"==> {name}")
                result = SCENARIOS[name](bench)
                results.append(result)
                print(f"\n{result.markdown()}\n", flush=True)
                for line in result.targets:
                    print(f"- {line}", flush=True)
                if output:
                    publish.write_json(output, result, about, command)
        finally:
            redis.close()
    print("\n" + machine.sentence(about, command))
    if options.publish:
        if not publish.publish(ROOT / "README.md", RESULTS, SCENARIOS):
            say("README.md has no markers: its table was not written")
    elif output:
        publish.draw(results, output / "comparison.svg")


if __name__ == "__main__":
    # Its servers are in sessions of their own: they are ended on the way out.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    main(sys.argv[1:])

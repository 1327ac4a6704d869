"""One run of the load generator."""

import json
import subprocess


class LoadFailed(Exception):
    """The generator could not do its work; what it said."""


def run_load(binary, running, **options):
    """Runs it against a server; an option subscribers=10 becomes --subscribers 10. Its JSON.

    Losses are results; anything else that stops it is LoadFailed.
    """
    options = {"url": running.url, "publish": running.publish, **options}
    command = [str(binary), "--server-pid", str(running.pid), *running.options]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode not in (0, 1) or not done.stdout:
        raise LoadFailed(done.stderr.strip().removeprefix("load: ") or f"status {done.returncode}")
    return json.loads(done.stdout)


def value_of(result, path):
    """A number in a result, "server.cpu_us_per_delivery" for one; None where there is none."""
    for part in path.split("."):
        if result is None:
            return None
        result = result.get(part)
    return result

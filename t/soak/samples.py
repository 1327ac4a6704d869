"""What the processes hold: memory, descriptors, sockets."""

import os
import time
from typing import NamedTuple

from harness import processes


class Held(NamedTuple):
    """By one process, or by several together."""

    allocated: int  # bytes in no file: unlike PSS it does not depend on who else runs an nginx
    pss: int  # bytes
    descriptors: int
    sockets: int

    def __add__(self, other):
        return Held(*(a + b for a, b in zip(self, other)))


NOTHING = Held(0, 0, 0, 0)


def held_by(pid):
    """None when the process ends meanwhile."""
    try:
        directory = f"/proc/{pid}/fd"
        names = os.listdir(directory)
        sockets = sum(os.readlink(f"{directory}/{name}").startswith("socket:") for name in names)
        memory = processes.anonymous_bytes(pid), processes.proportional_bytes(pid)
        return Held(*memory, len(names), sockets)
    except OSError:
        return None


def held_by_all(pids):
    return sum((held for held in map(held_by, pids) if held), NOTHING)


class Recorder:
    """A line for each second of load: time, streams, and what each worker and the master hold."""

    def __init__(self, world):
        self.lines = []
        self._world = world
        self._births = {}  # when each worker's pid was seen first
        self._begin = time.monotonic()

    def take(self, generation, streams):
        nginx, redis = self._world.nginx, self._world.redis
        seconds = round(time.monotonic() - self._begin, 1)
        workers = {}
        for pid in nginx.all_worker_pids():
            held = held_by(pid)
            if held:
                workers[pid] = {"since": self._births.setdefault(pid, seconds), **held._asdict()}
        self.lines.append(
            {
                "seconds": seconds,
                "generation": generation,
                "streams": streams,
                "workers": workers,
                "master": held_by(nginx.process.pid)._asdict(),
                "redis_clients": len(redis.client.client_list()),
            }
        )

    def peak_pss(self, generation):
        """The most memory that the workers had together at any sample of a generation."""
        lines = (line for line in self.lines if line["generation"] == generation)
        return max(
            (sum(held["pss"] for held in line["workers"].values()) for line in lines), default=0
        )

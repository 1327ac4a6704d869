"""The run: generations of workers, cycles of load in each of them, and reloads in between.

A cycle ends when no stream is left: what is held then must not depend on what was there before.
"""

import os
import random
import signal
import time
from typing import NamedTuple

from harness import WaitTimeout, wait_until

from .load import Load
from .samples import Recorder, held_by, held_by_all
from .verdict import growth, shares
from .world import WORKERS

CYCLES = 8  # of each generation, and one before that is not judged
RELOADS = 4  # after each generation: one with streams, the others without
CONNECTIONS_TO_REDIS = 2  # of each worker

# Most that may come together in all cycles of a generation, or in all reloads, without being
# called a leak: what an allocator does not give back, and tables that grow to their size.
ALLOWED_OF_WORKERS = 512 * 1024
ALLOWED_OF_RELOADS = 256 * 1024
SANITIZER_FACTOR = 20  # its own memory grows with the places it has seen allocate


class Mix(NamedTuple):
    """A kind of load. Two differ much, so that it shows which of them leaves something behind."""

    visits: float  # connections per second
    messages: float  # per second
    lifetime: float  # seconds, on average


VISITS = Mix(60, 5, 0.3)
MESSAGES = Mix(6, 60, 1.5)


class Soak:
    def __init__(self, world, seconds, seed, say=print):
        self._world = world
        self._say = say
        self._rng = random.Random(seed)
        self._generation = 0
        self.recorder = Recorder(world)
        self.load = Load(
            world, self._rng, lambda load: self.recorder.take(self._generation, load.open_streams)
        )
        self.findings = []  # what is wrong
        self._leaks = []  # what is said of each generation that grew
        self.rows = []
        self._generations = 2 if seconds < 300 else 4
        # What is not load: a plateau after each cycle, and the reloads.
        cycle = seconds / self._generations / (CYCLES + 3)
        self._load_seconds = max(0.5, cycle - 0.4)

    def run(self):
        """Returns whether all was well."""
        self._wait_settled()
        of_reloads = [self._idle()]
        try:
            for _ in range(self._generations):
                self._generation += 1
                self._run_generation()
                for number in range(RELOADS):
                    self._reload(with_streams=number == 0)
                    of_reloads.append(self._idle())
        finally:
            self.load.close()
            self.findings += self.load.faults
        if len(self._leaks) > self._generations / 2:  # the same code leaks in each of them
            self.findings += self._leaks
        self._judge_reloads(of_reloads[1:])  # a first reload does some things for the first time
        return not self.findings

    def _run_generation(self):
        plateaus, causes = [], []
        for cycle in range(CYCLES + 1):
            mix = MESSAGES if cycle % 2 else VISITS
            self.load.run(self._load_seconds, *mix)
            if cycle == CYCLES // 2:
                self._cut_redis(mix)
            self.load.level()
            self.load.empty()
            if cycle == 0:
                continue
            plateaus.append(self._idle()[1])
            causes.append((self.load.totals.visits, self.load.totals.messages))
        self._judge_generation(plateaus, causes)

    def _cut_redis(self, mix):
        """Redis closes its connections to the workers: every stream gets a reset, and goes on."""
        self._world.redis.command("CLIENT", "KILL", "TYPE", "pubsub")
        self.load.run(0.5, *mix)
        self._wait_settled()

    def _reload(self, with_streams):
        nginx = self._world.nginx
        if with_streams:
            self.load.run(self._load_seconds, *MESSAGES)
        old = set(nginx.all_worker_pids())
        self.load.reload()
        os.kill(nginx.process.pid, signal.SIGUSR1)  # reopen
        deadline = time.monotonic() + 15
        while with_streams and old & set(nginx.all_worker_pids()):
            self.load.run(0.2, *MESSAGES)
            if time.monotonic() > deadline:
                self.findings.append("a worker of the old configuration does not end")
                break
        self.load.empty()
        self._wait_settled()

    def _wait_settled(self):
        """Only the workers of one generation, each with its connections to Redis."""
        nginx, redis = self._world.nginx, self._world.redis

        def is_settled():
            connections = [
                each for each in redis.client.client_list() if each["name"].startswith("nginx")
            ]
            return (
                len(nginx.all_worker_pids()) == WORKERS
                and len(connections) == WORKERS * CONNECTIONS_TO_REDIS
            )

        try:
            wait_until(is_settled, "the workers and their connections to Redis")
        except WaitTimeout:
            names = [each["name"] for each in redis.client.client_list()]
            self.findings.append(
                f"not settled: workers {nginx.all_worker_pids()}, clients of Redis {names}"
            )

    def _idle(self):
        """What master and workers hold when nobody is there: the least of some samples."""
        nginx = self._world.nginx
        workers = nginx.worker_pids()
        settled = []

        def is_stable():
            settled.append(held_by_all(workers))
            return len(settled) > 4 and settled[-1].descriptors == settled[-4].descriptors

        wait_until(is_stable, "the descriptors of closed connections are given back")
        return held_by(nginx.process.pid), min(settled[-4:])

    def _judge_generation(self, plateaus, causes):
        allowed = ALLOWED_OF_WORKERS * (SANITIZER_FACTOR if self._world.is_sanitized else 1)
        memory = growth([held.allocated for held in plateaus])
        per_visit, per_message = shares([held.allocated for held in plateaus], causes)
        name = f"generation {self._generation}"
        if memory.is_leak(allowed):
            what = (
                f"about {per_visit:,.0f} bytes for each stream, {per_message:,.0f} for each message"
            )
            self._leaks.append(
                f"{name}: the workers' idle memory grows: {_kib(memory.total)} in all, {what}"
            )
        self._judge_descriptors(name, plateaus)
        visits, messages = (last - first for first, last in zip(causes[0], causes[-1]))
        self.rows.append(
            (
                name,
                visits,
                messages,
                plateaus[0],
                plateaus[-1],
                memory,
                self.recorder.peak_pss(self._generation),
            )
        )
        self._say(_row(*self.rows[-1]))

    def _judge_reloads(self, samples):
        masters = [master for master, _ in samples]
        allowed = ALLOWED_OF_RELOADS * (SANITIZER_FACTOR if self._world.is_sanitized else 1)
        memory = growth([master.allocated for master in masters])
        if memory.is_leak(allowed):
            self.findings.append(
                f"the master's memory grows with reloads: {_kib(memory.per_step)} each"
            )
        self._judge_descriptors("reloads: master", masters)
        workers = [workers for _, workers in samples]
        self._judge_descriptors("reloads: new workers", workers)
        memory_of_workers = growth([held.allocated for held in workers])
        if memory_of_workers.is_leak(allowed):
            self.findings.append(
                "new workers begin with more memory after each reload:"
                f" {_kib(memory_of_workers.per_step)}"
            )
        self.rows.append(
            ("master, reloads", len(samples), 0, masters[0], masters[-1], memory, masters[-1].pss)
        )
        self._say(_row(*self.rows[-1]))

    def _judge_descriptors(self, name, samples):
        for kind in ("descriptors", "sockets"):
            counts = [getattr(held, kind) for held in samples]
            # One that is about to be closed may be seen; what stays is in all of the later half.
            if min(counts[len(counts) // 2 :]) > counts[0]:
                self.findings.append(f"{name}: {kind} are left behind: {counts}")


def _kib(size):
    return f"{size / 1024:,.1f} KiB"


HEAD = (
    f"{'':16} {'streams':>8} {'messages':>8} {'allocated when idle':>24} {'growth':>10}"
    f" {'peak PSS':>12} {'descriptors':>12}"
)


def _row(name, visits, messages, first, last, memory, peak):
    idle = f"{_kib(first.allocated)} -> {_kib(last.allocated)}"
    descriptors = f"{first.descriptors} -> {last.descriptors}"
    return (
        f"{name:16} {visits:8,} {messages:8,} {idle:>24} {_kib(memory.total):>10}"
        f" {_kib(peak):>12} {descriptors:>12}"
    )

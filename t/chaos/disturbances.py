"""A thread that kills, stops, cuts and reloads, one thing after another, by a seeded choice."""

import os
import random
import shutil
import signal
import threading

from harness import Redis, wait_until

from .append_only_file import AppendOnlyFile
from .history import Entry, format_id, parse_id
from .world import BROKER_TIMEOUT, REDIS_OPTIONS

KINDS = {
    "A": ("redis killed", "redis stopped", "links cut", "worker killed", "reload"),
    "B": ("tail cut", "replica promoted", "links cut", "worker killed", "reload"),
    "C": (
        *("trimmed", "trimmed", "trimmed", "withdrawn", "withdrawn"),
        *("links cut", "worker killed", "reload"),
    ),
}
PAUSES = {"A": (0.3, 1.5), "B": (0.5, 1.5), "C": (0.1, 0.6)}  # seconds between two of them


class Disturber:
    """Goes through all kinds of a profile in random order, again and again, until it is stopped.

    `on_fork(stream, entries, kept)` is told what stood in a stream before entries were lost.
    """

    def __init__(self, profile, world, plans, publisher, messages, counters, seed, on_fork):
        self.error = None
        self.withdrawn = {plan.name: set() for plan in plans}  # ids
        self._world = world
        self._redis = world.redis
        self._client = world.redis.make_client()
        self._streams = [plan.name for plan in plans]
        self._publisher = publisher
        self._messages = messages
        self._counters = counters
        self._rng = random.Random(seed)
        self._on_fork = on_fork
        self._known = {stream: [] for stream in self._streams}  # entries that a base holds
        self._replica_count = 0
        self._pauses = PAUSES[profile]
        self._kinds = KINDS[profile]
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        """Waits until what is under way is over."""
        self._stopped.set()
        self._thread.join()
        self._client.close()
        if self.error:
            raise AssertionError(f"a disturbance failed: {self.error}") from self.error

    def _run(self):
        deck = []
        try:
            while not self._stopped.wait(self._rng.uniform(*self._pauses)):
                if not deck:
                    deck = self._rng.sample(self._kinds, len(self._kinds))
                kind = deck.pop()
                getattr(self, "_" + kind.replace(" ", "_"))()
                self._counters[kind] += 1
        except Exception as error:  # whatever it is, the test must see it
            self.error = error

    def _redis_killed(self):
        self._note_flow()
        self._redis.kill()
        self._stopped.wait(self._rng.choice((0, 0.2, 1)))
        self._redis.start()

    def _redis_stopped(self):
        self._note_flow()
        self._redis.pause()
        self._stopped.wait(BROKER_TIMEOUT * self._rng.uniform(1.5, 3))
        self._redis.resume()

    def _links_cut(self):
        kind = self._rng.choice(("normal", "normal", "pubsub"))
        for each in self._client.client_list(_type=kind):
            if each["name"].startswith("nginx"):
                self._client.execute_command("CLIENT", "KILL", "ID", each["id"])
                self._counters["links killed"] += 1

    def _worker_killed(self):
        self._note_flow()
        pids = self._world.nginx.worker_pids()
        os.kill(self._rng.choice(pids), signal.SIGKILL)
        wait_until(lambda: set(self._world.nginx.worker_pids()) - set(pids), "a new worker")

    def _reload(self):
        self._world.nginx.reload()

    def _note_flow(self):
        if self._messages.is_flowing(self._streams):
            self._counters["kills with traffic flowing"] += 1

    def _tail_cut(self):
        """Redis comes back without the last messages of all its streams together."""
        self._note_flow()
        self._redis.kill()
        file = AppendOnlyFile(self._redis.directory)
        before = self.standing()
        file.cut(self._rng.choice((1, 5, 30, 150)))
        self._fork(before, self.standing())
        self._redis.start()

    def _replica_promoted(self):
        """Redis comes back as a replica that had lost its link some time ago."""
        directory = self._redis.directory.parent / f"replica{self._replica_count}"
        self._replica_count += 1
        directory.mkdir()
        master = ("--replicaof", "127.0.0.1", str(self._redis.port))
        replica = Redis(directory, *REDIS_OPTIONS, *master)
        try:
            replica.start()
            self._make_stale(replica)
            self._note_flow()
            self._redis.kill()
            before = self.standing()
            standing = {stream: self._entries(replica, stream) for stream in self._streams}
            replica.stop()
            self._known = self._without_the_newest_part(standing, directory)
            parts = self._redis.directory / "appendonlydir"
            shutil.rmtree(parts)
            shutil.move(directory / "appendonlydir", parts)
        finally:
            replica.close()
        self._fork(before, self.standing())
        self._redis.start()

    def _without_the_newest_part(self, standing, directory):
        newest = {(stream, entry_id) for stream, entry_id, _ in AppendOnlyFile(directory).entries()}
        return {
            stream: [entry for entry in entries if (stream, format_id(entry.id)) not in newest]
            for stream, entries in standing.items()
        }

    def _make_stale(self, replica):
        def has_all():
            link, saving = replica.client.info("replication"), replica.client.info("persistence")
            return link["master_link_status"] == "up" and not (
                saving["aof_rewrite_in_progress"] or saving["aof_rewrite_scheduled"]
            )

        wait_until(has_all, "the replica has its own append-only file")
        replica.command("REPLICAOF", "NO", "ONE")
        self._stopped.wait(self._rng.uniform(0.1, 1))  # for what it will not have

    def _entries(self, redis, stream):
        return [
            Entry(parse_id(entry_id.decode()), self._messages.number_of(stream, fields))
            for entry_id, fields in redis.client.xrange(stream)
        ]

    def standing(self):
        """What the files of a Redis that does not run say of all streams."""
        found = {
            stream: {entry.id: entry for entry in self._known[stream]} for stream in self._streams
        }
        for stream, entry_id, fields in AppendOnlyFile(self._redis.directory).entries():
            number = self._messages.number_of(stream, fields)
            found[stream].setdefault(parse_id(entry_id), Entry(parse_id(entry_id), number))
        return {stream: sorted(entries.values()) for stream, entries in found.items()}

    def _fork(self, before, after):
        self._publisher.skew_ms = self._rng.choice((-20_000, -1_000, 1_000, 20_000))
        for stream in self._streams:
            self._on_fork(stream, before[stream], len(after[stream]))
            if len(after[stream]) < len(before[stream]):
                self._counters["forks of a stream"] += 1

    def _trimmed(self):
        stream = self._rng.choice(self._streams)
        length = self._client.xlen(stream)
        if self._rng.random() < 0.5:
            removed = self._client.xtrim(
                stream, maxlen=int(length * self._rng.uniform(0, 0.8)), approximate=True
            )
        else:
            skipped = self._client.xrange(stream, count=self._rng.randint(1, max(2, length)))
            minid = skipped[-1][0] if skipped else "0-0"
            removed = self._client.xtrim(stream, minid=minid, approximate=False)
        self._counters["entries trimmed"] += removed

    def _withdrawn(self):
        """Single entries: of the newest, of the oldest, of any, and sometimes many in a row."""
        stream = self._rng.choice(self._streams)
        newest = [entry_id for entry_id, _ in self._client.xrevrange(stream, count=50)]
        oldest = [entry_id for entry_id, _ in self._client.xrange(stream, count=3)]
        scattered = newest[5:6] + newest[30:31]
        chosen = self._rng.choice((newest[:1], newest[:20], scattered, oldest[:1]))
        for entry_id in chosen:
            self.withdrawn[stream].add(parse_id(entry_id.decode()))
            self._counters["entries withdrawn"] += self._client.xdel(stream, entry_id)

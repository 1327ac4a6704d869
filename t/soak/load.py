"""Clients that come and go, and messages, at rates that are asked for: one epoll loop."""

import heapq
import itertools
import select
import time
from dataclasses import dataclass, field

from harness.waiting import DEFAULT_TIMEOUT, Deadline

from .clients import SLOW_PACE, Client
from .messages import JSON_CHANNELS, LARGEST, TEXT_CHANNELS, Messages

TICK = 0.05  # seconds
# Within so many seconds of a reload the server may end any stream: the drain, and what a busy
# machine adds.
RELOAD_ENDS = 8.0
WITNESSES = 12  # of a kind: so many that each worker has some


@dataclass
class Totals:
    """What was done so far."""

    visits: int = 0
    messages: int = 0
    events: int = 0
    resets: int = 0
    ended_by_server: int = 0
    by_transport: dict = field(default_factory=dict)


class Load:
    """`on_second` is called about once a second while there is load."""

    def __init__(self, world, rng, on_second):
        self.totals = Totals()
        self.faults = []
        self._world = world
        self._rng = rng
        self._on_second = on_second
        self._messages = Messages(world.redis, rng)
        self._epoll = select.epoll()
        self._clients = {}  # by descriptor
        self._timers = []  # (time, tie-breaker, function, client)
        self._ties = itertools.count()
        self._next_second = 0.0
        self._last_reload = 0.0

    @property
    def open_streams(self):
        return sum(client.streams for client in self._clients.values())

    def run(self, seconds, visits_per_second, messages_per_second, lifetime):
        """Load for some time; clients stay for `lifetime` on average, some also afterwards."""
        now = time.monotonic()
        end = now + seconds
        next_visit, next_message = now, now
        while now < end:
            while next_visit <= now:
                self._visit(lifetime)
                next_visit += self._rng.expovariate(visits_per_second)
            while next_message <= now:
                self._messages.publish()
                next_message += self._rng.expovariate(messages_per_second)
            self._turn(min(next_visit, next_message, now + TICK) - now)
            now = time.monotonic()

    def reload(self):
        """A reload with all clients there; every stream has to end, and well."""
        self._last_reload = time.monotonic()
        self._world.nginx.reload()
        self._turn(0)

    def level(self):
        """Brings every worker to the same state: what it kept for large messages is given back."""
        witnesses = [
            self._connect(60, witness=kind) for kind in ("text", "json") for _ in range(WITNESSES)
        ]
        self._turn_until(
            lambda: all(client.is_open for client in witnesses), "the witnesses are open"
        )
        for number, size in enumerate((LARGEST, 1, 1)):
            for channel in (TEXT_CHANNELS[0], JSON_CHANNELS[0]):
                self._messages.publish_of_size(channel, size)
            self._turn_until(
                lambda: all(client.events > number for client in witnesses), "a message to all"
            )

    def empty(self):
        """All clients leave."""
        self._turn(0)
        for client in list(self._clients.values()):
            self._forget(client)
        self._timers.clear()

    def close(self):
        self.empty()
        self._epoll.close()
        self._messages.close()

    def _visit(self, lifetime):
        try:
            self._connect(lifetime)
        except (OSError, AssertionError) as error:
            self.faults.append(f"a client could not connect: {error!r}")

    def _connect(self, lifetime, **options):
        client = Client(self._world, self._messages, self._rng, lifetime, **options)
        self._clients[client.fileno()] = client
        self.totals.visits += client.streams
        if client.behaviour == "reader":
            self._epoll.register(client.fileno(), select.EPOLLIN)
        elif client.behaviour == "slow":
            self._at(client.born + SLOW_PACE, self._read_slowly, client)
        self._at(client.dies, self._forget, client)
        return client

    def _at(self, moment, function, client):
        heapq.heappush(self._timers, (moment, next(self._ties), function, client))

    def _turn_until(self, condition, what):
        deadline = Deadline(2 * DEFAULT_TIMEOUT, what)
        while not condition():
            self._turn(min(TICK, deadline.remaining()))

    def _turn(self, timeout):
        for descriptor, _ in self._epoll.poll(max(0, timeout)):
            self._read(self._clients[descriptor])
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            _, _, function, client = heapq.heappop(self._timers)
            if not client.is_gone:
                function(client)
        if now >= self._next_second:
            self._next_second = now + 1
            self._on_second(self)
        self.totals.messages = self._messages.count

    def _read(self, client):
        self._guarded(client, client.on_readable)
        if client.ended:
            self._forget(client)

    def _read_slowly(self, client):
        self._read(client)
        if not client.is_gone:
            self._at(time.monotonic() + SLOW_PACE, self._read_slowly, client)

    def _forget(self, client):
        del self._clients[client.fileno()]
        if client.behaviour == "reader":
            self._epoll.unregister(client.fileno())
        self._guarded(client, client.leave)
        client.is_gone = True
        self.faults += client.take_faults()
        self.totals.events += sum(ear.events for ear in client.ears)
        self.totals.resets += sum(ear.resets for ear in client.ears)
        name = client.transport.name
        self.totals.by_transport[name] = self.totals.by_transport.get(name, 0) + client.streams
        self._judge_ends(client)

    def _judge_ends(self, client):
        if not client.ends:
            return
        self.totals.ended_by_server += len(client.ends)
        if client.behaviour != "reader":
            return
        is_drained = time.monotonic() - self._last_reload < RELOAD_ENDS
        for end in client.ends:
            if not is_drained or end != "clean":
                self.faults.append(f"{client!r}: the server ended its stream ({end})")

    def _guarded(self, client, function):
        try:
            function()
        except Exception as error:  # whatever a client finds wrong, the others go on
            self.faults.append(f"{client!r}: {type(error).__name__}: {error}")
            client.ended = True

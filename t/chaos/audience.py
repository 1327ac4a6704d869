"""Pages with an EventSource each, in one epoll loop: they come, pause, go, and come back."""

import heapq
import itertools
import random
import select
import time

from .event_source import EventSource, Heard
from .world import WAYS

PAGES = 40
BUSY = 1  # messages per second
SLOW_SHARE = 0.15  # of pages that read little and pause
CLOSING_SHARE = 0.4  # of pages that are closed before the end; another one opens in their place
SLOW_RECEIVE_BUFFER = 4096
REPLAY_CLASSES = ((1, 9), (10, 99), (100, 10**9))  # messages that a reconnect missed


class Audience:
    def __init__(self, world, plans, messages, counters, seed, asks_redis=False):
        self.sources = []  # all that there ever were
        self._world = world
        self._plans = plans
        self._messages = messages
        self._counters = counters
        self._asks_redis = asks_redis
        self._rng = random.Random(seed)
        self._epoll = select.epoll()
        self._by_fd = {}
        self._living = set()
        self._timers = []  # (when, number, what)
        self._timer_numbers = itertools.count()
        self._is_calm = False

    def start(self):
        for _ in range(PAGES):
            self._after(self._rng.uniform(0, 3), self._open_page)

    def run(self, seconds):
        self.run_until(lambda: False, time.monotonic() + seconds)

    def run_until(self, condition, deadline):
        """Reads until condition() or a moment of the monotonic clock; returns condition()."""
        while not condition():
            now = time.monotonic()
            if now >= deadline:
                return False
            while self._timers and self._timers[0][0] <= now:
                heapq.heappop(self._timers)[2]()
            next_timer = self._timers[0][0] if self._timers else deadline
            wait = max(0, min(next_timer, deadline, now + 0.1) - time.monotonic())
            for fd, _ in self._epoll.poll(wait):
                source = self._by_fd.get(fd)
                if source is not None and not source.read(time.monotonic()):
                    self._lose(source, source.retry)
        return True

    def calm_down(self):
        """From now on nobody leaves or pauses; who is away comes back."""
        self._is_calm = True

    def run_until_all_have(self, markers, timeout):
        """The (source, stream) of living pages that did not get the last message in time."""
        missing = {
            (source, stream) for source in self._living for stream in source.streams
        }

        def is_complete():
            got = [
                (source, stream)
                for source, stream in missing
                if self._has(source, stream, markers[stream])
            ]
            missing.difference_update(got)
            return not missing

        self.run_until(is_complete, time.monotonic() + timeout)
        return missing

    def close(self):
        for source in list(self._by_fd.values()):
            self._disconnect(source)
        self._epoll.close()

    @staticmethod
    def _has(source, stream, number):
        # Behind the marker nothing is published, but a reset may repeat.
        recent = source.tracks[stream][-5:]
        return any(isinstance(item, Heard) and item.number == number for item in recent)

    def _after(self, seconds, what):
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._timer_numbers), what))

    def _open_page(self):
        rng = self._rng
        streams = self._choose_streams(rng.choices((1, 2, 3), weights=(7, 2, 1))[0])
        start = rng.choice(("new", "new", "oldest"))
        path = f"{rng.choice(tuple(WAYS))}/{start}"
        is_slow = rng.random() < SLOW_SHARE
        source = EventSource(
            self._world.nginx.port,
            path,
            streams,
            start,
            self._messages,
            time.monotonic(),
            receive_buffer=SLOW_RECEIVE_BUFFER if is_slow else None,
        )
        source.is_slow = is_slow
        if self._asks_redis:
            source.on_reset = self._world.first_id
        self.sources.append(source)
        self._living.add(source)
        self._counters["pages"] += 1
        if self._messages.is_flowing(streams):
            self._counters["joins during traffic"] += 1
        if rng.random() < CLOSING_SHARE:
            self._after(rng.uniform(2, 15), lambda: self._close_page(source))
        self._connect(source)

    def _choose_streams(self, count):
        """Busy ones more often."""
        order = {
            plan.name: self._rng.random() ** (1 if plan.rate < BUSY else 1 / 5)
            for plan in self._plans
        }
        return sorted(order, key=order.get, reverse=True)[:count]

    def _close_page(self, source):
        if self._is_calm:
            return
        self._living.discard(source)
        if source.socket is not None:
            self._disconnect(source)
        self._open_page()

    def _connect(self, source):
        if source not in self._living:
            return
        if source.cursor:
            self._count_reconnect(source)
        elif source.connection:
            self._counters["reconnects without a cursor"] += 1
        if not source.connect(time.monotonic()):
            self._after(source.retry, lambda: self._connect(source))
            return
        fd = source.socket.fileno()
        self._by_fd[fd] = source
        self._epoll.register(fd, select.EPOLLIN)
        self._plan(source)

    def _count_reconnect(self, source):
        if not source.has_events:
            self._counters["reconnects with a position and no event"] += 1
            return
        self._counters["reconnects with a cursor"] += 1
        missed = sum(
            len(self._messages.of[stream]) - 1 - self._last_number(source, stream)
            for stream in source.streams
        )
        for least, most in REPLAY_CLASSES:
            if least <= missed <= most:
                self._counters[f"replays of {least} and more"] += 1

    @staticmethod
    def _last_number(source, stream):
        numbers = (i.number for i in reversed(source.tracks[stream]) if isinstance(i, Heard))
        return next(numbers, 0)

    def _plan(self, source):
        """What this page does with its connection."""
        if self._is_calm:
            return
        rng = self._rng
        connection = source.connection
        # Who leaves early has no event yet: most of all, on a first connection.
        early = 0.6 if connection == 1 else 0.3
        stay = rng.uniform(0, 0.3) if rng.random() < early else rng.expovariate(1 / 4)
        back = rng.choice((0, source.retry, rng.uniform(1, 6)))
        with_reset = rng.random() < 0.5
        self._after(stay, lambda: self._leave(source, connection, back, with_reset))
        if source.is_slow:
            self._after(rng.uniform(0, stay), lambda: self._pause(source, connection))

    def _leave(self, source, connection, back, with_reset):
        if self._is_on(source, connection) and not self._is_calm:
            if not source.is_open:  # its head is not there yet: it waits as a browser does
                self._after(0.2, lambda: self._leave(source, connection, back, with_reset))
                return
            self._counters["dropped by clients"] += 1
            self._lose(source, back, with_reset)

    def _pause(self, source, connection):
        if self._is_on(source, connection) and not self._is_calm:
            source.slow_connections.add(connection)
            self._counters["pauses"] += 1
            self._epoll.modify(source.socket, 0)
            self._after(self._rng.uniform(0.5, 4), lambda: self._resume(source, connection))

    def _resume(self, source, connection):
        if self._is_on(source, connection):
            self._epoll.modify(source.socket, select.EPOLLIN)

    @staticmethod
    def _is_on(source, connection):
        return source.socket is not None and source.connection == connection

    def _lose(self, source, back, with_reset=False):
        self._disconnect(source, with_reset)
        self._after(back, lambda: self._connect(source))

    def _disconnect(self, source, with_reset=False):
        fd = source.socket.fileno()
        self._epoll.unregister(fd)
        del self._by_fd[fd]
        source.leave(time.monotonic(), with_reset)

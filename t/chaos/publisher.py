"""A thread that adds messages to streams at a rate, and writes down what Redis acknowledged."""

import threading
import time

import redis as redis_package

from .messages import MARKER

TICK = 0.01  # seconds
PATIENCE = 1.0  # seconds for an answer; who waits longer does not know whether it was taken
BURST_CHANCE = 0.2  # per stream and second
BURST = (50, 200)  # messages


class Publisher:
    """`skew_ms` is how wrong the clock of "skewed" ids is: a fork may change it."""

    def __init__(self, redis, plans, messages, rng):
        self.skew_ms = 20_000
        self.away_seconds = 0.0
        self._port = redis.port
        self._plans = plans
        self._messages = messages
        self._rng = rng
        self._connection = None
        self._lost_at = None
        self._last_ids = {}  # (ms, seq) of streams whose ids are made here
        self._due = dict.fromkeys((plan.name for plan in plans), 0.0)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.error = None

    def start(self):
        self._began_at = time.monotonic()
        self._thread.start()

    def stop(self):
        self._stopped.set()
        self._thread.join()
        self.seconds = time.monotonic() - self._began_at
        if self.error:
            raise AssertionError("the publisher has died") from self.error

    def acknowledged(self):
        return sum(
            message.acked_at is not None
            for messages in self._messages.of.values()
            for message in messages
        )

    def rates(self):
        """Messages per second: (acknowledged while Redis was there, planned)."""
        there = max(self.seconds - self.away_seconds, 0.001)
        return self.acknowledged() / there, sum(plan.rate for plan in self._plans)

    def publish_markers(self, timeout=20):
        """Adds each stream's last message, when the thread has stopped: {stream: its number}."""
        deadline = time.monotonic() + timeout
        markers = {}
        while len(markers) < len(self._plans):
            assert time.monotonic() < deadline, "Redis does not take the last messages"
            for plan in self._plans:
                if plan.name not in markers:
                    number = self._messages.new(plan.name, MARKER)
                    self._send([(plan, number)])
                    if self._messages.of[plan.name][number].acked_at is not None:
                        markers[plan.name] = number
        self._forget_connection()
        return markers

    def _run(self):
        try:
            before = time.monotonic()
            while not self._stopped.wait(TICK):
                now = time.monotonic()
                batch = [
                    (plan, self._messages.new(plan.name))
                    for plan in self._plans
                    for _ in range(self._count_due(plan, now - before))
                ]
                before = now
                self._send(batch)
        except Exception as error:  # whatever it is, the test must see it
            self.error = error
        finally:
            self._forget_connection()

    def _count_due(self, plan, seconds):
        if self._lost_at is not None:
            return 1 if self._rng.random() < 0.1 else 0  # tries whether Redis is back
        due = self._due[plan.name] + plan.rate * seconds
        if plan.rate > 10 and self._rng.random() < BURST_CHANCE * seconds:
            due += self._rng.randint(*BURST)
        self._due[plan.name] = due % 1
        return int(due)

    def _send(self, batch):
        """Sends all at once, and notes each answer as it comes."""
        if not batch:
            return
        try:
            if self._connection is None:
                self._connect()
            commands = [self._command(plan, number) for plan, number in batch]
            packed = self._connection.pack_commands(commands)
            self._connection.send_packed_command(packed)
            for plan, number in batch:
                self._note_answer(plan, number)
        except (redis_package.ConnectionError, redis_package.TimeoutError):
            self._forget_connection()
            if self._lost_at is None:
                self._lost_at = time.monotonic()
            return
        if self._lost_at is not None:
            self.away_seconds += time.monotonic() - self._lost_at
            self._lost_at = None

    def _note_answer(self, plan, number):
        message = self._messages.of[plan.name][number]
        try:
            message.id = self._connection.read_response().decode()
        except redis_package.ResponseError as error:
            # The ids of a clock that was set back, until it has found out.
            assert plan.ids != "auto", f"{plan.name}: {error}"
            self._last_ids.pop(plan.name, None)
            return
        message.acked_at = time.monotonic()

    def _command(self, plan, number):
        message = self._messages.of[plan.name][number]
        fields = ["data", message.data]
        if message.name is not None:
            fields += ["event", message.name]
        return ["XADD", plan.name, self._next_id(plan), *fields]

    def _next_id(self, plan):
        if plan.ids == "auto":
            return "*"
        last = self._last_ids.get(plan.name, (0, 0))
        if plan.ids == "counter":
            next_id = (1, last[1] + 1)
        else:
            ms = int(time.time() * 1000) + self.skew_ms
            next_id = (ms, 0) if ms > last[0] else (last[0], last[1] + 1)
        self._last_ids[plan.name] = next_id
        return f"{next_id[0]}-{next_id[1]}"

    def _connect(self):
        connection = redis_package.Connection(
            port=self._port, socket_timeout=PATIENCE, retry=None, protocol=2
        )
        connection.connect()
        self._connection = connection
        for plan in self._plans:
            if plan.ids != "auto":
                connection.send_command("XREVRANGE", plan.name, "+", "-", "COUNT", 1)
                newest = connection.read_response()
                if newest:
                    ms, _, sequence = newest[0][0].decode().partition("-")
                    self._last_ids[plan.name] = (int(ms), int(sequence))
                else:
                    self._last_ids.pop(plan.name, None)

    def _forget_connection(self):
        if self._connection is not None:
            self._connection.disconnect()
            self._connection = None

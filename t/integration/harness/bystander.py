"""A well-behaved subscriber and a visitor of a static file, watched from a process of their own."""

import statistics
import time
from typing import NamedTuple

from .http_client import http_request
from .side_process import SideProcess
from .sse_client import SseClient

PACE = 0.002  # seconds between two rounds
BASELINE_ROUNDS = 100
ALLOWED_P99 = 0.25  # seconds; generous, because sanitizer builds on busy machines are slow


class Latencies(NamedTuple):
    """Seconds that each message took to its reader, and each static file to its visitor."""

    messages: list
    files: list

    @property
    def worst_p99(self):
        return max(p99(self.messages), p99(self.files))

    def __str__(self):
        parts = (
            f"{name} p50 {statistics.median(values) * 1000:.1f} p99 {p99(values) * 1000:.1f} ms"
            for name, values in self._asdict().items()
        )
        return f"{', '.join(parts)} of {len(self.messages)}"


class Bystander(SideProcess):
    """Publishes a number to a channel, reads it back from a stream, fetches a file; and again.

    A number that is lost, doubled or out of order, another event, an answer that is not the file:
    each is an error, raised by take().
    """

    def __init__(self, nginx, redis, stream="/bystander", channel="bystander", file="/static"):
        super().__init__(_run, nginx.port, redis, stream, channel, file)
        self.before = self.take(BASELINE_ROUNDS)

    def take(self, rounds=1):
        """The latencies since the last call, at least so many; the last began after this call."""
        return self.ask(rounds)

    def expect_undisturbed(self):
        """Fails when messages or files took long since the last call."""
        latencies = self.take()
        figures = f"before: {self.before}; since: {latencies}"
        print(figures)
        assert latencies.worst_p99 < ALLOWED_P99, figures


def p99(values):
    return sorted(values)[len(values) * 99 // 100]


def _run(pipe, port, redis, stream, channel, file):
    publisher = redis.make_client()
    try:
        expected = http_request(port, "GET", file).body
        with SseClient(port, stream) as reader:
            reader.open()
            number = 0
            wanted = None
            latencies = Latencies([], [])
            while True:
                if wanted is None and pipe.poll(PACE):
                    wanted = pipe.recv()
                latencies.messages.append(_message_time(publisher, channel, reader, number))
                latencies.files.append(_file_time(port, file, expected))
                number += 1
                if wanted is not None and len(latencies.messages) >= wanted:
                    pipe.send(latencies)
                    latencies = Latencies([], [])
                    wanted = None
    except Exception as error:  # whatever it is, the test must see it
        pipe.send(f"{type(error).__name__}: {error}")


def _message_time(publisher, channel, reader, number):
    begin = time.monotonic()
    publisher.execute_command("PUBLISH", channel, number)
    event = reader.next_event()
    assert event.data == str(number), f"expected message {number}, got {event}"
    return time.monotonic() - begin


def _file_time(port, file, expected):
    begin = time.monotonic()
    response = http_request(port, "GET", file)
    assert (response.status, response.body) == (200, expected), response.head
    return time.monotonic() - begin

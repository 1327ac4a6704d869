"""What is published: a message tells its stream and its number, and stands in no other place.

It is noted before it is sent. Whether Redis has taken it may stay unknown: then it is never sent
again under its number, and what Redis says in the end decides.
"""

import time
from typing import NamedTuple

FILLING = "The quick brown fox, über 0123456789\nFüchse. " * 2000
LARGEST = 20_000

FLOWING = 0.3  # seconds

MARKER = "end"  # the name of a stream's last event


class StreamPlan(NamedTuple):
    name: str
    rate: float  # messages per second
    ids: str = "auto"  # or "counter" (1-1, 1-2, …), or "skewed" (a clock that is wrong)


class Message:
    """One message, and what is known of it."""

    __slots__ = ("acked_at", "data", "id", "name", "sent_at")

    def __init__(self, data, name):
        self.data = data
        self.name = name  # of its event, or None
        self.sent_at = time.monotonic()
        self.acked_at = None
        self.id = None  # what Redis answered


class Messages:
    """All messages of a run."""

    def __init__(self, plans, rng):
        self.of = {plan.name: [] for plan in plans}
        self._rng = rng

    def new(self, stream, name=None):
        """A message that is about to be sent: its number."""
        number = len(self.of[stream])
        size = self._rng.choices((50, 400, LARGEST), weights=(70, 28, 2))[0]
        text = f"{stream} {number} {FILLING[: self._rng.randint(0, size)]}"
        if name is None and number % 7 == 0:
            name = "tick"
        self.of[stream].append(Message(text, name))
        return number

    def is_flowing(self, streams):
        """Whether Redis took a message of one of these streams just now."""
        recent = [
            message.acked_at or 0 for stream in streams for message in self.of[stream][-20:]
        ]
        return time.monotonic() - max(recent, default=0) < FLOWING

    def recognise(self, text, name):
        """(stream, number) of an event's data and name; raises when that was never sent."""
        stream, _, rest = text.partition(" ")
        number = rest.partition(" ")[0]
        try:
            message = self.of[stream][int(number)]
        except (KeyError, IndexError, ValueError):
            raise AssertionError(f"never sent: {text[:80]!r}") from None
        assert (message.data, message.name) == (text, name), (
            f"message {number} of {stream} is not what was sent: {text[:80]!r} as {name!r}"
        )
        return stream, int(number)

    def number_of(self, stream, fields):
        """The number of the message that the fields of an entry of a stream hold."""
        found, number = self.recognise(fields[b"data"].decode(), _decoded(fields.get(b"event")))
        assert found == stream, f"message {number} of {found} stands in {stream}"
        return number


def _decoded(value):
    return None if value is None else value.decode()

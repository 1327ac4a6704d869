"""Waiting for the blocks and events of a stream, whatever carries its bytes."""

from collections import deque

from .event_stream import EventStreamParser
from .waiting import DEFAULT_TIMEOUT, Deadline


class StreamEnded(AssertionError):
    """The stream ended while an event was waited for."""


class BlockReader:
    """Turns a body into blocks. Subclasses implement _receive_body()."""

    def __init__(self):
        self.body = bytearray()  # everything after the head, decoded
        self.comments = []  # of the blocks read so far
        self.retries = []
        self.last_id = ""  # what a browser would send as Last-Event-ID when it comes back
        self._parser = EventStreamParser()
        self._blocks = deque()

    def next_block(self, timeout=DEFAULT_TIMEOUT):
        """The next block of any kind."""
        return self._next_block(Deadline(timeout, f"next block of {self!r}"))

    def next_event(self, timeout=DEFAULT_TIMEOUT):
        """The next block with data; what is passed over is kept in comments and retries."""
        deadline = Deadline(timeout, f"next event of {self!r}")
        while True:
            block = self._next_block(deadline)
            if block.data is not None:
                return block

    def take(self, count, timeout=DEFAULT_TIMEOUT):
        """The next `count` events, within one timeout."""
        deadline = Deadline(timeout, f"{count} events of {self!r}")
        events = []
        while len(events) < count:
            block = self._next_block(deadline)
            if block.data is not None:
                events.append(block)
        return events

    def events_until(self, is_last, timeout=DEFAULT_TIMEOUT):
        """The events up to the first that is_last(event) holds for, that one included."""
        deadline = Deadline(timeout, f"a certain event of {self!r}")
        events = []
        while not events or not is_last(events[-1]):
            block = self._next_block(deadline)
            if block.data is not None:
                events.append(block)
        return events

    def read_some(self, timeout=DEFAULT_TIMEOUT):
        """Receives once, whatever comes; False at the end of the stream."""
        return self._read_more(Deadline(timeout, f"bytes of {self!r}"))

    def discard_until(self, is_enough, timeout=DEFAULT_TIMEOUT):
        """Passes every piece of the body to is_enough(bytes), unparsed and not kept, until it is true.

        For more bytes than a test has time to look at.
        """
        deadline = Deadline(timeout, f"enough bytes of {self!r}")
        while True:
            data = self._receive_body(deadline)
            if data is None:
                raise StreamEnded(f"{self!r} ended")
            if is_enough(data):
                return

    def read_to_end(self, timeout=DEFAULT_TIMEOUT):
        """The blocks that remain until the stream ends; then end_reason() says how it ended."""
        deadline = Deadline(timeout, f"end of {self!r}")
        while self._read_more(deadline):
            pass
        return self.received_blocks()

    def received_blocks(self):
        """The blocks that are there already."""
        blocks = list(self._blocks)
        self._blocks.clear()
        for block in blocks:
            self._note(block)
        return blocks

    @property
    def is_at_block_boundary(self):
        return self._parser.is_at_boundary

    @property
    def torn_block(self):
        """The bytes of a block that is not complete."""
        return self._parser.pending

    def _next_block(self, deadline):
        while not self._blocks:
            if not self._read_more(deadline):
                raise StreamEnded(
                    f"{deadline.what}: the stream ended; body: {bytes(self.body[-500:])!r}"
                )
        block = self._blocks.popleft()
        self._note(block)
        return block

    def _note(self, block):
        if block.comment is not None:
            self.comments.append(block.comment)
        if block.retry is not None:
            self.retries.append(block.retry)
        if block.id is not None:
            self.last_id = block.id

    def _read_more(self, deadline):
        data = self._receive_body(deadline)
        if data is None:
            return False
        self.body += data
        self._blocks.extend(self._parser.feed(data))
        return True

    def _receive_body(self, deadline):
        """Some decoded bytes of the body, possibly none yet; None at its end."""
        raise NotImplementedError

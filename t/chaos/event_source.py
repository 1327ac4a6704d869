"""A browser's EventSource: what it takes for received, what it sends when it comes back, and when.

The cursor is the id of the last block whose blank line has arrived, with or without data. What was
cut before that is neither an event nor a cursor.
"""

import contextlib
import json
import socket
from typing import NamedTuple

from harness import EventStreamParser
from harness.http_wire import framing_of, parse_head, request_head

RETRY_CAP = 1.0  # seconds
RECEIVE_SIZE = 1 << 16

# A stream whose head is there has its position at once; busy machines are slow.
POSITION_TIMEOUT = 1.0  # seconds


class Heard(NamedTuple):
    """An event."""

    number: int
    id: str
    connection: int
    at: float


class Reset(NamedTuple):
    reason: str
    id: str
    connection: int
    at: float
    oldest_retained: str | None = None  # as Redis said afterwards, when it was asked


class Position(NamedTuple):
    """An id without data."""

    id: str
    connection: int
    at: float


class EventSource:
    """One page's EventSource over all its connections. `tracks` is what it got, for each stream."""

    def __init__(self, port, path, streams, start, messages, now, *, receive_buffer=None):
        self.path = f"{path}?c={','.join(streams)}"
        self.streams = streams
        self.start = start
        self.tracks = {stream: [] for stream in streams}
        self.faults = []
        self.created_at = now
        self.first_open_at = None
        self.cursor = ""
        self.retry = 0.5  # seconds
        self.connection = 0  # its number
        self.slow_connections = set()  # on which it may not have read all that was sent
        self.has_events = False
        self.socket = None
        self.is_open = False
        self.on_reset = lambda stream: None  # what Redis says of a stream when a reset has come
        self._port = port
        self._messages = messages
        self._receive_buffer = receive_buffer

    def __repr__(self):
        return f"EventSource {self.path} ({self.start})"

    @property
    def is_single(self):
        return len(self.streams) == 1

    def connect(self, now):
        """Sends its request; returns whether there was anybody to send it to."""
        self._forget_a_start_without_a_cursor(now)
        self.connection += 1
        if self._receive_buffer:
            self.slow_connections.add(self.connection)
        self.is_open = False
        self._head = b""
        self._framing = None
        self._parser = EventStreamParser()
        headers = [("Accept", "text/event-stream"), ("Cache-Control", "no-cache")]
        if self.cursor:
            headers.append(("Last-Event-ID", self.cursor))
        raw = socket.socket()
        if self._receive_buffer:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        raw.settimeout(5)
        try:
            raw.connect(("127.0.0.1", self._port))
            raw.sendall(request_head("GET", self.path, headers=headers))
        except OSError:
            raw.close()
            return False
        raw.setblocking(False)
        self.socket = raw
        return True

    def _forget_a_start_without_a_cursor(self, now):
        """Who was cut off before it had a cursor begins anew; but it has to get one at once."""
        if self.cursor or self.first_open_at is None:
            return
        open_seconds = self._left_at - self.first_open_at
        if open_seconds > POSITION_TIMEOUT:
            self.faults.append(f"{self!r} was open for {open_seconds:.1f} s without a cursor")
        self.first_open_at = None
        self.created_at = now

    def leave(self, now, with_reset):
        """Ends its connection: as a network that breaks, or as a page that goes."""
        if with_reset:
            linger = (1).to_bytes(4, "little") + bytes(4)
            with contextlib.suppress(OSError):
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.socket.close()
        self.socket = None
        self.is_open = False
        self._left_at = now

    def read(self, now):
        """Reads once; returns whether the stream goes on."""
        try:
            data = self.socket.recv(RECEIVE_SIZE)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        try:
            return self._feed(data, now)
        except AssertionError as error:  # wire, event stream, or a message that nobody sent
            self.faults.append(f"{self!r}: {error}")
            return False

    def _feed(self, data, now):
        if self._framing is None:
            self._head += data
            head, separator, data = self._head.partition(b"\r\n\r\n")
            if not separator:
                return True
            head = parse_head(head + separator)
            # Any other answer, and a browser would never come back.
            assert head.status == 200 and head.get("Content-Type") == "text/event-stream", head
            self._framing = framing_of(head, "GET")
            self.is_open = True
            if self.first_open_at is None:
                self.first_open_at = now
        for block in self._parser.feed(self._framing.feed(data)):
            self._dispatch(block, now)
        return not self._framing.is_done

    def _dispatch(self, block, now):
        if block.retry is not None:
            self.retry = min(block.retry / 1000, RETRY_CAP)
        if block.id is not None:
            assert block.id, "an empty id takes the cursor away"
            self.cursor = block.id
        if block.data is None:
            if block.id is not None:
                for track in self.tracks.values():
                    track.append(Position(block.id, self.connection, now))
        elif block.name == "reset":
            data = json.loads(block.data)
            assert block.id is not None, f"reset without an id: {block.data}"
            stream = data["channel"]
            assert stream in self.tracks, f"reset of another channel: {block.data}"
            oldest = self.on_reset(stream)
            reset = Reset(data["reason"], block.id, self.connection, now, oldest)
            self.tracks[stream].append(reset)
        else:
            stream, number = self._messages.recognise(block.data, block.name)
            assert stream in self.tracks, f"an event of {stream}"
            assert block.id is not None, f"message {number} of {stream} without an id"
            self.tracks[stream].append(Heard(number, block.id, self.connection, now))
            self.has_events = True

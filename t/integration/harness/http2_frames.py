"""HTTP/2 as bytes, for clients that do not keep to the rules."""

import select
import struct
from typing import NamedTuple

from .http_client import HttpConnection
from .waiting import DEFAULT_TIMEOUT, Deadline

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    0, 1, 3, 4, 6, 7, 8, 9,
)  # fmt: skip
END_STREAM = 0x1
ACK = 0x1
END_HEADERS = 0x4
INITIAL_WINDOW_SIZE = 4
SEND_SIZE = 1 << 16


class Frame(NamedTuple):
    kind: int
    flags: int
    stream_id: int
    payload: bytes


def frame(kind, flags=0, stream_id=0, payload=b""):
    length = len(payload).to_bytes(3, "big")
    return length + struct.pack("!BBL", kind, flags, stream_id) + payload


def header_block(path, method=b"GET", extra=()):
    """A request's head, nothing in it indexed or compressed."""
    fields = [(b":method", method), (b":scheme", b"http"), (b":path", path.encode())]
    fields += [(b":authority", b"localhost"), *extra]
    return b"".join(b"\0" + _string(name) + _string(value) for name, value in fields)


def request(stream_id, path, **options):
    """A GET, complete."""
    return frame(HEADERS, END_STREAM | END_HEADERS, stream_id, header_block(path, **options))


def reset(stream_id, code=8):
    return frame(RST_STREAM, 0, stream_id, struct.pack("!L", code))


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack("!HL", *pair) for pair in pairs))


def window_update(stream_id, increment):
    return frame(WINDOW_UPDATE, 0, stream_id, struct.pack("!L", increment))


class RawHttp2:
    """A connection that sends any bytes, and keeps the frames it is sent."""

    def __init__(self, port, *initial_settings, **connection_options):
        self.connection = HttpConnection(port, **connection_options)
        self.frames = []
        self.is_ended = False  # by the server
        self._pending = b""
        self.connection.send(PREFACE + settings(*initial_settings))

    def send(self, data, timeout=DEFAULT_TIMEOUT):
        """Sends while it reads; stops early when the server ends the connection."""
        deadline = Deadline(timeout, "the server takes the frames")
        sock = self.connection.socket
        sock.setblocking(False)
        view = memoryview(data)
        while view and not self.is_ended:
            readable, writable, _ = select.select([sock], [sock], [], deadline.remaining())
            if readable:
                self._receive(deadline)
            elif writable:
                try:
                    view = view[sock.send(view[:SEND_SIZE]) :]
                except (BrokenPipeError, ConnectionResetError):
                    self.is_ended = True
        return not self.is_ended

    def read_until(self, condition, what, timeout=DEFAULT_TIMEOUT):
        """Reads until condition() is true, or the server ends the connection."""
        deadline = Deadline(timeout, what)
        while not condition() and not self.is_ended:
            self._receive(deadline)

    def of_kind(self, kind):
        """The frames received so far that are of a kind."""
        return [one for one in self.frames if one.kind == kind]

    def ping(self, timeout=DEFAULT_TIMEOUT):
        """Waits until the server has seen everything that was sent."""
        acknowledged = len(self._acknowledged_pings())
        self.send(frame(PING, payload=b"are you?"))
        self.read_until(
            lambda: len(self._acknowledged_pings()) > acknowledged, "a PING's answer", timeout
        )

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _acknowledged_pings(self):
        return [one for one in self.of_kind(PING) if one.flags & ACK]

    def _receive(self, deadline):
        try:
            data = self.connection.receive(deadline)
        except ConnectionResetError:
            data = b""
        if not data:
            self.is_ended = True
        self._pending += data
        position = 0
        while len(self._pending) - position >= 9:
            length = int.from_bytes(self._pending[position : position + 3], "big")
            end = position + 9 + length
            if len(self._pending) < end:
                break
            kind, flags, stream_id = struct.unpack_from("!BBL", self._pending, position + 3)
            self.frames.append(Frame(kind, flags, stream_id, self._pending[position + 9 : end]))
            position = end
        self._pending = self._pending[position:]


def _string(text):
    if len(text) < 127:
        return bytes([len(text)]) + text
    rest = len(text) - 127
    encoded = bytearray([127])
    while rest >= 128:
        encoded.append(rest % 128 + 128)
        rest //= 128
    return bytes([*encoded, rest]) + text

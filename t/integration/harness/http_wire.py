"""HTTP/1.x as bytes: heads, and strict decoders for bodies."""

import re
import zlib
from typing import NamedTuple


class WireError(AssertionError):
    """The bytes are not a valid HTTP response."""


class ResponseHead(NamedTuple):
    version: str  # "1.1"
    status: int
    reason: str
    headers: list  # (name as sent, value)

    def all(self, name):
        """Every value of a header, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name):
        """The value of a header that may occur once; None when absent."""
        values = self.all(name)
        if len(values) > 1:
            raise WireError(f"{name} occurs {len(values)} times")
        return values[0] if values else None


def request_head(method, path, *, version="1.1", headers=()):
    lines = [f"{method} {path} HTTP/{version}"]
    if not any(name.lower() == "host" for name, _ in headers):
        lines.append("Host: localhost")
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def parse_head(raw):
    """Parses a head, given with its blank line."""
    status_line, *lines = raw.decode("latin-1").split("\r\n")[:-2]
    status = re.fullmatch(r"HTTP/(1\.[01]) (\d{3}) (.*)", status_line)
    if not status:
        raise WireError(f"not a status line: {status_line!r}")
    headers = []
    for line in lines:
        field = re.fullmatch(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([^\r\n]*)", line)
        if not field:
            raise WireError(f"not a header: {line!r}")
        headers.append(field.groups())
    return ResponseHead(status[1], int(status[2]), status[3], headers)


class ChunkedDecoder:
    """Transfer-Encoding: chunked. A malformed or empty-but-not-last chunk is an error."""

    _SIZE_LINE = re.compile(rb"([0-9a-fA-F]{1,8})\r\n")

    def __init__(self):
        self.is_done = False
        self.rest = b""  # bytes after the end of the body
        self._pending = b""
        self._missing = 0  # bytes of the current chunk, its CRLF included, that are to come

    @property
    def is_at_boundary(self):
        """Whether no chunk has begun that is not complete."""
        return not self._pending and not self._missing

    def feed(self, data):
        """Returns the body bytes."""
        data = self._pending + data
        self._pending = b""
        position = 0
        parts = []
        while position < len(data) and not self.is_done:
            if self._missing:
                piece = data[position : position + self._missing]
                position += len(piece)
                parts.append(self._payload(piece))
                continue
            line = self._SIZE_LINE.match(data, position)
            if not line:
                self._pending = self._unfinished_size_line(data[position:])
                break
            size = int(line[1], 16)
            if size == 0:
                if len(data) < line.end() + 2:
                    self._pending = data[position:]
                    break
                if data[line.end() : line.end() + 2] != b"\r\n":
                    raise WireError(
                        f"trailers or garbage after the last chunk: {data[position:]!r}"
                    )
                self.is_done = True
                self.rest = data[line.end() + 2 :]
                break
            self._missing = size + 2
            position = line.end()
        return b"".join(parts)

    def _payload(self, piece):
        """The body bytes of a piece of a chunk; its CRLF is checked as it arrives."""
        body = max(self._missing - 2, 0)
        ending = b"\r\n"[2 - min(self._missing, 2) :][: max(len(piece) - body, 0)]
        if piece[body:] != ending:
            raise WireError(f"chunk ends with {piece[body:]!r}")
        self._missing -= len(piece)
        return piece[:body]

    def _unfinished_size_line(self, line):
        if not re.fullmatch(rb"[0-9a-fA-F]{1,8}\r?", line):
            raise WireError(f"not a chunk size: {line[:40]!r}")
        return line


class LengthDecoder:
    """Content-Length."""

    def __init__(self, length):
        self.rest = b""
        self._missing = length

    @property
    def is_done(self):
        return self._missing == 0

    def feed(self, data):
        body, self.rest = data[: self._missing], data[self._missing :]
        self._missing -= len(body)
        return body


class UntilCloseDecoder:
    """HTTP/1.0: the body ends with the connection."""

    is_done = False
    is_at_boundary = True
    rest = b""

    def feed(self, data):
        return data


class GzipDecoder:
    """Content-Encoding: gzip, decoded as far as the bytes reach."""

    def __init__(self):
        self._zlib = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    def feed(self, data):
        return self._zlib.decompress(data)


def framing_of(head, method):
    """The decoder for the body that follows a head."""
    if method == "HEAD" or head.status in (204, 304):
        return LengthDecoder(0)
    if head.get("Transfer-Encoding") == "chunked":
        if head.version != "1.1" or head.get("Content-Length") is not None:
            raise WireError(f"chunked where it must not be: {head}")
        return ChunkedDecoder()
    if head.get("Content-Length") is not None:
        return LengthDecoder(int(head.get("Content-Length")))
    return UntilCloseDecoder()

"""Hundreds of streams read by one epoll loop."""

import select
import socket
import ssl

from .event_stream import EventStreamParser
from .http_client import unverified_tls
from .http_wire import framing_of, parse_head, request_head
from .waiting import DEFAULT_TIMEOUT, Deadline

RECEIVE_SIZE = 1 << 16  # more than a record of TLS: nothing may stay where epoll does not see it


class PooledStream:
    """One stream of a pool: its head, its blocks, and how it ended.

    `end` is that of SseClient, or "closed" when the pool closed it.
    """

    def __init__(self, port, path, tls, on_open, on_block):
        self.path = path
        self.head = None
        self.end = None
        self.blocks = []
        self.events = []  # the blocks that have data
        self.socket = socket.create_connection(("127.0.0.1", port))
        if tls:
            self.socket = unverified_tls().wrap_socket(self.socket)
        self.socket.sendall(request_head("GET", path))
        self.socket.setblocking(False)
        self._on_open = on_open
        self._on_block = on_block
        self._raw_head = b""
        self._framing = None
        self._parser = EventStreamParser()

    def texts(self):
        """The data of the events so far."""
        return [event.data for event in self.events]

    def read(self):
        """Reads what is there."""
        try:
            data = self.socket.recv(RECEIVE_SIZE)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except ConnectionResetError:
            self.end = "reset"
            return
        if not data:
            self.end = "cut"
            return
        if self.head is None:
            data = self._feed_head(data)
        if data:
            self._feed_body(data)

    def _feed_head(self, data):
        self._raw_head += data
        head, separator, rest = self._raw_head.partition(b"\r\n\r\n")
        if not separator:
            return b""
        self.head = parse_head(head + separator)
        assert self.head.status == 200, f"stream {self.path}: {self.head}"
        self._framing = framing_of(self.head, "GET")
        if self._on_open:
            self._on_open(self)
        return rest

    def _feed_body(self, data):
        blocks = self._parser.feed(self._framing.feed(data))
        self.blocks += blocks
        self.events += [block for block in blocks if block.data is not None]
        if self._on_block:
            for block in blocks:
                self._on_block(self, block)
        if self._framing.is_done:
            self.end = "clean"


class StreamPool:
    """Opens streams and reads them all while it waits for a condition."""

    def __init__(self):
        self.streams = []
        self._epoll = select.epoll()
        self._by_fd = {}

    def start(self, nginx, path, *, port=None, tls=False, on_open=None, on_block=None):
        """Asks for one more stream; on_open(stream) is called when its head is there."""
        stream = PooledStream(port or nginx.port, path, tls, on_open, on_block)
        self.streams.append(stream)
        self._by_fd[stream.socket.fileno()] = stream
        self._epoll.register(stream.socket, select.EPOLLIN)
        return stream

    def open(self, nginx, path, count, **options):
        """Starts streams of one path and waits until all are open."""
        streams = [self.start(nginx, path, **options) for _ in range(count)]
        self.run_until(lambda: all(stream.head for stream in streams), f"{count} open streams")
        return streams

    def run_until(self, condition, what, timeout=DEFAULT_TIMEOUT):
        """Reads until condition() is true."""
        deadline = Deadline(timeout, what)
        while not condition():
            for fd, _ in self._epoll.poll(deadline.remaining()):
                stream = self._by_fd[fd]
                stream.read()
                if stream.end is not None:
                    self._forget(stream)

    def close_streams(self, streams):
        """The clients of these streams go away."""
        for stream in streams:
            if stream.end is None:
                stream.end = "closed"
                self._forget(stream)

    def close(self):
        self.close_streams(self.streams)
        self._epoll.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _forget(self, stream):
        fd = stream.socket.fileno()
        self._epoll.unregister(fd)
        del self._by_fd[fd]
        stream.socket.close()

"""A stream of every channel in every worker, read by a process of its own.

An entry's data is the time of the monotonic clock at which it was published.
"""

import re
import select
import socket
import time
from urllib.parse import urlsplit

from harness.side_process import SideProcess

OPENED_AT_ONCE = 200
OPEN_TIMEOUT = 120  # seconds
WORKER = re.compile(rb"^X-Worker: (\d+)\r$", re.MULTILINE)
DATA = re.compile(rb"^data: ([\d.]+)$", re.MULTILINE)


class Listeners(SideProcess):
    """Open when the constructor returns."""

    def __init__(self, url, channels, workers):
        super().__init__(_run, url, channels, workers)
        self.answer()

    def latencies(self, count, timeout=10):
        """Seconds that each of `count` deliveries took; fewer when they are not there in time."""
        return self.ask((count, timeout))


class _Stream:
    def __init__(self, address, channel, path):
        self.channel = channel
        self.worker = None  # not known before its header is here
        self.unread = b""
        self.socket = socket.create_connection(address)
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self.socket.setblocking(False)

    def read(self, latencies):
        data = self.socket.recv(1 << 16)
        now = time.monotonic()
        assert data, f"the stream of channel {self.channel} has ended"
        self.unread += data
        if self.worker is None:
            head, end, body = self.unread.partition(b"\r\n\r\n")
            if not end:
                return
            self.unread = body
            assert head.startswith(b"HTTP/1.1 200 "), head
            self.worker = int(WORKER.search(head + b"\r")[1])
        whole = self.unread.rfind(b"\n") + 1
        latencies.extend(now - float(sent) for sent in DATA.findall(self.unread[:whole]))
        self.unread = self.unread[whole:]


def _run(pipe, url, channels, workers):
    try:
        parts = urlsplit(url)
        latencies = []
        epoll, streams = _open((parts.hostname, parts.port), parts.path, channels, workers)
        pipe.send(None)
        epoll.register(pipe, select.EPOLLIN)
        wanted, end = None, 0
        while True:
            for fd, _ in epoll.poll(0.05):
                if fd in streams:
                    streams[fd].read(latencies)
                else:
                    wanted, timeout = pipe.recv()
                    end = time.monotonic() + timeout
            if wanted is not None and (len(latencies) >= wanted or time.monotonic() > end):
                pipe.send(latencies)
                latencies, wanted = [], None
    except EOFError:
        pass  # nobody wants to know any more
    except Exception as error:  # whatever it is, the other process must see it
        pipe.send(f"{type(error).__name__}: {error}")


def _open(address, path, channels, workers):
    """Opens streams until there is one of each channel in each worker; drops the others."""
    epoll = select.epoll()
    streams, opening = {}, {}
    missing = {channel: workers for channel in range(channels)}
    found = set()  # (channel, worker)
    end = time.monotonic() + OPEN_TIMEOUT
    while missing:
        assert time.monotonic() < end, f"{len(missing)} channels are not read by all workers"
        for channel, count in list(missing.items()):
            under_way = sum(stream.channel == channel for stream in opening.values())
            while under_way < count and len(opening) < OPENED_AT_ONCE:
                stream = _Stream(address, channel, path.format(f"c{channel}"))
                opening[stream.socket.fileno()] = stream
                epoll.register(stream.socket, select.EPOLLIN)
                under_way += 1
            if len(opening) >= OPENED_AT_ONCE:
                break
        for fd, _ in epoll.poll(1):
            stream = opening.get(fd) or streams[fd]
            stream.read([])
            if fd not in opening or stream.worker is None:
                continue
            del opening[fd]
            place = (stream.channel, stream.worker)
            if place in found or stream.channel not in missing:
                epoll.unregister(fd)
                stream.socket.close()
                continue
            found.add(place)
            streams[fd] = stream
            missing[stream.channel] -= 1
            if missing[stream.channel] == 0:
                del missing[stream.channel]
    for stream in opening.values():
        epoll.unregister(stream.socket)
        stream.socket.close()
    return epoll, streams

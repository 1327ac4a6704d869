"""Thousands of subscribers in a process of their own, so that neither their descriptors nor their reading is the test's.

A message ends with END, which stands nowhere else in it: the crowd counts them and says when the first and the last of its
members got each. Times are of the monotonic clock, which all processes share.
"""

import json
import select
import socket
import subprocess
import sys
import time
from typing import NamedTuple

from .waiting import DEFAULT_TIMEOUT

END = "~"
OPENED_AT_ONCE = 200


class Spread(NamedTuple):
    """When the first and the last of a crowd got a message."""

    first: float
    last: float


class Crowd:
    """Subscribers of one path; open when the constructor returns."""

    def __init__(self, port, path, count, timeout=60):
        self.count = count
        self._spreads = []
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from harness import crowd; crowd.run()", str(port), path, str(count)],
            cwd=__file__.rpartition("/harness/")[0],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # select() does not see lines that a buffer holds already
        )
        line = self._next_line(timeout)
        assert line == "open\n", f"{count} streams of {path}: {line or 'the crowd has ended'}"

    def has_said_something(self):
        """Whether spread_of_next() need not wait."""
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    def spread_of_next(self, timeout=DEFAULT_TIMEOUT):
        """Waits until every member has the next message."""
        line = self._next_line(timeout)
        assert line, "the crowd has ended"
        return Spread(**json.loads(line))

    def close(self):
        self._process.stdin.close()  # it ends when nobody speaks to it any more
        self._process.wait()
        self._process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _next_line(self, timeout):
        ready, _, _ = select.select([self._process.stdout], [], [], timeout)
        assert ready, f"the crowd of {self.count} said nothing within {timeout} s"
        return self._process.stdout.readline().decode()


class Member:
    def __init__(self, port, request):
        self.has_head = False
        self.messages = 0
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.sendall(request)
        self.socket.setblocking(False)


def run():
    """The process: a line "open", then one for each message that all have."""
    port, path, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    end = END.encode()
    epoll = select.epoll()
    epoll.register(sys.stdin, select.EPOLLIN)
    members = {}
    opened = 0
    got, first, last = {}, {}, {}
    while True:
        for _ in range(min(count, opened + OPENED_AT_ONCE) - len(members)):
            member = Member(port, request)
            members[member.socket.fileno()] = member
            epoll.register(member.socket, select.EPOLLIN)
        for fd, _ in epoll.poll(1):
            member = members.get(fd)
            if member is None:
                return  # the test has ended
            data = member.socket.recv(1 << 16)
            if not data or data.endswith(b"0\r\n\r\n"):
                sys.exit("a stream has ended")
            if not member.has_head:
                assert data.startswith(b"HTTP/1.1 200 "), data
                member.has_head = True
                opened += 1
                if opened == count:
                    print("open", flush=True)
            now = time.monotonic()
            for _ in range(data.count(end)):
                number = member.messages
                member.messages += 1
                got[number] = got.get(number, 0) + 1
                first.setdefault(number, now)
                last[number] = now
                if got[number] == count:
                    print(json.dumps({"first": first[number], "last": last[number]}), flush=True)


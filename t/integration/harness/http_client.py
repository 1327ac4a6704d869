"""A raw HTTP/1.x connection: sends heads, reads heads and bodies, hides nothing."""

import contextlib
import select
import socket
import ssl
from typing import NamedTuple

from .http_wire import (
    ResponseHead,
    UntilCloseDecoder,
    WireError,
    framing_of,
    parse_head,
    request_head,
)
from .network import LOOPBACK
from .waiting import DEFAULT_TIMEOUT, Deadline, WaitTimeout

RECEIVE_SIZE = 1 << 18


class Response(NamedTuple):
    head: ResponseHead
    body: bytes

    @property
    def status(self):
        return self.head.status

    @property
    def text(self):
        return self.body.decode()


class HttpConnection:
    """One TCP (or TLS) connection. `wire` keeps every byte received.

    `tls` may also name the only version to speak, e.g. ssl.TLSVersion.TLSv1_2. The preface goes
    out before anything else, also before the TLS handshake. `receive_size` is the most that one
    receive() takes; a test may change it at any time.
    """

    def __init__(
        self,
        port,
        *,
        network=LOOPBACK,
        tls=False,
        receive_buffer=None,
        max_segment=None,
        preface=b"",
    ):
        raw = network.make_socket()
        # Both options count only when set before the handshake.
        if receive_buffer is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if max_segment is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, max_segment)
        raw.settimeout(DEFAULT_TIMEOUT)
        raw.connect((network.address, port))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.sendall(preface)
        self.socket = unverified_tls(version=tls).wrap_socket(raw) if tls else raw
        self.receive_size = RECEIVE_SIZE
        self.wire = bytearray()
        self._unread = b""

    @property
    def is_secure(self):
        return isinstance(self.socket, ssl.SSLSocket)

    def send(self, data):
        self.socket.sendall(data)

    def send_request(self, method, path, *, version="1.1", headers=(), body=b""):
        if body:
            headers = [*headers, ("Content-Length", str(len(body)))]
        self.send(request_head(method, path, version=version, headers=headers) + body)

    def receive(self, deadline):
        """Some bytes; b"" at the end of the connection. ConnectionResetError passes through."""
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        self.socket.settimeout(deadline.remaining())
        try:
            data = self.socket.recv(self.receive_size)
        except TimeoutError:
            raise WaitTimeout(f"{deadline.what}: not within {deadline.timeout:g} s") from None
        self.wire += data
        return data

    def unread(self, data):
        """Gives back bytes that belong to what follows."""
        self._unread = data + self._unread

    def has_bytes(self):
        """Whether something has arrived that was not read: bytes or the end."""
        if self._unread:
            return True
        if self.is_secure and self.socket.pending():
            return True
        return bool(select.select([self.socket], [], [], 0)[0])

    def read_head(self, timeout=DEFAULT_TIMEOUT):
        deadline = Deadline(timeout, "response head")
        raw = b""
        while b"\r\n\r\n" not in raw:
            data = self.receive(deadline)
            if not data:
                raise WireError(f"connection ended in the head: {raw!r}")
            raw += data
        head, separator, rest = raw.partition(b"\r\n\r\n")
        self.unread(rest)
        return parse_head(head + separator)

    def read_response(self, method="GET", timeout=DEFAULT_TIMEOUT):
        """A whole response, which must end."""
        head = self.read_head(timeout)
        decoder = framing_of(head, method)
        deadline = Deadline(timeout, "response body")
        body = b""
        while not decoder.is_done:
            data = self.receive(deadline)
            if not data:
                if isinstance(decoder, UntilCloseDecoder):
                    break
                raise WireError(f"connection ended in the body: {head} {body!r}")
            body += decoder.feed(data)
        self.unread(decoder.rest)
        return Response(head, body)

    def request(self, method, path, timeout=DEFAULT_TIMEOUT, **options):
        self.send_request(method, path, **options)
        return self.read_response(method, timeout)

    def say_goodbye(self):
        """TLS: sends a close_notify, and leaves the TCP connection as it is."""
        self.socket.settimeout(0)
        with contextlib.suppress(ssl.SSLError):  # the peer's does not come first
            self.socket.unwrap()

    def reset(self):
        """Ends the connection with a TCP reset."""
        linger = (1).to_bytes(4, "little") + bytes(4)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.socket.close()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def http_request(port, method, path, **options):
    """One request on a connection of its own."""
    with HttpConnection(port) as connection:
        return connection.request(method, path, **options)


def unverified_tls(protocols=(), version=True):
    """A TLS context that takes any certificate: the tests' are self-signed."""
    # The default context would read the system's authorities each time.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if version is not True:
        context.minimum_version = context.maximum_version = version
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context

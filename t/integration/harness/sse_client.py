"""One EventSource over HTTP/1.x, as strict as a client can be."""

from .block_reader import BlockReader
from .http_client import HttpConnection
from .http_wire import GzipDecoder, UntilCloseDecoder, framing_of
from .waiting import DEFAULT_TIMEOUT


class SseClient(BlockReader):
    """Sends its request at once; open() waits for the head.

    `end` is None while the stream lives, then "clean" (the body ended as HTTP wants), "cut"
    (the connection was closed inside the body) or "reset". With `cursor`, it comes back.
    """

    def __init__(
        self,
        port,
        path,
        *,
        method="GET",
        version="1.1",
        headers=(("Accept", "text/event-stream"),),
        cursor="",
        connection=None,
        **connection_options,
    ):
        super().__init__()
        self.path = path
        self.method = method
        if cursor:
            headers = [*headers, ("Last-Event-ID", cursor)]
        self.connection = connection or HttpConnection(port, **connection_options)
        self.connection.send_request(method, path, version=version, headers=headers)
        self.head = None
        self.end = None
        self._framing = None
        self._coding = None

    def __repr__(self):
        return f"stream {self.path}"

    def read_head(self, timeout=DEFAULT_TIMEOUT):
        self.head = self.connection.read_head(timeout)
        self._framing = framing_of(self.head, self.method)
        if self.head.get("Content-Encoding") == "gzip":
            self._coding = GzipDecoder()
        return self.head

    def open(self, timeout=DEFAULT_TIMEOUT):
        """Waits for what makes a browser fire `open`."""
        head = self.read_head(timeout)
        assert head.status == 200, f"{self!r}: {head}"
        assert head.get("Content-Type") == "text/event-stream", f"{self!r}: {head}"
        return self

    @property
    def is_at_chunk_boundary(self):
        return self._framing.is_at_boundary

    def close(self):
        self.connection.close()

    def reset(self):
        self.connection.reset()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _receive_body(self, deadline):
        if self.end is not None:
            return None
        try:
            data = self.connection.receive(deadline)
        except ConnectionResetError:
            self.end = "reset"
            return None
        if not data:
            self.end = "clean" if isinstance(self._framing, UntilCloseDecoder) else "cut"
            return None
        body = self._framing.feed(data)
        if self._framing.is_done:
            self.connection.unread(self._framing.rest)
            self.end = "clean"
        return self._coding.feed(body) if self._coding else body

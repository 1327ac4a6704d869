"""Event streams over one HTTP/2 connection: several at a time, with flow control and resets."""

import h2.config
import h2.connection
import h2.events
import h2.settings

from .block_reader import BlockReader
from .http_client import HttpConnection, unverified_tls
from .waiting import DEFAULT_TIMEOUT, Deadline

FRAME_HEADER = 9  # bytes; the first three are the length of what follows


class Http2Connection:
    """Prior knowledge over plain TCP, or ALPN over TLS."""

    def __init__(self, port, *, tls=False, window=None, **connection_options):
        self._connection = HttpConnection(port, **connection_options)
        if tls:
            context = unverified_tls(["h2"])
            self._connection.socket = context.wrap_socket(self._connection.socket)
            assert self._connection.socket.selected_alpn_protocol() == "h2"
        self._protocol = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        )
        self.last_stream_taken = None  # what a GOAWAY said: the server ignores those after it
        self._streams = {}
        self._pending = b""
        self._protocol.initiate_connection()
        if window is not None:
            # The connection's window stays as it is, so one slow stream does not stop the others.
            self._protocol.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self._flush()

    @property
    def raw(self):
        """The connection that carries the frames."""
        return self._connection

    @property
    def socket(self):
        return self._connection.socket

    @property
    def is_secure(self):
        return self._connection.is_secure

    def start(self, path, method="GET", acknowledges=True, cursor=""):
        """Sends a request; returns its Http2Stream. Without acknowledgement its window runs dry."""
        stream_id = self._protocol.get_next_available_stream_id()
        stream = Http2Stream(self, stream_id, path, acknowledges)
        self._streams[stream_id] = stream
        headers = [
            (":method", method),
            (":path", path),
            (":scheme", "http"),
            (":authority", "localhost"),
        ]
        if cursor:
            headers.append(("last-event-id", cursor))
        self._protocol.send_headers(stream_id, headers, end_stream=True)
        self._flush()
        return stream

    def open(self, path, **options):
        return self.start(path, **options).open()

    def reset(self, stream):
        """Cancels one stream as a browser does when its EventSource is closed."""
        self._protocol.reset_stream(stream.stream_id, error_code=8)
        self._flush()

    def acknowledge(self, stream):
        """Opens the windows for all that a stream which does not acknowledge has received."""
        if stream.unacknowledged:
            self._protocol.acknowledge_received_data(stream.unacknowledged, stream.stream_id)
            stream.unacknowledged = 0
            self._flush()

    def set_window(self, size):
        """What each stream may have on its way, also those that are open."""
        self._protocol.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: size})
        self._flush()

    def has_bytes(self):
        """Whether something has arrived that was not received."""
        return self._connection.has_bytes()

    def pump(self, deadline):
        """Receives once and hands every frame to its stream."""
        data = self._connection.receive(deadline)
        if not data:
            for stream in self._streams.values():
                stream.end = stream.end or "cut"
            return
        self._pending += data
        for event in self._events():
            stream = self._streams.get(getattr(event, "stream_id", None))
            if isinstance(event, h2.events.ResponseReceived):
                stream.head = dict(event.headers)
            elif isinstance(event, h2.events.TrailersReceived):
                stream.trailers = dict(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                stream.received.append(event.data)
                stream.unacknowledged += event.flow_controlled_length
                if stream.acknowledges and stream.end is None:
                    self.acknowledge(stream)
            elif isinstance(event, h2.events.StreamEnded):
                stream.end = "clean"
            elif isinstance(event, h2.events.StreamReset) and stream.end is None:
                stream.end = "reset"
        self._flush()

    def close(self):
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _events(self):
        """What the frames received say.

        h2 takes nothing after a GOAWAY, but nginx sends one at shutdown and goes on with the
        streams that are there (RFC 9113, 6.8). So frames are given to it one by one, and the
        connection is opened again after a GOAWAY without an error.
        """
        while len(self._pending) >= FRAME_HEADER:
            end = FRAME_HEADER + int.from_bytes(self._pending[:3], "big")
            if len(self._pending) < end:
                return
            frame, self._pending = self._pending[:end], self._pending[end:]
            for event in self._protocol.receive_data(frame):
                if isinstance(event, h2.events.ConnectionTerminated) and event.error_code == 0:
                    self.last_stream_taken = event.last_stream_id
                    machine = self._protocol.state_machine
                    machine.state = h2.connection.ConnectionState.CLIENT_OPEN
                yield event

    def _flush(self):
        self._connection.send(self._protocol.data_to_send())


class Http2Stream(BlockReader):
    """One event stream of a connection."""

    def __init__(self, connection, stream_id, path, acknowledges):
        super().__init__()
        self.connection = connection
        self.stream_id = stream_id
        self.path = path
        self.head = None
        self.trailers = None
        self.end = None
        self.acknowledges = acknowledges
        self.unacknowledged = 0  # bytes
        self.received = []

    def __repr__(self):
        return f"HTTP/2 stream {self.path}"

    def read_head(self, timeout=DEFAULT_TIMEOUT):
        deadline = Deadline(timeout, f"head of {self!r}")
        while self.head is None and self.end is None:
            self.connection.pump(deadline)
        return self.head

    def open(self, timeout=DEFAULT_TIMEOUT):
        head = self.read_head(timeout)
        assert head and head[":status"] == "200", f"{self!r}: {head}"
        assert head["content-type"] == "text/event-stream", f"{self!r}: {head}"
        return self

    def _receive_body(self, deadline):
        if not self.received:
            if self.end is not None:
                return None
            self.connection.pump(deadline)
        data = b"".join(self.received)
        self.received.clear()
        return data

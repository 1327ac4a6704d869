"""Replays of many pages on every transport: the bytes of what Redis holds, and nothing else."""

import pytest

from harness import Http2Connection, HttpConnection, make_certificate, wait_until
from harness.waiting import Deadline

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    log_format reason '$uri $sse_close_reason';
    access_log access.log reason;
    sse_broker @BROKER@;
    sse_channel_type stream;
    sse_retry off;
    sse_keepalive off;
    sse_max_message 64k;
    sse_buffer_size 128k;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    server {
        listen 127.0.0.1:@PORT@ sndbuf=16k;
        listen 127.0.0.1:@PORT2@ http2 sndbuf=16k;
        listen 127.0.0.1:@PORT3@ ssl http2 sndbuf=16k;
        location = /s { sse_subscribe s; }
        location = /small { sse_subscribe s; http2_chunk_size 100; }
        location = /several { sse_subscribe s t u; }
        location = /compact { sse_subscribe s; sse_compact on; }
        location = /gzip { sse_subscribe s; gzip on; gzip_types text/event-stream; }
        location = /sub_filter {
            sse_subscribe s;
            sub_filter_types text/event-stream;
            sub_filter_once off;
            sub_filter "entry" "ENTRY";
        }
        location = /both {
            sse_subscribe s;
            sub_filter_types text/event-stream;
            sub_filter_once off;
            sub_filter "entry" "ENTRY";
            gzip on;
            gzip_types text/event-stream;
        }
    }
}
"""

COUNT = 3000  # of about 300 bytes: seven times the buffer, and five pages of Redis


@pytest.fixture
def nginx(redis, make_nginx):
    server = make_nginx(CONF, BROKER=redis.url)
    make_certificate(server.directory)
    return server.start()


@pytest.fixture(params=["PORT2", "PORT3"], ids=["plain", "tls"])
def connect(request, nginx):
    """Opens a connection: connect(…) -> Http2Connection."""
    tls = request.param == "PORT3"
    return lambda **options: Http2Connection(nginx.port_of(request.param), tls=tls, **options)


class History:
    """Entries of the stream "s", and the bytes that whoever has missed them must get."""

    def __init__(self, redis):
        self._redis = redis
        self.ids = []
        self._frames = []
        self.add(COUNT)

    def add(self, count):
        begin = len(self.ids)
        texts = [f"entry {number} {'x' * 280}" for number in range(begin, begin + count)]
        ids = self._redis.add_all("s", texts)
        self.ids += ids
        self._frames += [
            f"id: {entry_id}\ndata: {text}\n\n".encode() for entry_id, text in zip(ids, texts)
        ]

    def after(self, seen):
        """The bytes behind the first `seen` entries."""
        return b"".join(self._frames[seen:])


@pytest.fixture
def history(redis):
    return History(redis)


def read_to(stream, size, timeout=40):
    deadline = Deadline(timeout, f"{size} bytes of {stream!r}")
    while len(stream.body) < size:
        assert stream.read_some(deadline.remaining()), stream.end


def expect_exactly(stream, expected):
    read_to(stream, len(expected))
    assert stream.body == expected


# HEAD


@pytest.mark.parametrize("path", ["/s", "/several", "/compact"])
def test_head_costs_redis_nothing_whatever_the_cursor(redis, nginx, history, path):
    redis.command("CONFIG", "RESETSTAT")
    with HttpConnection(nginx.port) as connection:
        for cursor in (), ("Last-Event-ID", history.ids[0]), ("Last-Event-ID", "nonsense"):
            response = connection.request("HEAD", path, headers=[cursor] if cursor else [])
            assert (response.status, response.body) == (200, b"")
            assert response.head.get("Content-Type") == "text/event-stream"
    used = {name for name in redis.client.info("commandstats") if name.startswith("cmdstat_x")}
    assert used == set()


# HTTP/2


@pytest.mark.parametrize("path, window", [("/s", 300), ("/small", 5000), ("/gzip", None)])
def test_each_stream_of_a_connection_replays_from_its_own_cursor(history, connect, path, window):
    with connect(window=window) as connection:
        seen = [0, 1, 700, 1500, COUNT - 1, COUNT]
        cursors = ["0-0", *(history.ids[count - 1] for count in seen[1:])]
        streams = [connection.open(path, cursor=cursor) for cursor in cursors]
        history.add(100)
        for stream, count in zip(streams, seen):
            expect_exactly(stream, history.after(count))


def test_a_stream_whose_window_is_shut_in_a_replay_holds_up_no_other_and_loses_nothing(
    history, connect
):
    with connect(window=30_000) as connection:
        stuck = [connection.open("/s", cursor="0-0", acknowledges=False) for _ in range(2)]
        for stream in stuck:
            read_to(stream, 30_000)
        expect_exactly(connection.open("/s", cursor="0-0"), history.after(0))
        history.add(1000)
        connection.reset(stuck[0])
        expect_exactly(connection.open("/s", cursor=history.ids[9]), history.after(10))
        connection.acknowledge(stuck[1])
        stuck[1].acknowledges = True
        expect_exactly(stuck[1], history.after(0))


class Returning:
    """A client that cancels its stream again and again, and comes back as an EventSource would."""

    def __init__(self, connection, path, cursor):
        self._connection = connection
        self._path = path
        self._cursor = cursor
        self.seen = b""  # the whole blocks of all its streams
        self.torn = 0  # streams that it left in the middle of a block
        self.stream = None

    def come(self):
        self.stream = self._connection.start(self._path, cursor=self._cursor)

    def read(self, size):
        """Reads on until this stream has brought so many bytes, or it has all of `size`."""
        self.stream.open()
        read_to(self.stream, size)

    def leave(self):
        self._connection.reset(self.stream)
        torn = len(self.stream.torn_block)
        self.torn += torn != 0
        self.stream.received_blocks()
        self.seen += self.stream.body[: len(self.stream.body) - torn]
        self._cursor = self.stream.last_id or self._cursor


@pytest.mark.timeout(90)
def test_streams_reset_in_the_middle_of_a_replay_come_back_without_gap_or_repeat(
    nginx, history, connect
):
    rounds = 12
    steps = [1, 400, 5_000, 20_000, 70_000]  # bytes; in the middle of a block, a frame, a page
    with connect(window=20_000) as connection:
        clients = [Returning(connection, path, "0-0") for path in ("/s", "/small", "/s", "/s")]
        for number in range(rounds):
            history.add(50)
            for client in clients:
                client.come()
            for index, client in enumerate(clients):
                left = len(history.after(0)) - len(client.seen)
                client.read(min(steps[(number * 3 + index) % len(steps)], left))
            for client in clients:
                client.leave()
        for client in clients:
            assert client.torn > rounds / 4
            client.come()
            read_to(client.stream, len(history.after(0)) - len(client.seen))
            client.leave()
            assert client.seen == history.after(0)
        ends = len(clients) * (rounds + 1)
        wait_until(lambda: len(nginx.access_log()) == ends, "every stream has left")
    assert set(nginx.access_log()) == {"/s client", "/small client"}


# Filters

GZIP = (("Accept-Encoding", "gzip"),)


@pytest.mark.parametrize("path", ["/gzip", "/sub_filter", "/both"])
@pytest.mark.parametrize("pace", ["slow", "quick"])
def test_a_filter_gets_every_page_of_a_replay(history, nginx, open_stream, path, pace):
    slow = {"receive_buffer": 4096, "max_segment": 1400} if pace == "slow" else {}
    stream = open_stream(nginx, path, headers=GZIP, cursor=history.ids[0], **slow)
    is_compressed = stream.head.get("Content-Encoding") == "gzip"
    assert is_compressed == (path != "/sub_filter")
    if slow:
        stream.connection.receive_size = 4000
        history.add(1000)  # it is in the replay still
    for count in 0, 1:  # with what comes live at last
        history.add(count)
        expected = history.after(1)
        if path != "/gzip":
            expected = expected.replace(b"entry", b"ENTRY")
        expect_exactly(stream, expected)

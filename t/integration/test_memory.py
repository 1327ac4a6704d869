"""Promise 9: memory does not grow with messages, keepalives and clients that come and go."""

import pytest

from harness import Http2Connection, make_certificate, processes, wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log notice;
pid nginx.pid;
events { worker_connections 512; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    sse_keepalive 1ms;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    server {
        listen 127.0.0.1:@PORT@;
        listen 127.0.0.1:@PORT2@ http2;
        listen 127.0.0.1:@PORT3@ ssl;
        listen 127.0.0.1:@PORT4@ ssl http2;
        location = /direct { sse_subscribe c; }
        location = /filtered { sse_subscribe c; sse_direct off; }
        location = /gzip { sse_subscribe c; gzip on; gzip_types text/event-stream; }
    }
}
"""

# One send each: a leak of a single buffer with its link would show as more than a megabyte.
SENDS = 10_000
MESSAGES = 1_000_000
BATCH = 10_000
CYCLES = 10_000
ALLOWED_GROWTH = 400_000  # bytes, for all streams together

pytestmark = pytest.mark.timeout(240)

PUBLISH_BATCH = "for i = 1, tonumber(ARGV[1]) do redis.call('PUBLISH', KEYS[1], i) end"


@pytest.fixture
def nginx(redis, make_nginx):
    nginx = make_nginx(CONF, BROKER=redis.url)
    make_certificate(nginx.directory)
    return nginx.keep_no_freed_memory().start()


class Ways:
    """A stream on every way to a client, with the HTTP/2 connections that carry some of them."""

    def __init__(self, nginx, open_stream, tls=True):
        self.connections = [Http2Connection(nginx.port_of("PORT2"))]
        self.of_http_1 = [
            open_stream(nginx, "/direct"),
            open_stream(nginx, "/direct", version="1.0"),
            open_stream(nginx, "/filtered"),
            open_stream(nginx, "/gzip", headers=[("Accept-Encoding", "gzip")]),
        ]
        if tls:
            self.connections.append(Http2Connection(nginx.port_of("PORT4"), tls=True))
            for path in ("/direct", "/filtered"):
                stream = open_stream(nginx, path, port=nginx.port_of("PORT3"), tls=True)
                self.of_http_1.append(stream)
        self.of_http_2 = [connection.open("/direct") for connection in self.connections]

    @property
    def streams(self):
        return self.of_http_1 + self.of_http_2

    def close(self):
        for each in self.of_http_1 + self.connections:
            each.close()


def worker_bytes(nginx):
    (worker,) = nginx.worker_pids()
    return processes.resident_bytes(worker)


def assert_no_growth(nginx, before):
    """Waits until the worker has given back what the last exchange used: it reads a close when it comes to it."""
    # A sanitizer's own memory grows with the places it has seen allocate: less and less.
    allowed = 10 * ALLOWED_GROWTH if "LD_PRELOAD" in nginx.environment else ALLOWED_GROWTH
    wait_until(
        lambda: worker_bytes(nginx) - before < allowed,
        f"the worker has at most {allowed} bytes more than {before}",
    )


def test_ten_thousand_sends_leave_nothing_behind(redis, nginx, open_stream):
    ways = Ways(nginx, open_stream)

    def exchange(count):
        for number in range(count):
            redis.publish("c", str(number))
            for stream in ways.streams:
                assert stream.next_event().data == str(number)

    exchange(SENDS // 5)
    before = worker_bytes(nginx)
    exchange(SENDS)
    assert_no_growth(nginx, before)
    assert all(stream.comments for stream in ways.streams), "keepalives came between the messages"
    ways.close()


def test_a_million_messages_leave_nothing_behind(redis, nginx, open_stream):
    ways = Ways(nginx, open_stream)

    def exchange(count):
        for _ in range(count // BATCH):
            redis.command("EVAL", PUBLISH_BATCH, 1, "c", BATCH)
            for stream in ways.streams:
                received = 0

                def is_enough(data):
                    nonlocal received
                    received += data.count(b"d")  # of "data", which a keepalive has not
                    return received >= BATCH

                stream.discard_until(is_enough)
                assert received == BATCH

    exchange(MESSAGES // 10)
    before = worker_bytes(nginx)
    exchange(MESSAGES)
    assert_no_growth(nginx, before)
    ways.close()


def test_ten_thousand_clients_that_came_and_went_leave_nothing_behind(redis, nginx, open_stream):
    (worker,) = nginx.worker_pids()

    def visit(clients):
        for number in range(clients // 5):
            ways = Ways(nginx, open_stream, tls=number % 5 == 0)  # a handshake takes its time
            if number % 2:
                redis.publish("c", str(number))
                assert {stream.next_event().data for stream in ways.streams} == {str(number)}
            if number % 3:
                for stream in ways.of_http_1:
                    stream.reset()
                for connection, stream in zip(ways.connections, ways.of_http_2):
                    connection.reset(stream)
            ways.close()

    visit(CYCLES // 5)
    before, descriptors = worker_bytes(nginx), processes.fd_count(worker)
    visit(CYCLES)
    wait_until(lambda: processes.fd_count(worker) <= descriptors, "the descriptors are given back")
    assert_no_growth(nginx, before)


def test_http_2_resets_in_the_middle_of_a_message_leave_nothing_behind(redis, nginx):
    large = "x" * 200_000
    ports = [nginx.port_of("PORT2"), nginx.port_of("PORT4")]

    def visit(rounds):
        for number in range(rounds):
            tls = bool(number % 2)
            # What the client does not read stays half-written in nginx; what it does not allow, unwritten.
            options = {"receive_buffer": 4096} if number % 4 < 2 else {"window": 1000}
            with Http2Connection(ports[tls], tls=tls, **options) as connection:
                streams = [connection.start("/direct", acknowledges=False) for _ in range(5)]
                for stream in streams:
                    stream.open()
                redis.publish("c", large)
                streams[0].read_some()
                for stream in streams:
                    connection.reset(stream)
                redis.publish("c", "later")

    visit(20)
    before = worker_bytes(nginx)
    visit(200)
    assert_no_growth(nginx, before)

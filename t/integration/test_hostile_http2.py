"""HTTP/2 connections that nobody in good faith makes: each costs who makes it, and nobody else."""

import pytest

from harness import Bystander, RawHttp2, processes, wait_until
from harness import http2_frames as h2

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 512; }
http {
    @TEMP_PATHS@
    log_format reason '$uri $status $sse_close_reason';
    access_log access.log reason;
    sse_broker @BROKER@;
    sse_max_worker_channels 500;
    send_timeout 3s;
    server {
        listen 127.0.0.1:@PORT@;
        listen 127.0.0.1:@PORT2@ http2;
        location = /bystander { sse_subscribe bystander; access_log off; sse_log off; }
        location = /static { alias nginx.conf; access_log off; }
        location = /one { sse_subscribe $arg_c; sse_retry off; }
        location = /timeout { sse_subscribe $arg_c; sse_send_timeout 1s; }
    }
}
"""

STREAMS = 100
ALLOWED_GROWTH = 4 << 20  # bytes; the first attack warms the worker up, the second is measured


@pytest.fixture
def nginx(redis, make_nginx):
    return make_nginx(CONF, BROKER=redis.url).keep_no_freed_memory().start()


@pytest.fixture
def connect(nginx):
    return lambda *settings, **options: RawHttp2(nginx.port_of("PORT2"), *settings, **options)


@pytest.fixture
def endure(redis, nginx):
    """Runs an attack twice beside a bystander: afterwards everything is as before."""

    def run(attack):
        (worker,) = nginx.worker_pids()
        with Bystander(nginx, redis) as bystander:
            descriptors = processes.fd_count(worker)
            attack()
            memory = processes.resident_bytes(worker)
            attack()
            bystander.expect_undisturbed()
            wait_until(lambda: processes.fd_count(worker) <= descriptors + 1, "descriptors return")
            growth = processes.resident_bytes(worker) - memory
            print(f"memory grew by {growth >> 10} KiB")
            assert growth < ALLOWED_GROWTH

    return run


def ids(count, first=1):
    return range(first, first + 2 * count, 2)


def outcome_of(nginx):
    """How the streams that are over ended."""
    return {line.split()[-1] for line in nginx.access_log()}


def test_streams_opened_and_reset_as_quickly_as_possible(nginx, connect, endure):
    flood = b"".join(h2.request(i, "/one?c=x") + h2.reset(i) for i in ids(20_000))

    def attack():
        with connect() as connection:
            connection.send(flood)

    endure(attack)
    assert len(nginx.access_log()) >= STREAMS
    assert {line.split()[0] for line in nginx.access_log()} == {"/one"}


def test_streams_of_new_channels_opened_and_reset_in_batches(redis, nginx, connect, endure):
    names = iter(range(10**9))
    most = 0

    def attack():
        nonlocal most
        for _ in range(10):  # nginx ends a connection after 1,000 requests
            with connect() as connection:
                for batch in range(10):
                    opened = ids(STREAMS, first=1 + 2 * STREAMS * batch)
                    connection.send(
                        b"".join(h2.request(i, f"/one?c=x{next(names)}") for i in opened)
                    )
                    connection.ping()
                    connection.send(b"".join(h2.reset(i) for i in opened))
                most = max(most, len(redis.command("PUBSUB", "CHANNELS", "x*")))

    endure(attack)
    wait_until(lambda: len(nginx.access_log()) == 20_000, "the streams' ends")
    assert outcome_of(nginx) == {"client", "limit"}
    assert 100 < most <= 500
    wait_until(lambda: redis.command("PUBSUB", "CHANNELS", "x*") == [], "they are unsubscribed")


def test_streams_beyond_the_limit_are_refused_and_those_within_it_served(redis, nginx, connect):
    with connect() as connection:
        connection.send(b"".join(h2.request(i, "/one?c=x") for i in ids(200)))
        answers = (h2.HEADERS, h2.RST_STREAM)
        connection.read_until(
            lambda: sum(frame.kind in answers for frame in connection.frames) == 200, "200 answers"
        )
        refused = {frame.stream_id for frame in connection.of_kind(h2.RST_STREAM)}
        served = {frame.stream_id for frame in connection.of_kind(h2.HEADERS)}
        assert len(served) == 128 and not served & refused  # nginx's http2_max_concurrent_streams
        redis.publish("x", "hello")
        connection.read_until(lambda: len(connection.of_kind(h2.DATA)) == 128, "the messages")
        assert {frame.stream_id for frame in connection.of_kind(h2.DATA)} == served
        assert {frame.payload for frame in connection.of_kind(h2.DATA)} == {b"data: hello\n\n"}


def test_streams_without_a_window_end_by_sse_send_timeout(redis, nginx, connect, endure):
    def attack():
        with connect((h2.INITIAL_WINDOW_SIZE, 0)) as connection:
            connection.send(b"".join(h2.request(i, "/timeout?c=x") for i in ids(STREAMS)))
            connection.read_until(
                lambda: len(connection.of_kind(h2.HEADERS)) == STREAMS, "the streams open"
            )
            for number in range(20):
                redis.publish("x", f"{number} " + "x" * 10_000)
            connection.read_until(
                lambda: len(connection.of_kind(h2.RST_STREAM)) == STREAMS, "the streams end"
            )
            assert connection.of_kind(h2.DATA) == []

    endure(attack)
    assert nginx.access_log() == ["/timeout 200 slow"] * 2 * STREAMS


def test_a_connection_that_never_reads_ends_too(redis, nginx, connect, endure):
    def attack():
        with connect((h2.INITIAL_WINDOW_SIZE, (1 << 31) - 1), receive_buffer=4096) as connection:
            connection.connection.send(
                h2.window_update(0, (1 << 31) - 1 - 65535)
                + b"".join(h2.request(i, "/timeout?c=x") for i in ids(STREAMS))
            )
            ends = len(nginx.access_log()) + STREAMS

            def has_ended():  # who opens late gets messages too
                redis.publish("x", "x" * 10_000)
                return len(nginx.access_log()) == ends

            wait_until(has_ended, "the streams end")

    endure(attack)
    # Whose frame is the one begun ends with the connection, by send_timeout.
    assert nginx.access_log().count("/timeout 200 slow") >= 2 * STREAMS - 10


@pytest.mark.parametrize(
    "frame",
    [
        h2.frame(h2.PING, payload=b"12345678"),
        h2.settings((h2.INITIAL_WINDOW_SIZE, 65535)),
        h2.settings((h2.INITIAL_WINDOW_SIZE, 0)) + h2.settings((h2.INITIAL_WINDOW_SIZE, 65535)),
        h2.window_update(0, 1) + h2.window_update(1, 1),
        h2.frame(2, 0, 1, b"\0\0\0\x03\x10"),
        h2.frame(99, 0, 1, b"unknown"),
        h2.frame(h2.DATA, 0, 3, b""),
    ],
    ids=["PING", "SETTINGS", "windows", "WINDOW_UPDATE", "PRIORITY", "unknown", "DATA"],
)
def test_a_flood_of_frames_beside_open_streams(redis, nginx, connect, endure, frame):
    def attack():
        with connect() as connection:
            connection.send(h2.request(1, "/one?c=x"))
            # A GET whose body does not end.
            connection.send(h2.frame(h2.HEADERS, h2.END_HEADERS, 3, h2.header_block("/one?c=x")))
            connection.read_until(lambda: len(connection.of_kind(h2.HEADERS)) == 2, "both open")
            if connection.send(frame * (400_000 // len(frame))):
                redis.publish("x", "hello")
                connection.read_until(lambda: len(connection.of_kind(h2.DATA)) == 2, "the messages")

    endure(attack)
    wait_until(lambda: len(nginx.access_log()) == 4, "the streams' ends")


def test_a_flood_of_pings_whose_answers_nobody_reads(redis, nginx, connect, endure):
    pings = h2.frame(h2.PING, payload=b"12345678") * 50_000

    def attack():
        with connect(receive_buffer=4096) as connection:
            connection.send(h2.request(1, "/one?c=x"))
            connection.read_until(lambda: connection.of_kind(h2.HEADERS), "the stream opens")
            connection.connection.socket.settimeout(0.5)
            try:
                connection.connection.send(pings)
            except OSError:  # nginx has closed it, or takes no more
                pass

    endure(attack)


def test_a_window_that_overflows_ends_its_stream_alone(redis, nginx, connect):
    with connect() as connection:
        connection.send(h2.request(1, "/one?c=x") + h2.request(3, "/one?c=x"))
        connection.read_until(lambda: len(connection.of_kind(h2.HEADERS)) == 2, "both open")
        connection.send(h2.window_update(1, (1 << 31) - 1))
        connection.read_until(lambda: connection.of_kind(h2.RST_STREAM), "a reset")
        redis.publish("x", "hello")
        connection.read_until(lambda: connection.of_kind(h2.DATA), "the message")
        connection.ping()
        assert [frame.stream_id for frame in connection.of_kind(h2.RST_STREAM)] == [1]
        assert [frame.stream_id for frame in connection.of_kind(h2.DATA)] == [3]


def test_headers_a_byte_a_frame_are_served_and_headers_without_end_refused(nginx, connect):
    block = h2.header_block("/one?c=x")
    pieces = [block[i : i + 1] for i in range(len(block))]
    with connect() as connection:
        connection.send(h2.frame(h2.HEADERS, h2.END_STREAM, 1, pieces[0]))
        connection.send(b"".join(h2.frame(h2.CONTINUATION, 0, 1, one) for one in pieces[1:-1]))
        connection.send(h2.frame(h2.CONTINUATION, h2.END_HEADERS, 1, pieces[-1]))
        connection.read_until(lambda: connection.of_kind(h2.HEADERS), "the stream opens")
        connection.send(h2.frame(h2.HEADERS, h2.END_STREAM, 3, block))
        field = b"\0\x03x-a" + b"\x7f\x81\x01" + b"y" * 256
        connection.send(h2.frame(h2.CONTINUATION, 0, 3, field) * 20_000)
        connection.read_until(lambda: connection.is_ended, "the connection's end")
    wait_until(lambda: len(nginx.access_log()) >= 1, "the stream's end")


def test_connections_cut_in_the_middle_of_frames_with_many_streams(redis, nginx, connect, endure):
    def attack():
        for _ in range(10):
            with connect((h2.INITIAL_WINDOW_SIZE, 1 << 20), receive_buffer=4096) as connection:
                connection.send(h2.window_update(0, 1 << 30))
                connection.send(b"".join(h2.request(i, "/one?c=x") for i in ids(STREAMS)))
                connection.read_until(
                    lambda: len(connection.of_kind(h2.HEADERS)) == STREAMS, "the streams open"
                )
                redis.publish("x", "x" * 100_000)
                # The next stream's head is begun, and some frame of a message is.
                connection.connection.send(h2.request(2 * STREAMS + 1, "/one?c=x")[:-1])
                connection.connection.socket.recv(1)
                connection.connection.reset()

    endure(attack)
    wait_until(
        lambda: nginx.access_log().count("/one 200 client") == 20 * STREAMS, "the streams' ends"
    )

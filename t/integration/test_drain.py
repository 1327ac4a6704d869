"""While a worker drains, its streams get everything, and their ends are clean: promise 8."""

import re
import time

import pytest

from harness import Http2Connection, Publisher, SseClient, make_certificate, wait_until
from harness.waiting import Deadline

CONF = """
load_module @MODULE@;
worker_processes 1;
worker_shutdown_timeout @SHUTDOWN@;
error_log error.log info;
pid nginx.pid;
events { worker_connections 512; }
http {
    @TEMP_PATHS@
    log_format end '$arg_n $msec $sse_close_reason';
    access_log access.log end;
    sse_broker @BROKER@;
    sse_retry 1s jitter=1s;
    sse_drain @DRAIN@;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    server {
        listen 127.0.0.1:@PORT@;
        listen 127.0.0.1:@PORT2@ ssl;
        listen 127.0.0.1:@PORT3@ http2;
        listen 127.0.0.1:@PORT4@ ssl http2;
        location = /direct { sse_subscribe c; }
        location = /filtered { sse_subscribe c; sse_direct off; }
    }
}
"""


@pytest.fixture
def start(redis, make_nginx):
    def start(drain, shutdown="1m"):
        nginx = make_nginx(CONF, BROKER=redis.url, DRAIN=drain, SHUTDOWN=shutdown)
        make_certificate(nginx.directory)
        return nginx.start()

    return start


def expect_farewell(stream, block):
    assert stream.end == "clean"
    assert block.data is None and 1000 <= block.retry <= 2000, block


def ends_by_the_workers_clock(nginx):
    """The argument n of each stream → when it ended; all of them were drained."""
    lines = [line.split() for line in nginx.access_log()]
    assert {reason for _, _, reason in lines} == {"drain"}
    return {int(n): float(moment) for n, moment, _ in lines}


@pytest.mark.parametrize(
    "port, path, tls",
    [("PORT", "/direct", False), ("PORT", "/filtered", False), ("PORT2", "/direct", True)],
    ids=["direct", "filtered", "tls"],
)
def test_nothing_is_lost_before_the_end(redis, start, pool, port, path, tls):
    nginx = start(drain="1s")
    options = {"port": nginx.port_of(port), "tls": tls}
    streams = [pool.start(nginx, f"{path}?n={n}", **options) for n in range(30)]
    pool.run_until(lambda: all(stream.head for stream in streams), "open streams")
    begin = time.time()
    with Publisher(redis, "c") as publisher:
        pool.run_until(lambda: all(stream.events for stream in streams), "messages flow")
        nginx.reload()
        pool.run_until(lambda: all(stream.end for stream in streams), "all streams end")
    nginx.quit()
    for n, end in ends_by_the_workers_clock(nginx).items():
        expect_farewell(streams[n], streams[n].blocks[-1])
        assert publisher.missed(streams[n].texts(), begin, end) == []


@pytest.mark.parametrize("port, tls", [("PORT3", False), ("PORT4", True)], ids=["h2c", "h2"])
def test_nothing_is_lost_before_the_end_of_an_http_2_stream(redis, start, port, tls):
    nginx = start(drain="1s")
    with Http2Connection(nginx.port_of(port), tls=tls) as connection:
        streams = [connection.open(f"/direct?n={n}") for n in range(30)]
        begin = time.time()
        with Publisher(redis, "c") as publisher:
            deadline = Deadline(10, "all streams end")
            nginx.reload()
            while not all(stream.end for stream in streams):
                connection.pump(deadline)
        bodies = [stream.read_to_end() for stream in streams]
    nginx.quit()
    for n, end in ends_by_the_workers_clock(nginx).items():
        expect_farewell(streams[n], bodies[n][-1])
        texts = [block.data for block in bodies[n] if block.data is not None]
        assert publisher.missed(texts, begin, end) == []


@pytest.mark.parametrize(
    "way, drain, shutdown, seconds",
    [("reload", "2s", "1m", 2.0), ("signal_quit", "1h", "2s", 1.6)],
    ids=["sse_drain", "worker_shutdown_timeout"],
)
def test_a_hundred_ends_make_no_herd(start, pool, way, drain, shutdown, seconds):
    nginx = start(drain, shutdown)
    streams = [pool.start(nginx, f"/direct?n={n}") for n in range(100)]
    pool.run_until(lambda: all(stream.head for stream in streams), "open streams")
    begin = time.time()
    getattr(nginx, way)()
    pool.run_until(lambda: all(stream.end for stream in streams), "all streams end")
    for stream in streams:
        expect_farewell(stream, stream.blocks[-1])
    wait_until(lambda: len(nginx.access_log()) == len(streams), "a line of the log for each")
    ends = sorted(ends_by_the_workers_clock(nginx).values())
    assert ends[-1] - begin < seconds + 0.35
    # An even spread has 25 in a quarter. Had the worker to wait for its turn, some come together.
    quarter = seconds / 4
    herd = max(sum(first <= end < first + quarter for end in ends) for first in ends)
    assert herd <= 40
    # They do not come back together either.
    retries = [stream.blocks[-1].retry for stream in streams]
    assert min(retries) < 1200 and max(retries) > 1800


@pytest.mark.parametrize(
    "port, path, version",
    [
        ("PORT", "/direct", "1.1"),
        ("PORT", "/filtered", "1.1"),
        ("PORT2", "/direct", "1.1"),
        ("PORT", "/direct", "1.0"),
        ("PORT2", "/filtered", "1.0"),
    ],
    ids=["direct", "filtered", "tls", "http 1.0", "http 1.0 over tls"],
)
def test_behind_the_last_message_there_are_a_retry_and_an_end_and_no_byte_more(
    redis, start, port, path, version
):
    nginx = start(drain="100ms")
    tls = port == "PORT2"
    with SseClient(nginx.port_of(port), path, version=version, tls=tls) as stream:
        stream.open()
        redis.publish("c", "last")
        assert stream.next_event().data == "last"
        if tls:
            stream.connection.socket.suppress_ragged_eofs = False  # it has to end with close_notify
        nginx.signal_quit()
        stream.read_to_end()
        assert stream.end == "clean"
        assert stream.connection.receive(Deadline(10, "the end of the connection")) == b""
        _, _, rest = bytes(stream.connection.wire).partition(b"data: last\n\n")
    farewell = rb"retry: [12]\d{3}\n\n"
    chunked = rb"\r\nd\r\n" + farewell + rb"\r\n0\r\n\r\n"
    assert re.fullmatch(chunked if version == "1.1" else farewell, rest), rest

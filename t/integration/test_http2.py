"""HTTP/2: many streams of one connection, and windows of every size."""

import pytest

from harness import Http2Connection, make_certificate, wait_until
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
    sse_retry off;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    server {
        listen 127.0.0.1:@PORT@;
        listen 127.0.0.1:@PORT2@ http2;
        listen 127.0.0.1:@PORT3@ ssl http2;
        location = /events { sse_subscribe c; }
        location = /small { sse_subscribe c; http2_chunk_size 100; }
        location = /large { sse_subscribe c; http2_chunk_size 1m; }
        location = /gzip { sse_subscribe c; gzip on; gzip_types text/event-stream; }
        location = /other { sse_subscribe d; }
    }
}
"""

MESSAGES = ["hello", "two\nlines", "x" * 20_000, "é€𝄞" * 2000, *map(str, range(20)), "end"]


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


def receive_until(connection, condition, what):
    deadline = Deadline(10, what)
    while not condition():
        connection.pump(deadline)


def expect_messages(redis, streams):
    redis.publish_all("c", MESSAGES)
    for stream in streams:
        assert [event.data for event in stream.take(len(MESSAGES))] == MESSAGES


@pytest.mark.parametrize("window", [1, 9, 1000])
def test_the_smallest_windows_are_obeyed_and_everything_comes(redis, connect, window):
    messages = ["hello", "two\nlines", "é€𝄞" * (window + 3)]
    with connect(window=window) as connection:
        stream = connection.open("/events")
        redis.publish_all("c", messages)
        assert [event.data for event in stream.take(3)] == messages


@pytest.mark.parametrize("path", ["/small", "/large"])
def test_http2_chunk_size_does_not_change_the_bytes(redis, connect, path):
    with connect() as connection:
        expect_messages(redis, [connection.open(path), connection.open("/events")])


def test_a_hundred_streams_share_a_connection(redis, connect):
    with connect() as connection:
        streams = [connection.open("/events") for _ in range(100)]
        expect_messages(redis, streams)
        for stream in streams[::2]:
            connection.reset(stream)
        expect_messages(redis, streams[1::2])


def test_streams_cancelled_in_the_middle_of_a_frame_leave_the_others_whole(redis, nginx, connect):
    with connect(window=1000) as connection:
        staying = connection.open("/events")
        for count in range(1, 6):
            paths = ["/events", "/events", "/small"]
            leaving = [connection.open(path, acknowledges=False) for path in paths]
            redis.publish("c", "x" * 100_000)
            assert staying.next_event().data == "x" * 100_000
            for stream in leaving:
                assert 0 < len(b"".join(stream.received)) <= 1000
                connection.reset(stream)
            expect_messages(redis, [staying])
            wait_until(lambda ended=3 * count: len(nginx.access_log()) == ended, "streams end")


def test_a_window_may_shrink_below_zero_and_grow_again(redis, connect):
    with connect() as connection:
        stream = connection.open("/events", acknowledges=False)
        redis.publish("c", "x" * 10_000)
        assert stream.next_event().data == "x" * 10_000
        connection.set_window(100)
        other = connection.open("/other")  # the new window was taken note of
        redis.publish("c", "behind")
        redis.publish("d", "free")
        assert other.next_event().data == "free"
        assert stream.received == []
        connection.set_window(1_000_000)
        assert stream.next_event().data == "behind"


def test_a_connection_whose_window_one_stream_has_used_up_goes_on_when_it_opens(redis, connect):
    with connect(window=1_000_000) as connection:
        greedy = connection.open("/events", acknowledges=False)
        other = connection.open("/other")
        redis.publish("c", "x" * 100_000)
        receive_until(connection, lambda: greedy.unacknowledged == 65_535, "all that fits")
        redis.publish("d", "waits")
        connection.acknowledge(greedy)
        assert other.next_event().data == "waits"
        assert greedy.next_event().data == "x" * 100_000


def test_a_connection_that_ends_takes_its_streams_along(redis, nginx, connect):
    connection = connect()
    streams = [connection.open(path) for path in ("/events", "/other", "/gzip")]
    expect_messages(redis, [streams[0]])
    connection.close()
    wait_until(lambda: len(nginx.access_log()) == 3, "all streams end")
    assert sorted(nginx.access_log()) == ["/events client", "/gzip client", "/other client"]

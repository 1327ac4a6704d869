"""Limits answer 200, `retry:` and an end, so that an EventSource comes back: promise 7."""

import time

import pytest

from harness import Block, Http2Connection, HttpConnection, SseClient, wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 64; }
http {
    @TEMP_PATHS@
    log_format reason '$uri $status $sse_close_reason';
    access_log access.log reason;
    sse_broker @BROKER@;
    sse_retry 3s jitter=1s;
    @HTTP@
    server {
        listen 127.0.0.1:@PORT@;
        listen 127.0.0.1:@PORT2@ http2;
        listen 127.0.0.1:@PORT3@ sndbuf=16k;
        location = / { sse_subscribe $arg_c; }
        location = /list { sse_subscribe_list $arg_c; }
        location = /few { sse_subscribe $arg_c; sse_max_subscribers 2; }
        location = /more { sse_subscribe $arg_c; sse_max_subscribers 3; }
        location = /short { sse_subscribe $arg_c; sse_max_lifetime 500ms jitter=1s; }
        location = /short-filtered {
            sse_subscribe $arg_c;
            sse_max_lifetime 500ms jitter=1s;
            sse_direct off;
        }
        location = /static { return 200 static; }
    }
}
"""


def expect_sent_away(client):
    """The whole response: a pause, and a clean end."""
    client.open()
    blocks = client.read_to_end()
    assert client.end == "clean"
    assert len(blocks) == 1 and is_pause(blocks[0])
    assert 3000 <= blocks[0].retry <= 4000


def is_pause(block):
    return block == Block(retry=block.retry) and block.retry is not None


@pytest.fixture
def serve(redis, start_nginx):
    return lambda http="": start_nginx(CONF, BROKER=redis.url, HTTP=http)


def test_beyond_sse_max_connections_a_worker_sends_streams_away(serve, redis, send_request):
    nginx = serve("sse_max_connections 3;")
    streams = [send_request(nginx, f"/?c=c{i}").open() for i in range(3)]
    for _ in range(3):
        expect_sent_away(send_request(nginx, "/?c=c0"))
    with Http2Connection(nginx.port_of("PORT2")) as connection:
        stream = connection.open("/?c=c0")
        assert is_pause(stream.next_block())
        wait_until(lambda: stream.end, "the end")
    wait_until(lambda: nginx.access_log() == ["/ 200 limit"] * 4, "the access log")
    (line,) = nginx.log_lines("sse_max_connections")
    assert "[warn]" in line and '"sse_max_connections" 3 reached' in line and '"c0"' in line
    streams.pop().close()
    wait_until(lambda: len(nginx.access_log()) == 5, "the end of a stream")
    later = send_request(nginx, "/?c=c9").open()
    redis.publish("c9", "hello")
    assert later.next_event().data == "hello"


def test_without_it_some_of_nginx_s_connections_stay_free(serve, redis, send_request):
    nginx = serve()
    streams = []
    while True:
        client = send_request(nginx, "/?c=c").open()
        if nginx.log_lines("sent away"):
            break
        streams.append(client)
        assert len(streams) < 64
    assert client.head.get("Connection") == "close"
    assert 40 < len(streams) < 57
    assert nginx.log_lines(r'4 of 64 "worker_connections" are free')
    for _ in range(5):
        with HttpConnection(nginx.port) as connection:
            assert connection.request("GET", "/static").text == "static"
    redis.publish("c", "hello")
    assert {stream.next_event().data for stream in streams} == {"hello"}
    assert not nginx.log_lines("worker_connections are not enough")


def test_off_means_no_limit_of_ours(serve, redis, send_request):
    nginx = serve("sse_max_connections off;")
    streams = [send_request(nginx, "/?c=c").open() for _ in range(57)]
    redis.publish("c", "hello")
    assert {stream.next_event().data for stream in streams} == {"hello"}
    assert not nginx.log_lines("sent away")


def test_a_channel_has_at_most_sse_max_subscribers(serve, redis, send_request):
    nginx = serve()
    first, _ = (send_request(nginx, "/few?c=news").open() for _ in range(2))
    expect_sent_away(send_request(nginx, "/few?c=news"))
    send_request(nginx, "/few?c=sport").open()
    third = send_request(nginx, "/more?c=news").open()  # another location, another limit
    expect_sent_away(send_request(nginx, "/more?c=news"))
    without = send_request(nginx, "/?c=news").open()
    (line,) = nginx.log_lines("sse_max_subscribers")
    assert "[warn]" in line and '"news"' in line
    redis.publish("news", "hello")
    for stream in (first, third, without):
        assert stream.next_event().data == "hello"
    first.close()
    third.close()
    without.close()
    wait_until(lambda: len(nginx.access_log()) == 5, "the end of three streams")
    send_request(nginx, "/few?c=news").open()


def test_who_waits_for_the_broker_counts(serve, redis, send_request):
    nginx = serve("sse_open_timeout 30s;")
    redis.stop()
    for _ in range(2):
        send_request(nginx, "/few?c=news")
    wait_until(lambda: send_request(nginx, "/few?c=news").connection.has_bytes(), "who is sent away")


def test_a_worker_knows_at_most_sse_max_worker_channels(serve, redis, send_request):
    nginx = serve("sse_max_worker_channels 4;")
    streams = [send_request(nginx, f"/?c=c{i}").open() for i in range(3)]
    expect_sent_away(send_request(nginx, "/list?c=c0,new1,new2"))
    (line,) = nginx.log_lines("sse_max_worker_channels")
    assert "[warn]" in line and '"sse_max_worker_channels" 4 reached' in line and '"new2"' in line
    streams.append(send_request(nginx, "/list?c=c0,c1,c2,new1").open())
    expect_sent_away(send_request(nginx, "/?c=new2"))
    redis.publish("new1", "hello")
    assert streams[3].next_event().data == "hello"
    streams[3].close()
    # Its channel lingers; asked for another one, the worker gives it up.
    def finds_room():
        send_request(nginx, "/?c=new3").open()
        return redis.subscribers("new3")

    wait_until(finds_room, "room for a new channel")
    wait_until(lambda: redis.subscribers("new1") == 0, "the old one is given up")


@pytest.mark.parametrize("path", ["/short", "/short-filtered"])
def test_sse_max_lifetime_ends_a_stream_cleanly_and_not_all_at_once(
    serve, redis, send_request, path
):
    nginx = serve()
    begin = time.monotonic()
    streams = [send_request(nginx, f"{path}?c=news").open() for _ in range(20)]
    opened = time.monotonic()
    redis.publish("news", "hello")
    ends = []
    while len(ends) < len(streams):
        for stream in [stream for stream in streams if stream.end is None]:
            if stream.connection.has_bytes():
                stream.read_some()
                if stream.end:
                    ends.append(time.monotonic())
    assert {stream.end for stream in streams} == {"clean"}
    for stream in streams:
        first, event, last = stream.read_to_end()
        assert is_pause(first) and event.data == "hello" and is_pause(last)
    assert ends[0] - begin >= 0.5
    assert ends[-1] - opened < 1.5 + 1
    assert ends[-1] - ends[0] > 0.3, "the jitter spreads them"
    wait_until(lambda: nginx.access_log() == [f"{path} 200 lifetime"] * 20, "the access log")


def test_who_does_not_take_its_end_is_cut_also_without_sse_send_timeout(
    serve, redis, send_request
):
    nginx = serve("sse_send_timeout off;")
    slow = {"port": nginx.port_of("PORT3"), "receive_buffer": 4096, "max_segment": 536}
    for path in ("/short", "/short-filtered"):
        send_request(nginx, f"{path}?c=news", **slow).open()
    redis.publish("news", "x" * 500_000)
    wait_until(lambda: len(nginx.access_log()) == 2, "the ends", timeout=15)
    assert sorted(nginx.access_log()) == ["/short 200 lifetime", "/short-filtered 200 lifetime"]


def test_the_connection_can_be_used_again_after_a_lifetime(serve, redis):
    nginx = serve()
    with HttpConnection(nginx.port) as connection:
        for _ in range(2):
            client = SseClient(nginx.port, "/short?c=news", connection=connection).open()
            client.read_to_end()
            assert client.end == "clean"
        assert connection.request("GET", "/static").text == "static"


def test_a_lifetime_ends_also_while_the_broker_is_away(serve, redis, send_request):
    nginx = serve()
    client = send_request(nginx, "/short?c=news").open()
    redis.stop()
    client.read_to_end()
    assert client.end == "clean"

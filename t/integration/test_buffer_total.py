"""What slow readers of many channels hold together is bounded: sse_buffer_total."""

from contextlib import ExitStack

import pytest

from harness import Http2Connection, wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    log_format reason '$uri $sse_channel $sse_close_reason';
    access_log access.log reason;
    sse_broker @BROKER@;
    sse_retry off;
    sse_keepalive off;
    sse_buffer_size 1m;
    sse_max_message 128k;
    sse_buffer_total 1m;
    server {
        listen 127.0.0.1:@PORT@ sndbuf=16k;
        listen 127.0.0.1:@PORT2@ http2;
        listen 127.0.0.1:@PORT3@ http2 sndbuf=16k;
        location = /close { sse_subscribe $arg_c; }
        location = /close-filtered { sse_subscribe $arg_c; sse_direct off; }
        location = /skip { sse_subscribe $arg_c; sse_slow_subscriber skip; }
        location = /skip-filtered {
            sse_subscribe $arg_c;
            sse_slow_subscriber skip;
            sse_direct off;
        }
        location = /quick { sse_subscribe pattern:c*; }
    }
}
"""

CHANNELS = 12
SLOW = {"receive_buffer": 4096, "max_segment": 536}
KIB_100 = 100 * 1024


def message(channel, number):
    return f"{channel} {number} ".ljust(KIB_100, "x")


def publish_to_all(redis, quick, number):
    """One channel after the other, each when the quick reader has the last message."""
    for i in range(CHANNELS):
        redis.publish(f"c{i}", message(f"c{i}", number))
        assert quick.next_event().data == message(f"c{i}", number)


@pytest.fixture
def nginx(redis, start_nginx):
    return start_nginx(CONF, BROKER=redis.url)


@pytest.mark.parametrize("path", ["/close", "/close-filtered"])
def test_the_readers_that_wait_longest_make_room_and_the_others_are_only_late(
    redis, nginx, open_stream, path
):
    slow = [open_stream(nginx, f"{path}?c=c{i}", **SLOW) for i in range(CHANNELS)]
    quick = open_stream(nginx, "/quick")
    publish_to_all(redis, quick, 1)  # 1.2 MiB, each channel far below its own bound
    closed = nginx.access_log()
    count = len(closed)
    assert closed == [f"{path} c{i} slow" for i in range(count)], "in the order of their waiting"
    assert 1 <= count <= 6
    assert len(nginx.log_lines('slow subscriber closed by "sse_buffer_total"')) == count
    for i in range(CHANNELS):
        if i < count:
            slow[i].read_to_end()
            assert slow[i].end == "reset"
        else:
            assert slow[i].next_event().data == message(f"c{i}", 1)


@pytest.mark.parametrize("path", ["/skip", "/skip-filtered"])
def test_with_skip_they_keep_the_frame_they_are_in_and_are_told(redis, nginx, open_stream, path):
    slow = [open_stream(nginx, f"{path}?c=c{i}", **SLOW) for i in range(3)]
    quick = open_stream(nginx, "/quick")
    for number in range(5):
        publish_to_all(redis, quick, number)
    assert nginx.access_log() == []
    first, *later = slow
    events = first.events_until(lambda event: event.name == "reset")
    assert [event.data for event in events[:-1]] == [message("c0", n) for n in range(len(events) - 1)]
    assert len(events) < 6
    assert events[-1].data == '{"reason":"slow","channel":"c0"}'
    redis.publish("c0", "again")
    assert first.next_event().data == "again"
    assert [event.data for event in later[-1].take(5)] == [message("c2", n) for n in range(5)]


def test_what_http_2_streams_hold_counts(redis, nginx, open_stream):
    quick = open_stream(nginx, "/quick")
    with Http2Connection(nginx.port_of("PORT2"), window=2000) as connection:
        for i in range(CHANNELS):
            connection.open(f"/close?c=c{i}", acknowledges=False)
        publish_to_all(redis, quick, 1)
        publish_to_all(redis, quick, 2)
        wait_until(lambda: "/close c0 slow" in nginx.access_log(), "the first makes room")
        assert f"/close c{CHANNELS - 1} slow" not in nginx.access_log()


def test_http_2_connections_that_do_not_let_go_of_their_streams_go_before_others(
    redis, nginx, open_stream
):
    late = open_stream(nginx, "/close?c=late", **SLOW)
    quick = open_stream(nginx, "/quick")
    with ExitStack() as stack:
        for i in range(CHANNELS):
            connection = Http2Connection(nginx.port_of("PORT3"), **SLOW)
            stack.enter_context(connection).open(f"/close?c=c{i}", acknowledges=False)
        publish_to_all(redis, quick, 1)  # more than all may hold, and nobody takes it
        redis.publish("late", message("late", 1))
        for number in range(2, 5):
            publish_to_all(redis, quick, number)
        assert "/close late slow" not in nginx.access_log()
        assert late.next_event().data == message("late", 1)

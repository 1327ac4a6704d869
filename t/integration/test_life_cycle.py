"""Reload, quit and stop: promise 8."""

import os
import signal
import time

import pytest

from harness import Http2Connection, processes, wait_until

CONF = """
load_module @MODULE@;
worker_processes @WORKERS@;
worker_shutdown_timeout @SHUTDOWN@;
error_log error.log info;
pid nginx.pid;
events { worker_connections 512; }
http {
    @TEMP_PATHS@
    log_format reason '$sse_close_reason';
    access_log access.log reason;
    sse_broker @BROKER@;
    sse_retry 1s jitter=1s;
    sse_drain @DRAIN@;
    server {
        listen 127.0.0.1:@PORT@ reuseport sndbuf=16k;
        listen 127.0.0.1:@PORT2@ http2;
        add_header X-Worker $pid;
        location ~ ^/events/(?<channel>.+)$ { sse_subscribe $channel; }
        location ~ ^/filtered/(?<channel>.+)$ { sse_subscribe $channel; sse_direct off; }
        location = /never { sse_subscribe c; sse_open_timeout 1h; }
    }
}
"""


def expect_drained(stream):
    """The stream ended as promise 8 wants: messages, then a jittered retry, a clean end."""
    assert stream.end == "clean"
    last = stream.blocks[-1]
    assert last.retry is not None and 1000 <= last.retry <= 2000, stream.blocks
    assert last.data is None


def test_ten_reloads_end_every_stream_cleanly_and_serve_new_ones(redis, start_nginx, pool):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=2, DRAIN="200ms", SHUTDOWN="1m")
    for i in range(10):
        streams = pool.open(nginx, f"/events/c{i % 3}", 10) + pool.open(nginx, "/filtered/c", 5)
        redis.publish(f"c{i % 3}", str(i))
        pool.run_until(lambda: all(s.events for s in streams[:10]), "a message")
        nginx.reload()
        pool.run_until(lambda: all(s.end for s in streams), "all streams end")
        for stream in streams:
            expect_drained(stream)
        for stream in streams[:10]:
            assert stream.texts() == [str(i)]
    wait_until(lambda: len(nginx.all_worker_pids()) == 2, "no old worker is left")
    assert nginx.access_log() == ["drain"] * 150


def test_a_draining_stream_gets_messages_until_its_end(redis, start_nginx, pool):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1, DRAIN="2s", SHUTDOWN="1m")
    streams = pool.open(nginx, "/events/c", 20)
    nginx.reload()
    sent = 0
    while not all(stream.end for stream in streams):
        redis.publish("c", str(sent))
        sent += 1
        living = [stream for stream in streams if not stream.end]
        pool.run_until(
            lambda: all(s.end or len(s.events) == sent for s in living), "a message or the end"
        )
    for stream in streams:
        expect_drained(stream)
        assert stream.texts() == [str(i) for i in range(len(stream.events))]
    assert sent > 1


def test_the_ends_are_spread_over_sse_drain(redis, start_nginx, pool):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1, DRAIN="2s", SHUTDOWN="1m")
    streams = pool.open(nginx, "/events/c", 100)
    start = time.monotonic()
    nginx.reload()
    ends = []

    def is_over():
        ended = sum(1 for stream in streams if stream.end)
        ends.extend([time.monotonic() - start] * (ended - len(ends)))
        return ended == len(streams)

    pool.run_until(is_over, "all streams end")
    assert ends[-1] < 3.5
    assert ends[75] - ends[25] > 0.4, "half of the ends came within a fifth of the drain"


def test_quit_ends_streams_cleanly_and_leaves_nothing(redis, start_nginx, pool):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=2, DRAIN="300ms", SHUTDOWN="1m")
    streams = pool.open(nginx, "/events/c", 20) + pool.open(nginx, "/filtered/c", 20)
    nginx.signal_quit()
    pool.run_until(lambda: all(stream.end for stream in streams), "all streams end")
    nginx.wait_ended()
    for stream in streams:
        expect_drained(stream)
    wait_until(lambda: redis.subscribers("c") == 0, "nobody is subscribed")


def test_the_drain_is_over_before_worker_shutdown_timeout(redis, start_nginx, pool):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1, DRAIN="1h", SHUTDOWN="1s")
    streams = pool.open(nginx, "/events/c", 20) + pool.open(nginx, "/filtered/c", 20)
    start = time.monotonic()
    nginx.signal_quit()
    pool.run_until(lambda: all(stream.end for stream in streams), "all streams end")
    assert time.monotonic() - start < 1.5
    nginx.wait_ended()
    for stream in streams:
        expect_drained(stream)


def test_an_http_2_stream_is_drained_as_well(redis, start_nginx):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1, DRAIN="300ms", SHUTDOWN="1m")
    with Http2Connection(nginx.port_of("PORT2")) as connection:
        streams = [connection.open("/events/c") for _ in range(3)]
        redis.publish("c", "x")
        for stream in streams:
            assert stream.next_event().data == "x"
        nginx.signal_quit()
        for stream in streams:
            (last,) = stream.read_to_end()
            assert stream.end == "clean" and 1000 <= last.retry <= 2000
    nginx.wait_ended()


@pytest.mark.parametrize("kind", ["events", "filtered"])
def test_a_reader_that_reaches_no_frame_boundary_does_not_hold_up_the_exit(
    redis, start_nginx, open_stream, kind
):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1, DRAIN="300ms", SHUTDOWN="1m")
    stalled = open_stream(nginx, f"/{kind}/c", receive_buffer=4096, max_segment=536)
    reader = open_stream(nginx, f"/{kind}/c")
    redis.publish("c", "x" * 1_000_000)
    assert len(reader.next_event().data) == 1_000_000
    nginx.quit(timeout=8)
    reader.read_to_end()
    assert reader.end == "clean"
    # It must not take what it got for the whole: its body has no end.
    stalled.read_to_end()
    assert stalled.end in ("cut", "reset") and not stalled.is_at_block_boundary


def test_quit_does_not_wait_for_anything_when_there_are_no_streams(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1, DRAIN="30s", SHUTDOWN="1m")
    open_stream(nginx, "/events/c").close()
    wait_until(lambda: nginx.access_log() == ["client"], "the stream ended")
    start = time.monotonic()
    nginx.quit()
    assert time.monotonic() - start < 2


def test_quit_while_redis_is_away_is_as_quiet(redis, start_nginx, pool, send_request):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1, DRAIN="300ms", SHUTDOWN="1m")
    streams = pool.open(nginx, "/events/c", 10)
    redis.kill()
    nginx.wait_for_log(r"\[error\].*sse")
    waiting = send_request(nginx, "/never")  # its header has not been sent
    nginx.signal_quit()
    pool.run_until(lambda: all(stream.end for stream in streams), "all streams end")
    for stream in streams:
        expect_drained(stream)
    waiting.open()
    waiting.read_to_end()
    assert waiting.end == "clean"
    nginx.wait_ended()


@pytest.mark.parametrize("while_draining", [False, True], ids=["at work", "draining"])
def test_a_fast_stop_is_possible_at_any_time(redis, start_nginx, pool, while_draining):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=2, DRAIN="30s", SHUTDOWN="1m")
    streams = pool.open(nginx, "/events/c", 20) + pool.open(nginx, "/filtered/c", 20)
    if while_draining:
        nginx.signal_quit()
        nginx.wait_for_log("gracefully shutting down", count=2)
    os.kill(nginx.process.pid, signal.SIGTERM)
    nginx.wait_ended(timeout=5)
    pool.run_until(lambda: all(stream.end for stream in streams), "all streams end")
    # Cut, so that nobody takes what he has for the whole; but for who was drained already.
    assert sum(stream.end == "clean" for stream in streams) <= (5 if while_draining else 0)


def test_a_configuration_can_change_at_a_reload(make_redis, start_nginx, open_stream):
    first, second = make_redis(), make_redis()
    nginx = start_nginx(CONF, BROKER=first.url, WORKERS=1, DRAIN="100ms", SHUTDOWN="1m")
    old = open_stream(nginx, "/events/c")
    nginx.write_conf(CONF, BROKER=second.url)
    nginx.reload()
    old.read_to_end()
    assert old.end == "clean"
    new = open_stream(nginx, "/events/c")
    second.publish("c", "x")
    assert new.next_event().data == "x"
    wait_until(lambda: first.subscribers("c") == 0, "the old broker has no subscriber")


def test_descriptors_do_not_grow_with_reloads(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1, DRAIN="100ms", SHUTDOWN="1m")

    def master_descriptors():
        return processes.fd_count(nginx.process.pid)

    def reload(generation):
        nginx.reload()
        # The master closes its channel to a worker when it has noticed the worker's end, which it logs.
        nginx.wait_for_log(r"worker process \d+ exited with code 0", count=generation)

    reload(1)
    before = master_descriptors()
    for i in range(5):
        stream = open_stream(nginx, "/events/c")
        reload(i + 2)
        stream.read_to_end()
    wait_until(lambda: master_descriptors() == before, "the master has as many descriptors as before")

"""A worker drains while Redis is away, or goes away meanwhile: promises 6 and 8 at once."""

import time

import pytest

from harness import Publisher, wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    log_format end '$pid $arg_n $msec $sse_close_reason';
    access_log access.log end;
    sse_broker @BROKER@;
    sse_broker_read_timeout 500ms;
    sse_open_timeout 100ms;
    sse_keepalive 100ms;
    sse_retry 1s jitter=1s;
    sse_drain @DRAIN@;
    server {
        listen 127.0.0.1:@PORT@;
        location = /events { sse_subscribe c; }
    }
}
"""

LOST = r"\[error\] {pid}#.*subscription connection lost"
BACK = r"\[notice\] {pid}#.*connected, version"
RESET = ("reset", '{"reason":"broker-away","channel":"c"}')


def open_streams(pool, nginx, count):
    streams = [pool.start(nginx, f"/events?n={n}") for n in range(count)]
    pool.run_until(lambda: all(stream.head for stream in streams), "open streams")
    return streams


def run_until_ended(pool, streams):
    pool.run_until(lambda: all(stream.end for stream in streams), "all streams end")
    for stream in streams:
        assert stream.end == "clean"
        assert stream.blocks[-1].data is None and 1000 <= stream.blocks[-1].retry <= 2000


def keepalives(stream):
    return sum(block.comment == "keepalive" for block in stream.blocks)


def texts(events):
    return [event.data for event in events if event.name is None]


def split_at_the_reset(events):
    """What came before the reset and what came behind it; None when there was none."""
    resets = [i for i, event in enumerate(events) if event.name is not None]
    if not resets:
        return texts(events), None
    (position,) = resets
    assert (events[position].name, events[position].data) == RESET
    return texts(events[:position]), texts(events[position:])


@pytest.mark.parametrize("way", ["kill", "pause"])
def test_streams_of_a_reload_while_redis_is_away_live_and_end_as_always(
    redis, start_nginx, pool, way
):
    nginx = start_nginx(CONF, BROKER=redis.url, DRAIN="1500ms")
    (old_worker,) = nginx.worker_pids()
    streams = open_streams(pool, nginx, 20)
    getattr(redis, way)()
    nginx.wait_for_log(LOST.format(pid=old_worker))
    read = [keepalives(stream) for stream in streams]
    pool.run_until(
        lambda: all(keepalives(stream) > n for stream, n in zip(streams, read, strict=True)),
        "keepalives, and those that waited to be read",
    )
    before = [keepalives(stream) for stream in streams]
    begin = time.time()
    nginx.reload()
    (new_worker,) = nginx.worker_pids()
    (newcomer,) = pool.open(nginx, "/events", 1)
    run_until_ended(pool, streams)
    assert all(texts(stream.events) == [] for stream in streams)
    # Each has the keepalives of the time that it had left.
    wait_until(lambda: len(nginx.access_log()) == len(streams), "a line of the log for each")
    for line in nginx.access_log():
        pid, n, end, reason = line.split()
        assert (int(pid), reason) == (old_worker, "drain")
        got = keepalives(streams[int(n)]) - before[int(n)]
        assert got >= (float(end) - begin) / 0.1 / 3 - 2
    # The new worker waits for Redis like any other.
    getattr(redis, "start" if way == "kill" else "resume")()
    nginx.wait_for_log(BACK.format(pid=new_worker))
    pool.run_until(lambda: newcomer.events, "reset")
    redis.publish("c", "x")
    pool.run_until(lambda: len(newcomer.events) > 1, "a message")
    assert [(event.name, event.data) for event in newcomer.events] == [RESET, (None, "x")]


def test_redis_goes_away_and_comes_back_in_the_middle_of_a_drain(redis, start_nginx, pool):
    nginx = start_nginx(CONF, BROKER=redis.url, DRAIN="4s")
    (old_worker,) = nginx.worker_pids()
    streams = open_streams(pool, nginx, 40)
    begin = time.time()
    with Publisher(redis, "c") as publisher:
        nginx.reload()
        pool.run_until(lambda: all(len(s.events) > 3 for s in streams if not s.end), "messages")
        lost = time.time()
        redis.kill()
        nginx.wait_for_log(LOST.format(pid=old_worker))
        redis.start()
        nginx.wait_for_log(BACK.format(pid=old_worker))
        pool.run_until(
            lambda: all(s.end or split_at_the_reset(s.events)[1] for s in streams),
            "a reset and messages",
        )
        back = time.time()
        run_until_ended(pool, streams)
    nginx.quit()
    ends = {}
    for line in nginx.access_log():
        pid, n, end, reason = line.split()
        assert (int(pid), reason) == (old_worker, "drain")
        ends[int(n)] = float(end)
    for n, stream in enumerate(streams):
        before, after = split_at_the_reset(stream.events)
        assert publisher.missed(before, begin, min(lost, ends[n])) == []
        if ends[n] > back:
            assert publisher.missed(after, back, ends[n]) == []
    assert max(ends.values()) > back + 0.5, "nobody was left to see it"

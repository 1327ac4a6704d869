"""Bursts, trimming and slow readers: nothing is passed over in silence, and nobody is closed."""

import itertools
import json
import random
import threading

import pytest

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 2048; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    sse_retry off;
    sse_channel_type stream;
    sse_max_message 64k;
    sse_buffer_size 256k;
    sse_max_replay 100000;
    server {
        listen 127.0.0.1:@PORT@ sndbuf=16k;
        location = /new { sse_subscribe s; }
        location = /oldest { sse_subscribe s; sse_start oldest; }
        location = /filters { sse_subscribe s; sse_start oldest; sse_direct off; }
        location = /compact { sse_subscribe s; sse_start oldest; sse_compact on; }
    }
}
"""

LAST = "the last"


@pytest.fixture
def nginx(redis, start_nginx):
    return start_nginx(CONF, BROKER=redis.url)


def numbers(count, begin=0, size=0):
    return [f"{number} {'x' * size}" for number in range(begin, begin + count)]


def number_of(event):
    return int(event.data.split()[0])


def read_to_the_last(stream, timeout=50):
    """Its events without the last one."""
    return stream.events_until(lambda event: event.data == LAST, timeout)[:-1]


def expect_no_silent_gap(events, begin=0):
    """Numbers rise; where some are missing, there was exactly one reset, or one for each trim."""
    expected, resets, gaps = begin, 0, 0
    for event in events:
        if event.name == "reset":
            assert json.loads(event.data)["reason"] == "trimmed"
            resets += 1
            continue
        number = number_of(event)
        assert number >= expected, f"{number} came again or out of order"
        assert number == expected or resets, f"{expected} to {number - 1} are missing in silence"
        gaps += number != expected
        expected, resets = number + 1, 0
    return gaps


@pytest.mark.timeout(90)
def test_bursts_over_maxlen_are_read_whole_or_said_to_be_cut(redis, nginx, open_stream):
    streams = [open_stream(nginx, "/new") for _ in range(5)]
    for begin in range(0, 20_000, 5_000):
        redis.add_all("s", numbers(5_000, begin), "MAXLEN", "~", 500)
    redis.add("s", "data", LAST)
    for stream in streams:
        events = read_to_the_last(stream)
        expect_no_silent_gap(events)
        assert number_of(events[-1]) == 19_999, "the end is retained"


@pytest.mark.timeout(90)
@pytest.mark.parametrize("path", ["/oldest", "/filters", "/compact"])
def test_what_is_trimmed_under_a_slow_replay_is_said(redis, nginx, open_stream, path):
    redis.add_all("s", numbers(20_000, size=500))
    stream = open_stream(nginx, path, receive_buffer=4096)
    events = stream.take(10)
    redis.command("XTRIM", "s", "MAXLEN", 50)
    redis.add("s", "data", LAST)
    events += read_to_the_last(stream)
    assert expect_no_silent_gap(events) == 1
    kept = [number_of(event) for event in events if event.name is None]
    assert kept[-49:] == list(range(19_951, 20_000))


@pytest.mark.timeout(90)
def test_a_slow_reader_of_a_durable_channel_reads_on_where_it_was(redis, nginx, open_stream):
    redis.add_all("s", numbers(10))
    slow = [open_stream(nginx, path, receive_buffer=4096) for path in ("/oldest", "/compact")]
    for stream in slow:
        stream.take(10)
    fast = open_stream(nginx, "/new")
    # Twenty times what the channel may hold for it.
    for begin in range(10, 10_010, 1000):
        redis.add_all("s", numbers(1000, begin, size=500))
        fast.events_until(lambda event, last=begin + 999: number_of(event) == last)
    redis.add("s", "data", LAST)
    for stream in slow:
        events = read_to_the_last(stream)
        assert [number_of(event) for event in events] == list(range(10, 10_010))


class Adder:
    """A thread that adds numbers from `begin` on, in small groups, until it is stopped."""

    def __init__(self, redis, begin):
        self.count = begin
        self._redis = redis
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._thread.join()

    def _run(self):
        while not self._stopped.wait(0.01):
            self._redis.add_all("s", numbers(20, self.count, size=50))
            self.count += 20


@pytest.mark.timeout(90)
def test_joining_is_without_gap_or_repeat_while_thousands_a_second_arrive(
    redis, start_nginx, open_stream
):
    # They are read when all have joined.
    conf = CONF.replace("sse_retry off;", "sse_retry off; sse_send_timeout off;")
    nginx = start_nginx(conf, BROKER=redis.url)
    redis.add_all("s", numbers(3000, 0, size=50))
    ids = [entry_id.decode() for entry_id, _ in redis.client.xrange("s")]
    cursors = itertools.cycle(range(0, 3000, 100))
    joined = []
    with Adder(redis, 3000) as adder:
        while len(joined) < 30 or adder.count < 3500:
            seen = next(cursors)
            joined.append((open_stream(nginx, "/new", cursor=ids[seen]), seen))
    redis.add("s", "data", LAST)
    for stream, seen in joined:
        events = read_to_the_last(stream)
        assert [number_of(event) for event in events] == list(range(seen + 1, adder.count))


@pytest.mark.timeout(90)
def test_a_crowd_that_comes_back_at_once_costs_redis_few_commands(redis, nginx, open_stream, pool):
    ids = redis.add_all("s", numbers(2000))
    warm = open_stream(nginx, "/new")
    warm.next_block()
    missed = list(range(1000))
    random.Random(7).shuffle(missed)
    redis.command("CONFIG", "RESETSTAT")
    streams = [pool.start(nginx, f"/new?last_event_id={ids[-1 - count]}") for count in missed]
    pool.run_until(
        lambda: all(len(s.events) >= count for s, count in zip(streams, missed)),
        "all is replayed",
        timeout=45,
    )
    calls = redis.client.info("commandstats")
    spent = {name: calls[name]["calls"] for name in calls if name.startswith("cmdstat_x")}
    for stream, count in zip(streams, missed):
        assert [number_of(event) for event in stream.events] == list(range(2000 - count, 2000))
    assert sum(spent.values()) < 50, f"{spent} for {len(streams)} clients"


def test_a_stream_that_only_waits_is_not_closed_by_the_send_timeout(
    redis, start_nginx, open_stream
):
    conf = CONF.replace("sse_retry off;", "sse_retry off; sse_send_timeout 1s; sse_keepalive 1s;")
    nginx = start_nginx(conf, BROKER=redis.url)
    stream = open_stream(nginx, "/new")
    stream.next_block()
    while len(stream.comments) < 3:
        stream.next_block()
    redis.add("s", "data", LAST)
    assert read_to_the_last(stream) == []


def test_a_reader_that_takes_nothing_is_closed_by_the_send_timeout(
    redis, start_nginx, open_stream
):
    conf = CONF.replace("sse_retry off;", "sse_retry off; sse_send_timeout 1s;")
    nginx = start_nginx(conf, BROKER=redis.url)
    stream = open_stream(nginx, "/oldest", receive_buffer=4096)
    stream.next_block()
    redis.add_all("s", numbers(5000, size=500))
    nginx.wait_for_log("slow subscriber closed")
    stream.read_to_end()
    back = open_stream(nginx, "/oldest", cursor=stream.last_id)
    redis.add("s", "data", LAST)
    events = read_to_the_last(back)
    assert number_of(events[-1]) == 4999

"""Promises 3 and 6: durable streams outlive workers, reloads and Redis, without a reset."""

import json
import os
import signal
import threading

import pytest

from harness import wait_until

CONF = """
load_module @MODULE@;
worker_processes 2;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    sse_broker_connect_timeout 1s;
    sse_broker_read_timeout 1s;
    sse_drain 200ms;
    sse_channel_type stream;
    server {
        listen 127.0.0.1:@PORT@ reuseport;
        location = /s { sse_subscribe s; sse_open_timeout 30s; }
        location = /oldest { sse_subscribe s; sse_open_timeout 30s; sse_start oldest; }
        location = /impatient { sse_subscribe s; sse_open_timeout 200ms; }
        location = /impatient/oldest { sse_subscribe s; sse_open_timeout 200ms; sse_start oldest; }
    }
}
"""

KEEPS = ("--appendonly", "yes", "--appendfsync", "always")


@pytest.fixture
def redis(make_redis):
    return make_redis(*KEEPS)


@pytest.fixture
def nginx(redis, make_nginx):
    nginx = make_nginx(CONF, BROKER=redis.url)
    nginx.expect_fault("exited on signal 9")
    return nginx.start()


def texts(count, begin=0):
    return [f"message {number}" for number in range(begin, begin + count)]


def expect_events(stream, ids, expected, timeout=20):
    events = stream.take(len(expected), timeout)
    assert [(event.name, event.data) for event in events] == [(None, each) for each in expected]
    assert [event.id for event in events] == ids


def test_a_client_of_a_killed_worker_resumes_exactly_on_another(redis, nginx, open_stream):
    ids = redis.add_all("s", texts(100))
    for kill in range(3):
        stream = open_stream(nginx, "/oldest")
        expect_events(stream, ids[: 20 * kill + 5], texts(20 * kill + 5))
        for pid in nginx.worker_pids():
            os.kill(pid, signal.SIGKILL)
        ids += redis.add_all("s", texts(3, len(ids)))
        wait_until(lambda: len(nginx.worker_pids()) == 2, "new workers")
        seen = 20 * kill + 5
        back = open_stream(nginx, "/s", cursor=stream.last_id)
        expect_events(back, ids[seen:], texts(len(ids) - seen, seen))


def test_a_reload_costs_nothing_but_a_reconnect(redis, nginx, open_stream):
    stream = open_stream(nginx, "/s")
    ids = redis.add_all("s", texts(3))
    expect_events(stream, ids, texts(3))
    nginx.reload()
    ids += redis.add_all("s", texts(3, 3))
    blocks = stream.read_to_end()
    assert stream.end == "clean"
    got = [block.data for block in blocks if block.data is not None]
    assert got == texts(len(got), 3)
    ids += redis.add_all("s", texts(3, 6))
    seen = 3 + len(got)
    back = open_stream(nginx, "/s", cursor=stream.last_id)
    expect_events(back, ids[seen:], texts(9 - seen, seen))


def test_open_streams_are_caught_up_after_redis_was_restarted(redis, nginx, open_stream):
    streams = [open_stream(nginx, "/s") for _ in range(4)]
    ids = redis.add_all("s", texts(5))
    for _ in range(3):
        redis.restart()
        ids += redis.add_all("s", texts(5, len(ids)))
    for stream in streams:
        expect_events(stream, ids, texts(20))


def test_open_streams_are_caught_up_after_redis_was_stopped_for_longer_than_it_may(
    redis, nginx, open_stream
):
    streams = [open_stream(nginx, "/s") for _ in range(4)]
    ids = redis.add_all("s", texts(5))
    for stream in streams:
        expect_events(stream, ids, texts(5))
    redis.pause()
    lost = len(nginx.log_lines(r"\[error\]"))
    nginx.wait_for_log(r"\[error\]", count=lost + 1)
    redis.resume()
    ids = redis.add_all("s", texts(5, 5))
    for stream in streams:
        expect_events(stream, ids, texts(5, 5))


class Killer:
    """A thread that kills the workers' connections to Redis as often as they come back."""

    def __init__(self, redis):
        self.kills = 0
        self._client = redis.make_client()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._thread.join()
        self._client.close()

    def wait_for_another(self):
        before = self.kills
        wait_until(lambda: self.kills > before, "a connection came back and was killed again")

    def _run(self):
        while not self._stopped.wait(0.002):
            for kind in "normal", "pubsub":
                for client in self._client.client_list(_type=kind):
                    if client["name"].startswith("nginx"):
                        self._client.execute_command("CLIENT", "KILL", "ID", client["id"])
                        self.kills += 1


def test_nothing_is_lost_when_connections_to_redis_are_killed_in_the_middle_of_bursts(
    redis, nginx, open_stream
):
    streams = [open_stream(nginx, "/s") for _ in range(4)]
    ids = []
    with Killer(redis) as killer:
        for begin in range(0, 2000, 400):
            ids += redis.add_all("s", texts(400, begin))
            killer.wait_for_another()
    for stream in streams:
        expect_events(stream, ids, texts(2000))


def test_a_new_client_opens_without_redis_and_is_told_from_when_on_entries_flow(
    redis, nginx, open_stream
):
    redis.add_all("s", texts(3))
    redis.kill()
    streams = [open_stream(nginx, path) for path in ("/impatient", "/impatient/oldest")]
    redis.start()
    (newest,) = redis.add_all("s", texts(1, 3))
    for stream in streams:
        reset = stream.next_event(timeout=20)
        assert (reset.name, json.loads(reset.data)["reason"]) == ("reset", "broker-away")
        assert reset.id, "a browser has a cursor from here on"
    # It is a position like any other: what came after it is there when the client comes back.
    new = streams[0]
    new.close()
    (last,) = redis.add_all("s", ["the last"])
    expected = [text for entry_id, text in ((newest, "message 3"), (last, "the last"))]
    back = open_stream(nginx, "/s", cursor=new.last_id)
    got = back.events_until(lambda event: event.data == "the last")
    assert [event.data for event in got] in (expected, expected[1:])
    assert not any(event.name for event in got)


@pytest.mark.parametrize("path", ["/s", "/impatient"])
def test_a_client_with_a_cursor_gets_what_it_missed_when_redis_is_back_and_no_reset(
    redis, nginx, send_request, path
):
    ids = redis.add_all("s", texts(10))
    redis.kill()
    # From a worker that has never seen the stream, and has nobody to ask.
    stream = send_request(nginx, path, cursor=ids[3])
    if path == "/impatient":
        stream.open()
    redis.start()
    if path == "/s":
        stream.open(timeout=20)
    expect_events(stream, ids[4:], texts(6, 4))
    expect_events(stream, redis.add_all("s", texts(1, 10)), texts(1, 10))

"""Promise 4 for a worker that is too far behind: Redis cuts it off, and whoever lost is told."""

import os
import signal

import pytest

from harness import processes, wait_until

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
    sse_broker_read_timeout 500ms;
    sse_retry off;
    add_header X-Worker $pid;
    server {
        listen 127.0.0.1:@PORT@ reuseport;
        location = /list { sse_subscribe_list $arg_c; }
        location = /pattern { sse_subscribe pattern:a*; }
        location ~ ^/(?<channel>.+)$ { sse_subscribe $channel; }
    }
}
"""

MIB = 1 << 20
MESSAGE = 64 << 10  # bytes


class Worker:
    """One of nginx's workers, and how to reach it."""

    def __init__(self, nginx, pid):
        self.pid = pid
        self._nginx = nginx

    def open(self, open_stream, path):
        """A stream that this worker serves."""
        while True:
            stream = open_stream(self._nginx, path)
            if stream.head.get("X-Worker") == str(self.pid):
                return stream
            stream.close()

    def stop(self):
        os.kill(self.pid, signal.SIGSTOP)
        wait_until(lambda: processes.state(self.pid) == "T", "the worker stands still")

    def go_on(self):
        os.kill(self.pid, signal.SIGCONT)


@pytest.fixture
def nginx(redis, start_nginx):
    return start_nginx(CONF, BROKER=redis.url)


@pytest.fixture
def workers(nginx):
    """One to be stopped, and another."""
    workers = [Worker(nginx, pid) for pid in nginx.worker_pids()]
    yield workers
    for worker in workers:
        worker.go_on()


def publish_until_cut_off(redis, worker, channel):
    """As long as the worker has a subscription connection, and 40 MiB at least."""

    def is_connected():
        names = [each["name"] for each in redis.connections("pubsub")]
        return f"nginx-sse-{worker.pid}" in names

    published = 0
    while is_connected() or published < 40 * MIB:
        redis.publish_all(channel, [b"x" * MESSAGE] * (MIB // MESSAGE))
        published += MIB
        assert published < 200 * MIB, "Redis keeps it all"


def test_who_lost_messages_because_redis_cut_off_a_worker_is_told(
    redis, nginx, workers, open_stream
):
    stopped, other = workers
    streams = {
        path: stopped.open(open_stream, path) for path in ("/flood", "/a", "/b", "/list?c=a,b,c")
    }
    by_pattern = stopped.open(open_stream, "/pattern")
    elsewhere = [other.open(open_stream, path) for path in ("/a", "/b")]
    for _ in range(2):
        stopped.stop()
        publish_until_cut_off(redis, stopped, "flood")
        redis.publish_all("a", ["lost"])
        stopped.go_on()
        for path, stream in streams.items():
            expected = {"/list?c=a,b,c": 3}.get(path, 1)
            resets = 0
            while resets < expected:
                event = stream.next_event()
                assert event.name == "reset" or (path == "/flood" and len(event.data) == MESSAGE)
                resets += event.name == "reset"
        assert by_pattern.next_event().name == "reset"
        redis.publish("flood", "after")
        redis.publish("a", "after")
        redis.publish("b", "after")
        assert [event.data for event in streams["/list?c=a,b,c"].take(2)] == ["after"] * 2
        for path in "/flood", "/a", "/b":
            assert streams[path].next_event().data == "after"
        assert by_pattern.next_event().data == "after"
        assert [event.data for event in elsewhere[0].take(2)] == ["lost", "after"]
        assert elsewhere[1].next_event().data == "after"
    assert len(nginx.log_lines("subscription connection lost.*closed by the server")) == 2
    assert len(nginx.log_lines(r"\[warn\].*client-output-buffer-limit pubsub")) == 2


def test_a_connection_that_ends_otherwise_is_not_called_an_overflow(redis, nginx, open_stream):
    stream = open_stream(nginx, "/a")
    for _ in range(3):
        redis.publish_all("a", ["before"] * 100)
        redis.command("CLIENT", "KILL", "TYPE", "pubsub")
        stream.events_until(lambda event: event.name == "reset")
    redis.restart()
    stream.events_until(lambda event: event.name == "reset")
    assert not nginx.log_lines("client-output-buffer-limit")

"""sse_batch_send: the kernel sends for many subscribers by one call; they get what they would."""

import errno
import os
import random

import pytest

from harness import forbid, http_request

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log debug;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_batch_send on;
    sse_broker @BROKER@;
    server {
        listen 127.0.0.1:@PORT@;
        add_header X-Connection $connection;
        location = /sse { sse_subscribe c; }
        location = /ping { return 200 pong; }
    }
}
"""

# A connection takes less than a message at once.
SLOW_CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_batch_send on;
    sse_broker @BROKER@;
    sse_retry off;
    sse_max_message 2m;
    sse_buffer_size 32m;
    server {
        listen 127.0.0.1:@PORT@ sndbuf=16k;
        location = /sse { sse_subscribe c; }
    }
}
"""

MESSAGES = [f"message {i}" for i in range(20)]
PLAIN_SENDS = "each event is sent by a system call of its own"
RING = "anon_inode:[io_uring]"
SMALL = {"receive_buffer": 4096, "max_segment": 1400}


def rings(nginx):
    """The io_urings of the worker."""
    (worker,) = nginx.worker_pids()
    fds = f"/proc/{worker}/fd"
    return [fd for fd in os.listdir(fds) if os.readlink(f"{fds}/{fd}") == RING]


def sends_of_its_own(nginx, stream):
    """How often the worker has called send() or writev() for the stream's connection."""
    # The log has the line of the last call when the worker answers another request.
    assert http_request(nginx.port, "GET", "/ping").text == "pong"
    connection = stream.head.get("X-Connection")
    return len(nginx.log_lines(rf"\*{connection} (writev: |send: fd:)\d"))


def deliver(redis, streams, messages=MESSAGES):
    for message in messages:
        redis.publish("c", message)
        for stream in streams:
            assert stream.next_event().data == message


def open_streams(nginx, open_stream):
    streams = [open_stream(nginx, "/sse") for _ in range(5)]
    for stream in streams:
        stream.next_block()
    return streams


def test_events_are_not_sent_one_by_one(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url)
    streams = open_streams(nginx, open_stream)
    assert len(rings(nginx)) == 1
    before = [sends_of_its_own(nginx, stream) for stream in streams]
    deliver(redis, streams)
    assert [sends_of_its_own(nginx, stream) for stream in streams] == before
    assert not nginx.log_lines("sse_batch_send")


def test_slow_readers_of_large_events_get_every_byte(redis, start_nginx, open_stream):
    nginx = start_nginx(SLOW_CONF, BROKER=redis.url)
    slow = [open_stream(nginx, "/sse", **SMALL) for _ in range(3)]
    fast = [open_stream(nginx, "/sse") for _ in range(2)]
    messages = [random.Random(i).randbytes(512 * 1024).hex() for i in range(3)]
    for message in messages:
        redis.publish("c", message)
        for stream in fast:
            assert stream.next_event().data == message
    for stream in slow:
        assert [event.data for event in stream.take(len(messages))] == messages
    assert len(rings(nginx)) == 1


def test_a_client_that_is_gone_harms_no_other(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url)
    streams = open_streams(nginx, open_stream)
    redis.publish("c", "hello")
    for stream in streams:
        assert stream.next_event().data == "hello"
    streams[2].connection.reset()
    del streams[2]
    deliver(redis, streams)


@pytest.mark.parametrize(
    "call, reason",
    [
        (forbid.IO_URING_SETUP, "io_uring_queue_init() failed"),
        (forbid.IO_URING_ENTER, "io_uring is not usable (io_uring_submit() failed)"),
    ],
)
@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOSYS])
def test_where_io_uring_is_forbidden_events_are_sent_one_by_one(
    redis, make_nginx, open_stream, call, reason, error
):
    nginx = make_nginx(CONF, BROKER=redis.url)
    nginx.wrapper = forbid.command(error, call)
    nginx.start()
    (line,) = nginx.log_lines("sse_batch_send")
    assert "[notice]" in line and reason in line and PLAIN_SENDS in line
    assert not rings(nginx)
    streams = open_streams(nginx, open_stream)
    before = [sends_of_its_own(nginx, stream) for stream in streams]
    deliver(redis, streams)
    after = [sends_of_its_own(nginx, stream) for stream in streams]
    assert after == [count + len(MESSAGES) for count in before]


def test_when_io_uring_fails_later_events_are_sent_one_by_one(redis, make_nginx, open_stream):
    nginx = make_nginx(CONF, BROKER=redis.url)
    nginx.wrapper = forbid.command(errno.EPERM, forbid.IO_URING_ENTER, least=5)
    nginx.expect_fault(r"\[alert\].*sse_batch_send: io_uring failed")
    nginx.start()
    assert len(rings(nginx)) == 1
    streams = open_streams(nginx, open_stream)
    deliver(redis, streams)
    (line,) = nginx.log_lines("sse_batch_send")
    assert "[alert]" in line and PLAIN_SENDS in line
    assert not rings(nginx)

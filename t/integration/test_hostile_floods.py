"""Many connections at once that are slow, or want ever new channels: others go on as before."""

import contextlib
import socket
import time

import pytest

from harness import Bystander, processes, wait_until
from harness.http_wire import request_head

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log notice;
pid nginx.pid;
events { worker_connections 1024; }
http {
    @TEMP_PATHS@
    log_format reason '$uri $status $sse_close_reason';
    access_log access.log reason;
    client_header_timeout 1s;
    lingering_time 1s;
    lingering_timeout 1s;
    large_client_header_buffers 4 16k;
    sse_broker @BROKER@;
    sse_retry off;
    sse_max_worker_channels 500;
    server {
        listen 127.0.0.1:@PORT@ sndbuf=16k;
        location = /bystander { sse_subscribe bystander; access_log off; sse_log off; }
        location = /static { alias nginx.conf; access_log off; }
        location = /list { sse_subscribe_list $arg_c; }
        location = /busy { sse_subscribe busy; sse_send_timeout 1s; }
        location = /buffered { sse_subscribe more; sse_buffer_size 64k; sse_max_message 16k; }
    }
}
"""


def connection_to(nginx, first_bytes, **options):
    connection = socket.socket()
    for option, value in options.items():
        connection.setsockopt(socket.SOL_SOCKET, getattr(socket, option), value)
    connection.connect(("127.0.0.1", nginx.port))
    connection.sendall(first_bytes)
    connection.setblocking(False)
    return connection


@pytest.fixture
def nginx(redis, make_nginx):
    return make_nginx(CONF, BROKER=redis.url).keep_no_freed_memory().start()


def test_a_flood_of_new_channels_is_bounded_and_passes(redis, nginx, open_stream):
    (worker,) = nginx.worker_pids()
    names = iter(range(10**9))
    most = 0

    def attack():
        """10,000 new channels, 20 in each of 500 connections, 25 of them at a time."""
        nonlocal most
        for _ in range(20):
            batch = []
            for _ in range(25):
                channels = ",".join(f"x{next(names)}" for _ in range(20))
                batch.append(connection_to(nginx, request_head("GET", f"/list?c={channels}")))
            most = max(most, len(redis.command("PUBSUB", "CHANNELS", "x*")))
            for connection in batch:
                connection.close()

    with Bystander(nginx, redis) as bystander:
        attack()
        memory = processes.resident_bytes(worker)
        attack()
        bystander.expect_undisturbed()
        wait_until(lambda: len(nginx.access_log()) == 1000, "the ends of all")
        assert processes.resident_bytes(worker) - memory < 4 << 20
        assert {line.split()[-1] for line in nginx.access_log()} == {"client", "limit"}
        assert 200 < most <= 500
        # Who comes with a new channel afterwards finds room, before anything was given up by time.
        later = wait_until(lambda: served(open_stream, nginx, "/list?c=later"), "room")
        redis.publish("later", "hello")
        assert later.next_event().data == "hello"
        wait_until(lambda: redis.command("PUBSUB", "CHANNELS", "x*") == [], "they are unsubscribed")
        assert redis.subscribers("later") == redis.subscribers("bystander") == 1
        bystander.expect_undisturbed()


def served(open_stream, nginx, path):
    """The stream, unless it was sent away."""
    stream = open_stream(nginx, path)
    return stream if not stream.connection.has_bytes() else None


def has_bytes(connection):
    try:
        return bool(connection.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False


def trickle(senders, readers, is_over):
    """A byte to each sender's server, a byte from each reader's, and again until it is over."""
    end = time.monotonic() + 15
    while not is_over():
        assert time.monotonic() < end, "the server does not end what is so slow"
        for sender in senders:
            with contextlib.suppress(BlockingIOError, ConnectionResetError, BrokenPipeError):
                sender.send(b"x")
        for reader in readers:
            with contextlib.suppress(BlockingIOError, ConnectionResetError):
                reader.recv(1)


def test_hundreds_of_connections_that_send_or_read_a_byte_at_a_time(redis, nginx):
    (worker,) = nginx.worker_pids()
    head = request_head("GET", "/busy")
    body = request_head("GET", "/busy", headers=[("Content-Length", "1000000")])

    def attack():
        small = {"SO_RCVBUF": 4096}
        heads = [connection_to(nginx, head[:20]) for _ in range(150)]
        bodies = [connection_to(nginx, body) for _ in range(150)]
        late = [connection_to(nginx, head, **small) for _ in range(150)]
        slow = [
            connection_to(nginx, request_head("GET", "/buffered"), **small) for _ in range(150)
        ]
        wait_until(lambda: all(map(has_bytes, late + slow)), "the streams open")
        for channel in ("busy", "more"):
            redis.publish_all(channel, [f"{number} " + "x" * 10_000 for number in range(40)])
        ends = len(nginx.access_log()) + 600
        trickle(heads + bodies, late + slow, lambda: len(nginx.access_log()) == ends)
        for connection in heads + bodies + late + slow:
            connection.close()

    with Bystander(nginx, redis) as bystander:
        descriptors = processes.fd_count(worker)
        attack()
        memory = processes.resident_bytes(worker)
        attack()
        bystander.expect_undisturbed()
        wait_until(lambda: processes.fd_count(worker) <= descriptors + 1, "descriptors return")
        assert processes.resident_bytes(worker) - memory < 4 << 20
    lines = nginx.access_log()
    assert lines.count("/busy 200 slow") == lines.count("/buffered 200 slow") == 300
    assert lines.count("/busy 400 -") == lines.count("/busy 408 -") == 300

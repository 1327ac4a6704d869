"""Nothing that the module waits for holds up nginx's own end."""

import socket
import time

import pytest

from harness import Http2Connection, processes, wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
worker_shutdown_timeout 1s;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    log_format end '$msec $sse_close_reason';
    access_log access.log end;
    sse_broker @BROKER@;
    sse_drain 30s;
    server {
        listen 127.0.0.1:@PORT@;
        location = /direct { sse_subscribe c; }
        location = /filtered { sse_subscribe c; sse_direct off; }
    }
}
"""

DNS_CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    access_log off;
    resolver 127.0.0.1:@DNS_PORT@ ipv6=off;
    resolver_timeout 1m;
    sse_broker redis://broker.test;
    server {
        listen 127.0.0.1:@PORT@;
        location = /events { sse_subscribe c; }
    }
}
"""


STUCK_CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    sse_drain off;
    server {
        listen 127.0.0.1:@PORT@;
        listen 127.0.0.1:@PORT2@ http2 sndbuf=16k;
        root .;
        location = /events { sse_subscribe c; }
    }
}
"""


@pytest.fixture
def silent_dns():
    """A name server that takes questions and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        yield server


def test_a_name_server_that_never_answers(start_nginx, silent_dns):
    nginx = start_nginx(DNS_CONF, DNS_PORT=silent_dns.getsockname()[1])
    assert b"\6broker\4test\0" in silent_dns.recv(512)
    start = time.monotonic()
    nginx.quit()
    assert time.monotonic() - start < 2


STUCK = {"receive_buffer": 4096, "max_segment": 536}


@pytest.fixture
def stuck(redis, start_nginx, open_stream):
    """An nginx, and an HTTP/2 connection that is in the middle of a frame of its only stream."""
    nginx = start_nginx(STUCK_CONF, BROKER=redis.url)
    with Http2Connection(nginx.port_of("PORT2"), **STUCK) as connection:
        connection.open("/events")
        reader = open_stream(nginx, "/events")
        redis.publish("c", "x" * 100_000)
        reader.next_event()
        yield nginx, connection


def test_an_http_2_client_that_takes_nothing_more(stuck):
    nginx, _ = stuck
    start = time.monotonic()
    nginx.quit()
    assert time.monotonic() - start < 5


def test_what_else_such_a_client_loads_is_waited_for(redis, stuck):
    nginx, connection = stuck
    size = 300_000
    (nginx.directory / "file").write_bytes(b"y" * size)
    (worker,) = nginx.worker_pids()
    open_files = processes.fd_count(worker)
    file = connection.start("/file")
    wait_until(lambda: processes.fd_count(worker) > open_files, "nginx opens the file")
    nginx.signal_quit()
    wait_until(lambda: not redis.connections("pubsub"), "the streams are gone")
    received = 0

    def is_whole(data):
        nonlocal received
        received += len(data)
        return received == size

    file.discard_until(is_whole)
    connection.close()
    nginx.wait_ended()


def test_streams_end_cleanly_within_four_fifths_of_worker_shutdown_timeout(
    redis, start_nginx, pool
):
    nginx = start_nginx(CONF, BROKER=redis.url)
    streams = pool.open(nginx, "/direct", 20) + pool.open(nginx, "/filtered", 20)
    start = time.time()
    nginx.signal_quit()
    pool.run_until(lambda: any(stream.end for stream in streams), "the first stream ends")
    assert not all(stream.end for stream in streams), "the ends are spread"
    pool.run_until(lambda: all(stream.end for stream in streams), "all streams end")
    nginx.wait_ended()
    assert {stream.end for stream in streams} == {"clean"}
    assert all(stream.blocks[-1].retry is not None for stream in streams)
    ends = [line.split() for line in nginx.access_log()]
    assert [reason for _, reason in ends] == ["drain"] * len(streams)
    # By the worker's clock. A tick of 50 ms may pass after the 0.8 s; at 1 s nginx would cut them.
    assert max(float(moment) for moment, _ in ends) - start < 0.95

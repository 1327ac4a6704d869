"""Nothing that the module waits for holds up nginx's own end."""

import socket
import time

import pytest

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

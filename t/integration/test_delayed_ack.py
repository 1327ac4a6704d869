"""A client that delays its acknowledgements gets small messages at once: TCP_NODELAY."""

import socket
import statistics
import time

import pytest

from harness import Http2Connection, make_certificate

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    sse_retry off;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    server {
        listen 127.0.0.1:@PORT@;
        listen 127.0.0.1:@PORT2@ ssl;
        listen 127.0.0.1:@PORT3@ http2;
        location = /direct { sse_subscribe c; }
        location = /filtered { sse_subscribe c; sse_direct off; }
        location = /nagle { sse_subscribe c; tcp_nodelay off; }
    }
}
"""

PAIRS = 15
AT_ONCE = 0.005  # seconds
DELAYED = 0.02  # Linux waits 40 ms with an acknowledgement


@pytest.fixture
def nginx(redis, make_nginx):
    server = make_nginx(CONF, BROKER=redis.url)
    make_certificate(server.directory)
    return server.start()


def delay_of_the_second(redis, stream, connection):
    """How long the second of two messages takes while the first is not acknowledged: p50."""

    def deliver(text):
        start = time.monotonic()
        # Forgotten by the kernel whenever an acknowledgement went out late.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        redis.publish("c", text)
        assert stream.next_event().data == text
        return time.monotonic() - start

    delays = []
    for _ in range(PAIRS):
        deliver("first")
        delays.append(deliver("second"))
    return statistics.median(delays)


@pytest.mark.parametrize(
    "path, port", [("/direct", "PORT"), ("/filtered", "PORT"), ("/direct", "PORT2")]
)
def test_a_message_does_not_wait_for_an_acknowledgement(redis, nginx, open_stream, path, port):
    stream = open_stream(nginx, path, port=nginx.port_of(port), tls=port == "PORT2")
    assert delay_of_the_second(redis, stream, stream.connection.socket) < AT_ONCE


def test_nor_does_one_over_http_2(redis, nginx):
    with Http2Connection(nginx.port_of("PORT3")) as connection:
        stream = connection.open("/direct", acknowledges=False)
        assert delay_of_the_second(redis, stream, connection.socket) < AT_ONCE


def test_with_tcp_nodelay_off_it_does(redis, nginx, open_stream):
    stream = open_stream(nginx, "/nagle")
    assert delay_of_the_second(redis, stream, stream.connection.socket) > DELAYED

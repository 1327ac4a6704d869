"""TLS: what OpenSSL holds of a stream comes first, comes once, and takes no memory for long."""

import random
import ssl
from contextlib import ExitStack

import pytest

from harness import Http2Connection, make_certificate, wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 1024; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    server {
        listen 127.0.0.1:@PORT@;
        listen 127.0.0.1:@PORT2@ ssl sndbuf=16k;
        listen 127.0.0.1:@PORT3@ ssl http2 sndbuf=16k;
        location = /direct { sse_subscribe c d; }
        location = /filtered { sse_subscribe c d; sse_direct off; }
        location = /gzip { sse_subscribe c d; gzip on; gzip_types text/event-stream; }
    }
}
"""

# What makes loopback behave like a network: see design.md, "what loopback hides".
SLOW = {"receive_buffer": 16_384, "max_segment": 1400}
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
PATHS = ["/direct", "/filtered", "/gzip"]


@pytest.fixture
def nginx(redis, make_nginx):
    server = make_nginx(CONF, BROKER=redis.url)
    make_certificate(server.directory)
    return server.start()


@pytest.fixture
def open_secure(nginx, send_request):
    def open_(path, **options):
        headers = [("Accept-Encoding", "gzip")]
        port = nginx.port_of("PORT2")
        return send_request(nginx, path, port=port, headers=headers, **options).open()

    return open_


def message(number):
    """Two kilobytes, of which compression leaves one."""
    return f"{number:04d} " + random.Random(number).randbytes(1000).hex()


def publish_one_by_one(redis, reader, count):
    """Each is written before the next comes: the reader has it."""
    for number in range(count):
        redis.publish("cd"[number % 2], message(number))
        assert reader.next_event().data == message(number)


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
@pytest.mark.parametrize("path", PATHS)
def test_messages_one_by_one_pile_up_behind_a_full_socket_and_all_come(
    redis, nginx, open_stream, open_secure, path, version
):
    reader = open_stream(nginx, "/direct")
    slow = open_secure(path, tls=version, **SLOW)
    publish_one_by_one(redis, reader, 100)
    assert [event.data for event in slow.take(100)] == [message(i) for i in range(100)]


@pytest.mark.parametrize("path", PATHS)
def test_on_http_2_as_well(redis, nginx, open_stream, path):
    reader = open_stream(nginx, "/direct")
    with Http2Connection(nginx.port_of("PORT3"), tls=True, **SLOW) as connection:
        slow = connection.open(path)
        publish_one_by_one(redis, reader, 100)
        assert [event.data for event in slow.take(100)] == [message(i) for i in range(100)]


MEMORY_CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log debug;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    ssl_buffer_size 12345;  # nothing else in nginx has this size
    server {
        listen 127.0.0.1:@PORT@ ssl;
        listen 127.0.0.1:@PORT2@ ssl http2;
        location = /direct { sse_subscribe c; }
        location = /filtered { sse_subscribe c; sse_direct off; }
        location = /gzip { sse_subscribe c; gzip on; gzip_types text/event-stream; }
        location = /silent { sse_subscribe c; sse_retry off; }
        location = /silent-filtered { sse_subscribe c; sse_retry off; sse_direct off; }
    }
}
"""


def ssl_buffers(nginx):
    """How many buffers for OpenSSL the worker has allocated, and how many it holds now."""
    lines = nginx.log_lines(r"\[debug\].*(malloc|free): ")
    held, allocated = set(), 0
    for line in lines:
        words = line.split()
        address, _, size = words[-1].partition(":")
        if words[-2] == "malloc:" and size == "12345":
            held.add(address)
            allocated += 1
        elif words[-2] == "free:":
            held.discard(address)
    return allocated, len(held)


@pytest.mark.parametrize("path", ["/direct", "/filtered", "/gzip", "/silent", "/silent-filtered"])
@pytest.mark.parametrize("http2", [False, True], ids=["http/1.1", "http/2"])
def test_no_buffer_of_openssl_stays_with_an_idle_stream(
    redis, make_nginx, open_stream, path, http2
):
    nginx = make_nginx(MEMORY_CONF, BROKER=redis.url)
    make_certificate(nginx.directory)
    nginx.start()
    with ExitStack() as stack:
        if http2:
            connections = [Http2Connection(nginx.port_of("PORT2"), tls=True) for _ in range(3)]
            streams = [stack.enter_context(connection).open(path) for connection in connections]
        else:
            headers = [("Accept-Encoding", "gzip")]
            streams = [open_stream(nginx, path, tls=True, headers=headers) for _ in range(3)]

        def is_returned():
            allocated, held = ssl_buffers(nginx)
            return allocated >= 3 and held == 0

        wait_until(is_returned, "the buffers of the headers are returned")
        for size in (10, 100_000):
            redis.publish("c", "x" * size)
            for stream in streams:
                assert stream.next_event().data == "x" * size
            wait_until(is_returned, "the buffers of an event are returned")

"""Promise 5 for frames no socket takes at once: who is in the middle gets the rest, no more."""

import random
from contextlib import ExitStack

import pytest

from harness import Http2Connection, make_certificate, wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    log_format ends '$uri $sse_close_reason';
    access_log access.log ends;
    sse_broker @BROKER@;
    sse_retry off;
    sse_max_message 1m;
    sse_buffer_size @BUFFER@;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    server {
        listen 127.0.0.1:@PORT@ sndbuf=16k;
        listen 127.0.0.1:@PORT2@ sndbuf=16k ssl;
        listen 127.0.0.1:@PORT3@ http2;
        listen 127.0.0.1:@PORT4@ http2 ssl;
        listen 127.0.0.1:@PORT5@;
        gzip_types text/event-stream;
        location = /reference { sse_subscribe c; }
        location = /close/direct { sse_subscribe c; }
        location = /close/filtered { sse_subscribe c; sse_direct off; }
        location = /close/gzip { sse_subscribe c; gzip on; }
        location = /skip/direct { sse_subscribe c; sse_slow_subscriber skip; }
        location = /skip/filtered { sse_subscribe c; sse_slow_subscriber skip; sse_direct off; }
        location = /skip/gzip { sse_subscribe c; sse_slow_subscriber skip; gzip on; }
    }
}
"""

# nginx may send no larger segments either: the client's option goes to it with the handshake.
SMALL = {"receive_buffer": 4096, "max_segment": 1400}
WINDOW = 3000  # of an HTTP/2 stream
RESET = b'event: reset\ndata: {"reason":"slow","channel":"c"}\n\n'


def message(number):
    """As large as a message may be, and unlike all others everywhere."""
    return random.Random(number).randbytes(512 * 1024).hex()


def frame(text):
    return f"data: {text}\n\n".encode()


@pytest.fixture
def open_all(redis, make_nginx, open_stream):
    """Opens streams on every way to a client: open_all(policy, buffer) -> nginx, reference, all."""
    with ExitStack() as stack:

        def open_on_every_way(policy, buffer):
            nginx = make_nginx(CONF, BROKER=redis.url, BUFFER=buffer)
            make_certificate(nginx.directory)
            nginx.start()
            streams = []
            for way in ("direct", "filtered", "gzip"):
                headers = [("Accept-Encoding", "gzip")]
                for name in ("PORT", "PORT2"):
                    options = {"port": nginx.port_of(name), "tls": name == "PORT2", **SMALL}
                    path = f"/{policy}/{way}"
                    streams.append(open_stream(nginx, path, headers=headers, **options))
            for name in ("PORT3", "PORT4"):
                port = nginx.port_of(name)
                connection = Http2Connection(port, tls=name == "PORT4", window=WINDOW)
                stack.enter_context(connection)
                streams.append(connection.open(f"/{policy}/direct", acknowledges=False))
            reference = open_stream(nginx, "/reference", port=nginx.port_of("PORT5"))
            return nginx, reference, streams

        yield open_on_every_way


def publish(redis, reference, numbers):
    """One by one, each when the reader that keeps up has the last."""
    for number in numbers:
        redis.publish("c", message(number))
        assert reference.next_event().data == message(number)


BUFFERS = ["256k", "3m"]  # smaller than a frame, and larger than two


@pytest.mark.parametrize("buffer", BUFFERS)
def test_who_skips_gets_the_rest_of_its_frame_then_reset_then_what_is_new(
    redis, open_all, buffer
):
    _, reference, streams = open_all("skip", buffer)
    publish(redis, reference, range(6))
    for stream in streams:
        if isinstance(stream.connection, Http2Connection):
            stream.acknowledges = True
            stream.connection.acknowledge(stream)
        stream.events_until(lambda event: event.name == "reset")
    publish(redis, reference, [6])
    for stream in streams:
        stream.next_event()
    first = bytes(reference.body[: len(frame(message(0)))])
    assert first == frame(message(0))
    assert {bytes(stream.body) == first + RESET + frame(message(6)) for stream in streams} == {True}


@pytest.mark.parametrize("buffer", BUFFERS)
def test_who_is_closed_has_the_beginning_of_the_frame_it_was_in(redis, open_all, buffer):
    nginx, reference, streams = open_all("close", buffer)
    publish(redis, reference, range(6))
    wait_until(lambda: len(nginx.access_log()) == len(streams), "all are closed")
    assert {line.split()[1] for line in nginx.access_log()} == {"slow"}
    secure = [stream for stream in streams if stream.connection.is_secure]
    for stream in streams:
        stream.read_to_end()
        # Python's TLS does not tell a reset from an end without goodbye.
        assert stream.end in ("reset", "cut" if stream in secure else "reset")
        body = bytes(stream.body)
        assert (body or stream in secure) and frame(message(0)).startswith(body)
    publish(redis, reference, [6])

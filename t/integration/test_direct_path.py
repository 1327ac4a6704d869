"""What direct writing spares. Where it is used is told by test_filters_every_way.py."""

import pytest

from harness import Http2Connection, http_request, make_certificate

# Only nginx's debug log tells the ways apart: the bytes are the same.
CONF = """
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
    server {
        listen 127.0.0.1:@PORT@;
        listen 127.0.0.1:@PORT2@ ssl;
        listen 127.0.0.1:@PORT3@ http2;
        add_header X-Connection $connection;
        location = /direct { sse_subscribe c; }
        location = /greeting {
            sse_subscribe c;
            sse_retry off;
            sse_greeting hello;
            expires 1h;
        }
        location = /two { sse_subscribe c d; }
        location = /ping { return 200 pong; }
    }
}
"""

MESSAGES = [f"message {i}" for i in range(5)]
BURST = [f"message {i:03d} of a burst" for i in range(100)]


@pytest.fixture
def nginx(redis, make_nginx):
    server = make_nginx(CONF, BROKER=redis.url)
    make_certificate(server.directory)
    server.start()
    assert server.log_lines(r"\[debug\]"), "this test needs an nginx built --with-debug"
    return server


def filter_calls_per_message(redis, nginx, stream):
    """How often the open stream's body passed nginx's filters, for each further message."""

    def calls():
        return len(nginx.log_lines(rf'http output filter "{stream.path}\?'))

    before = calls()
    for message in MESSAGES:
        redis.publish("c", message)
        assert stream.next_event().data == message
    return (calls() - before) / len(MESSAGES)


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_greeting_is_followed_by_direct_writing(redis, nginx, open_stream, version):
    stream = open_stream(nginx, "/greeting", version=version)
    stream.next_block()
    assert filter_calls_per_message(redis, nginx, stream) == 0


def test_http_2_goes_through_the_filters(redis, nginx):
    with Http2Connection(nginx.port_of("PORT3")) as connection:
        stream = connection.open("/direct")
        stream.next_block()
        assert filter_calls_per_message(redis, nginx, stream) >= 1


def system_calls(nginx, stream, call):
    """How often the worker has called `call` for the stream's connection, by its log."""
    # The log has the line of the last call when the worker answers another request.
    assert http_request(nginx.port, "GET", "/ping").text == "pong"
    return len(nginx.log_lines(rf"\*{stream.head.get('X-Connection')} {call}: \d"))


@pytest.mark.parametrize("tls, call", [(False, "writev"), (True, "SSL_write")])
def test_a_burst_costs_each_subscriber_few_system_calls(redis, nginx, open_stream, tls, call):
    port = nginx.port_of("PORT2" if tls else "PORT")
    streams = [open_stream(nginx, "/direct", port=port, tls=tls) for _ in range(5)]
    for stream in streams:
        stream.next_block()
    before = [system_calls(nginx, stream, call) for stream in streams]
    assert all(before)
    redis.publish_all("c", BURST)
    for stream, count in zip(streams, before, strict=True):
        assert [event.data for event in stream.take(len(BURST))] == BURST
        # One, when the burst comes from Redis in one piece, as it nearly always does.
        assert 1 <= system_calls(nginx, stream, call) - count <= 5


def test_the_messages_of_several_channels_share_a_system_call(redis, nginx, open_stream):
    stream = open_stream(nginx, "/two")
    stream.next_block()
    before = system_calls(nginx, stream, "writev")
    script = "for i = 1, 60 do redis.call('PUBLISH', i % 2 == 0 and 'c' or 'd', i) end"
    redis.command("EVAL", script, 0)
    assert [event.data for event in stream.take(60)] == [str(i) for i in range(1, 61)]
    assert 1 <= system_calls(nginx, stream, "writev") - before <= 3

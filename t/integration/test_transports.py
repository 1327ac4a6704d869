"""What is peculiar to a way to the client; test_filters_every_way.py compares them all."""

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
    access_log off;
    sse_broker @BROKER@;
    sse_retry off;
    sse_payload json;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    server {
        listen 127.0.0.1:@PORT@;
        listen 127.0.0.1:@PORT3@ http2;
        listen 127.0.0.1:@PORT4@ ssl http2;
        listen 127.0.0.1:@PORT5@ http2 sndbuf=16k;
        location = /download { root html; }
        location = /witness { sse_subscribe w; }
        location = /direct { sse_subscribe c; }
        location = /direct-off { sse_subscribe c; sse_direct off; }
        location = /gzip { sse_subscribe c; gzip on; gzip_types text/event-stream; }
        location = /sub_filter-replaces {
            sse_subscribe c;
            sub_filter_types text/event-stream;
            sub_filter "<name>" "somebody";
        }
    }
}
"""

# Small and large, with everything a frame can hold; the last is larger than any socket buffer.
MESSAGES = [
    '{"data":"hello"}',
    '{"data":"a\\nb","event":"e","id":"1","retry":5}',
    '{"data":""}',
    *(f'{{"data":"number {i}","id":"{i}"}}' for i in range(200)),
    '{"data":"' + "0123456789" * 30_000 + '"}',
    '{"data":"end"}',
]


@pytest.fixture
def nginx(redis, make_nginx):
    server = make_nginx(CONF, BROKER=redis.url)
    make_certificate(server.directory)
    return server.start()


def bodies_of(redis, streams):
    """Publishes MESSAGES and returns what each stream received, up to the last event."""
    redis.publish_all("c", MESSAGES)
    for stream in streams:
        stream.events_until(lambda event: event.data == "end")
    return [bytes(stream.body) for stream in streams]


def test_compressed_the_events_come_at_once_and_are_the_same(redis, nginx, open_stream):
    compressed = open_stream(nginx, "/gzip", headers=[("Accept-Encoding", "gzip")])
    assert compressed.head.get("Content-Encoding") == "gzip"
    redis.publish("c", "first")
    assert compressed.next_event().data == "first"
    start = len(compressed.body)
    direct, decoded = bodies_of(redis, [open_stream(nginx, "/direct"), compressed])
    assert decoded[start:] == direct


def test_a_filter_may_change_the_bytes(redis, nginx, open_stream):
    stream = open_stream(nginx, "/sub_filter-replaces")
    redis.publish("c", "hello <name>!")
    assert stream.next_event().data == "hello somebody!"


@pytest.mark.parametrize("port, tls", [("PORT3", False), ("PORT4", True)])
def test_http_2_gets_the_same_bytes_on_several_streams_of_a_connection(
    redis, nginx, open_stream, port, tls
):
    with Http2Connection(nginx.port_of(port), tls=tls) as connection:
        streams = [connection.open(path) for path in ("/direct", "/direct", "/direct-off")]
        direct, *others = bodies_of(redis, [open_stream(nginx, "/direct"), *streams])
        assert others == [direct] * 3


def test_an_http_2_stream_can_be_cancelled_in_the_middle_of_a_frame(redis, nginx):
    with Http2Connection(nginx.port_of("PORT3"), window=1000) as connection:
        for _ in range(5):
            cancelled = connection.open("/direct", acknowledges=False)
            others = connection.open("/direct")
            redis.publish("c", "x" * 100_000)
            assert others.next_event().data == "x" * 100_000
            assert 0 < len(b"".join(cancelled.received)) <= 1000
            connection.reset(cancelled)
            connection.reset(others)
        survivor = connection.open("/direct")
        redis.publish("c", "after")
        assert survivor.next_event().data == "after"


def test_an_http_2_stream_opens_while_a_download_fills_the_connection(redis, nginx, open_stream):
    content = b"0123456789abcdef" * 4000  # the window of a connection at its start, almost
    (nginx.directory / "html").mkdir()
    (nginx.directory / "html" / "download").write_bytes(content)
    witness = open_stream(nginx, "/witness")
    # Its small buffers are full: it reads nothing until the stream's header is due.
    with Http2Connection(nginx.port_of("PORT5"), receive_buffer=4096) as connection:
        download = connection.start("/download")
        stream = connection.start("/direct")
        wait_until(lambda: redis.subscribers("c") == 1, "the subscription")
        # Redis sends this after the confirmation of the subscription.
        redis.publish("w", '{"data":"confirmed"}')
        assert witness.next_event().data == "confirmed"
        stream.open()
        redis.publish("c", '{"data":"x"}')
        assert stream.next_event().data == "x"
        download.read_to_end()
        assert (download.end, bytes(download.body)) == ("clean", content)


def test_http_2_head_ends_without_a_body(nginx):
    with Http2Connection(nginx.port_of("PORT3")) as connection:
        stream = connection.start("/direct", method="HEAD")
        assert stream.read_head()[":status"] == "200"
        assert stream.read_to_end() == []
        assert stream.end == "clean" and not stream.body


def test_direct_writing_is_one_chunk_for_each_event(redis, nginx, open_stream):
    stream = open_stream(nginx, "/direct")
    redis.publish("c", "hello")
    stream.next_event()
    assert bytes(stream.connection.wire).endswith(b"\r\n\r\nd\r\ndata: hello\n\n\r\n")

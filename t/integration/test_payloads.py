"""How a broker message becomes an event, byte for byte."""

import pytest

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
    sse_retry off;  # the body is then nothing but events
    server {
        listen 127.0.0.1:@PORT@;
        location = /text { sse_subscribe c; }
        location = /json { sse_subscribe c; sse_payload json; }
        location = /event { sse_subscribe c; sse_payload event; }
        location = /text-by-channel { sse_subscribe c; sse_default_event channel; }
        location = /json-by-channel { sse_subscribe c; sse_payload json; sse_default_event channel; }
        location = /event-by-channel { sse_subscribe c; sse_payload event; sse_default_event channel; }
        location = /text-named { sse_subscribe c; sse_default_event news; }
        location = /text-none { sse_subscribe c; sse_default_event none; }
    }
}
"""

LIMITS_CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    server {
        listen 127.0.0.1:@PORT@;
        location = /text { sse_subscribe c; }
        location = /direct-off { sse_subscribe c; sse_direct off; }
        location = /small { sse_subscribe c; sse_max_message 1k; }
        location = /unlimited { sse_subscribe c; sse_max_message off; sse_buffer_size 16m; }
    }
}
"""

# fmt: off
CASES = [
    # form, payload, what is on the wire
    ("text", b"hello", b"data: hello\n\n"),
    ("text", b"", b"data: \n\n"),
    ("text", b"  two spaces", b"data:   two spaces\n\n"),
    ("text", b"a\nb", b"data: a\ndata: b\n\n"),
    ("text", b"a\r\nb", b"data: a\ndata: b\n\n"),
    ("text", b"a\rb", b"data: a\ndata: b\n\n"),
    ("text", b"a\n\r\nb", b"data: a\ndata: \ndata: b\n\n"),
    ("text", b"a\n", b"data: a\ndata: \n\n"),
    ("text", b"\n", b"data: \ndata: \n\n"),
    ("text", b"\r", b"data: \ndata: \n\n"),
    ("text", b"a\r\rid: 1\revent: x\r\r", b"data: a\ndata: \ndata: id: 1\ndata: event: x\ndata: \ndata: \n\n"),
    ("text", b"a\n\ndata: forged\n\n", b"data: a\ndata: \ndata: data: forged\ndata: \ndata: \n\n"),
    ("text", b"a\0b", b"data: a\0b\n\n"),
    ("text", b"\xff", "data: \ufffd\n\n".encode()),
    ("text", b"a\xe2\x82z", "data: a\ufffdz\n\n".encode()),
    ("text", "gr\u00fc\u00df \u20ac \U0001f600".encode(), "data: gr\u00fc\u00df \u20ac \U0001f600\n\n".encode()),
    ("text", "a\u0085b\u2028c\x0bd\x0ce".encode(), "data: a\u0085b\u2028c\x0bd\x0ce\n\n".encode()),
    ("text", b"\xef\xbb\xbfx", b"data: \xef\xbb\xbfx\n\n"),
    ("text", b'{"data":"x"}', b'data: {"data":"x"}\n\n'),
    ("text-by-channel", b"x", b"event: c\ndata: x\n\n"),
    ("text-named", b"x", b"event: news\ndata: x\n\n"),
    ("text-none", b"x", b"data: x\n\n"),
    ("json", b'{"data":"x"}', b"data: x\n\n"),
    ("json", b'{"data":"a\\nb","event":"e","id":"7","retry":100}', b"id: 7\nevent: e\nretry: 100\ndata: a\ndata: b\n\n"),
    ("json", b'{"retry":100,"id":7,"data":"x"}', b"id: 7\nretry: 100\ndata: x\n\n"),
    ("json", b'{"data":{"b": [1, 2.50, null], "a": 12345678901234567890}}', b'data: {"b":[1,2.50,null],"a":12345678901234567890}\n\n'),
    ("json", b'{"data":"a\\u0000b"}', b"data: a\0b\n\n"),
    ("json", b'{"data":"\\ud83d\\ude00"}', "data: \U0001f600\n\n".encode()),
    ("json", b'{"data":"a\\rb\\r\\nc"}', b"data: a\ndata: b\ndata: c\n\n"),
    ("json", b'{"data":""}', b"data: \n\n"),
    ("json", b'{"event":"e"}', b"event: e\ndata: \n\n"),
    ("json", b'{"data":"x","event":"a\\nid: 1"}', b"data: x\n\n"),
    ("json", b'{"data":"x","id":"a\\u0000"}', b"data: x\n\n"),
    ("json", b'{"data":"x","id":"a b(c)"}', b"data: x\n\n"),
    ("json", b'{"data":"x","retry":-1}', b"data: x\n\n"),
    ("json", b'{"data":"x","unknown":1}', b"data: x\n\n"),
    ("json", b"hello", b"data: hello\n\n"),
    ("json", b"[1,2]", b"data: [1,2]\n\n"),
    ("json", b'{"data":"x"', b'data: {"data":"x"\n\n'),
    ("json", b"", b"data: \n\n"),
    ("json-by-channel", b'{"data":"x"}', b"event: c\ndata: x\n\n"),
    ("json-by-channel", b'{"data":"x","event":"e"}', b"event: e\ndata: x\n\n"),
    ("event", b"data: x\n\n", b"data: x\n\n"),
    ("event", b"data:x", b"data: x\n\n"),
    ("event", b"data: a\rdata: b\r\n\r\n", b"data: a\ndata: b\n\n"),
    ("event", b"event: e\nid: 1\nretry: 5\ndata:  x\n\n", b"id: 1\nevent: e\nretry: 5\ndata:  x\n\n"),
    ("event", b"data: 1\n\ndata: 2\n\n: comment\nunknown: y\ndata: 3", b"data: 1\n\ndata: 2\n\ndata: 3\n\n"),
    ("event", b"id: 9\n\n", b"id: 9\n\n"),
    ("event", b"data: x\nid: a\0b\n\n", b"data: x\n\n"),
    ("event", b"data: x\nretry: 1x\n\n", b"data: x\n\n"),
    ("event", b"data\n\n", b"data: \n\n"),
    ("event", b": only a comment\n\n", b""),
    ("event-by-channel", b"data: x\n\nevent: e\ndata: y\n\n", b"event: c\ndata: x\n\nevent: e\ndata: y\n\n"),
]
# fmt: on


def case_name(case):
    form, payload, _ = case
    return f"{form}-{payload!r}"


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_the_bytes_on_the_wire_are(redis, start_nginx, open_stream, case):
    form, payload, wire = case
    nginx = start_nginx(CONF, BROKER=redis.url)
    stream = open_stream(nginx, f"/{form}")
    redis.publish("c", payload)
    redis.publish("c", "data: marker" if form.startswith("event") else "marker")
    stream.events_until(lambda event: event.data == "marker")
    name = (
        b"event: c\n" if form.endswith("channel") else b"event: news\n" if "named" in form else b""
    )
    assert bytes(stream.body) == wire + name + b"data: marker\n\n"


@pytest.mark.parametrize("path", ["/text", "/direct-off"])
def test_a_payload_of_a_mebibyte_arrives_whole(redis, start_nginx, open_stream, path):
    nginx = start_nginx(LIMITS_CONF, BROKER=redis.url)
    stream = open_stream(nginx, path)
    payload = "0123456789abcdef" * 65536
    redis.publish("c", payload)
    redis.publish("c", "next")
    assert [event.data for event in stream.take(2)] == [payload, "next"]


@pytest.mark.parametrize("path, limit", [("/text", 1048576), ("/small", 1024)])
def test_a_larger_payload_is_dropped_with_a_log_line_and_the_stream_goes_on(
    redis, start_nginx, open_stream, path, limit
):
    nginx = start_nginx(LIMITS_CONF, BROKER=redis.url)
    stream = open_stream(nginx, path)
    redis.publish("c", "x" * (limit + 1))
    redis.publish("c", "x" * limit)
    redis.publish("c", "next")
    assert [event.data for event in stream.take(2)] == ["x" * limit, "next"]
    (line,) = nginx.wait_for_log(r"\[warn\].*dropped")
    assert '"c"' in line and f"127.0.0.1:{redis.port}" in line
    assert str(limit + 1) in line


def test_a_payload_that_grows_too_much_on_the_wire_is_dropped(redis, start_nginx, open_stream):
    nginx = start_nginx(LIMITS_CONF, BROKER=redis.url)
    stream = open_stream(nginx, "/small")
    redis.publish("c", "\n" * 1024)  # seven bytes on the wire for each
    redis.publish("c", "next")
    assert stream.next_event().data == "next"
    nginx.wait_for_log(r'\[warn\].*"c" dropped')


def test_the_limit_can_be_switched_off(redis, start_nginx, open_stream):
    nginx = start_nginx(LIMITS_CONF, BROKER=redis.url)
    stream = open_stream(nginx, "/unlimited")
    redis.publish("c", "x" * 5_000_000)
    assert len(stream.next_event().data) == 5_000_000


def test_dropped_messages_do_not_flood_the_log(redis, start_nginx, open_stream):
    nginx = start_nginx(LIMITS_CONF, BROKER=redis.url)
    stream = open_stream(nginx, "/small")
    redis.publish_all("c", ["x" * 1025] * 1000)
    redis.publish("c", "next")
    assert stream.next_event().data == "next"
    assert 1 <= len(nginx.log_lines(r"\[warn\].*dropped")) < 100

"""Directives are inherited from http to server to location, and overridden on the way."""

from harness import http_request

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 64; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @FIRST@;
    sse_retry 1s;
    sse_greeting http;
    sse_payload json;
    sse_default_event one;
    server {
        listen 127.0.0.1:@PORT@;
        sse_default_event two;
        sse_greeting server;
        location /outer { sse_subscribe c; }
        location /own {
            sse_subscribe c;
            sse_retry 3s;
            sse_greeting location;
            sse_payload text;
            sse_default_event none;
        }
        location /nested {
            sse_greeting outer;
            location /nested/inner { sse_subscribe c; }
        }
        location /parent {
            sse_subscribe c;
            location /parent/child { return 200 "no stream\\n"; }
            location /parent/other { }
        }
    }
    server {
        listen 127.0.0.1:@PORT2@;
        sse_broker @SECOND@;
        location / { sse_subscribe c; }
    }
}
"""

MESSAGE = '{"data":"x"}'


def opening(stream):
    """What a stream begins with: its retry and its greeting."""
    return stream.next_block().retry, stream.next_block().data


def test_values_come_from_the_nearest_block(make_redis, start_nginx, open_stream, send_request):
    first, second = make_redis(), make_redis()
    nginx = start_nginx(CONF, FIRST=first.url, SECOND=second.url)
    outer = open_stream(nginx, "/outer")
    own = open_stream(nginx, "/own")
    inner = open_stream(nginx, "/nested/inner")
    other_server = send_request(nginx, "/", port=nginx.port_of("PORT2")).open()
    assert opening(outer) == (1000, "server")
    assert opening(own) == (3000, "location")
    assert opening(inner) == (1000, "outer")
    assert opening(other_server) == (1000, "http")
    first.publish("c", MESSAGE)
    second.publish("c", MESSAGE.replace("x", "y"))
    assert [
        (e.name, e.data) for e in (outer.next_event(), own.next_event(), inner.next_event())
    ] == [
        ("two", "x"),
        (None, MESSAGE),
        ("two", "x"),
    ]
    event = other_server.next_event()
    assert (event.name, event.data) == ("one", "y")


def test_a_subscription_is_not_inherited(redis, start_nginx):
    nginx = start_nginx(CONF, FIRST=redis.url, SECOND=redis.url)
    assert http_request(nginx.port, "GET", "/parent/child").text == "no stream\n"
    assert http_request(nginx.port, "GET", "/parent/other").status == 404

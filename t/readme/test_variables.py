"""The README's table of variables: each exists, and has the value described."""

from harness import http_request, wait_until

from . import markdown

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 64; }
http {
    @TEMP_PATHS@
    log_format variables '@VARIABLES@';
    access_log access.log variables;
    sse_broker @BROKER@;
    sse_payload json;
    server {
        listen 127.0.0.1:@PORT@;
        location = / { sse_subscribe news sport; }
        location = /no-stream { access_log off; return 200 '@VARIABLES@'; }
    }
}
"""

NAMES = [name.strip("`$") for name, _ in markdown.section("Variables").table("variable")]


def test_the_log_line_of_a_stream_has_the_value_of_each(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url, VARIABLES="|".join(f"${name}" for name in NAMES))
    stream = open_stream(nginx, "/", headers=[("Last-Event-ID", "3")])
    redis.publish_all("news", ['{"id":"7","data":"x"}', '{"data":"y"}'])
    stream.take(2)
    stream.close()
    (line,) = wait_until(nginx.access_log, "the stream's log line")
    values = dict(zip(NAMES, line.split("|")))
    assert 0 <= float(values.pop("sse_stream_time")) < 30
    assert values == {
        "sse_channel": "news,sport",
        "sse_events_sent": "2",
        "sse_start_id": "3",
        "sse_last_id": "7",
        "sse_close_reason": "client",
    }


def test_the_start_id_may_come_as_an_argument(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url, VARIABLES="$sse_start_id")
    open_stream(nginx, "/?last_event_id=3").close()
    assert wait_until(nginx.access_log, "the stream's log line") == ["3"]


def test_outside_of_a_stream_they_are_empty(redis, start_nginx):
    nginx = start_nginx(CONF, BROKER=redis.url, VARIABLES="|".join(f"${name}" for name in NAMES))
    assert http_request(nginx.port, "GET", "/no-stream").text == "|" * (len(NAMES) - 1)

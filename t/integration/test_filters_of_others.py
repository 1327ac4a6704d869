"""Filters that are no part of nginx: who joins the body is served, who does not costs nothing."""

import random
import subprocess
from pathlib import Path

import pytest

from harness import ChunkedDecoder, HttpConnection, wait_until
from harness.waiting import Deadline

# Only nginx's debug log tells the ways apart.
CONF = """
@LOAD@
load_module @MODULE@;
worker_processes 1;
error_log error.log debug;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    server {
        listen 127.0.0.1:@PORT@;

        location = /headers-more {
            sse_subscribe c;
            more_set_headers "X-Accel-Buffering: yes";
            more_clear_headers Server;
        }

        location = /subs {
            sse_subscribe c;
            subs_filter_types text/event-stream;
            subs_filter a-z A-Z;
        }
        location = /subs-of-html { sse_subscribe c; subs_filter a-z A-Z; }

        location = /brotli { sse_subscribe c; brotli on; brotli_types text/event-stream; }

        location = /lua-header {
            sse_subscribe c;
            header_filter_by_lua_block { ngx.header["X-Y"] = "1" }
        }
        location = /lua-access {
            sse_subscribe c;
            access_by_lua_block { ngx.ctx.seen = true }
        }
        location = /lua-body {
            sse_subscribe c;
            body_filter_by_lua_block { ngx.arg[1] = string.gsub(ngx.arg[1], "a%-z", "A-Z") }
        }
        # Its context is there before the header.
        location = /lua-access-body {
            sse_subscribe c;
            access_by_lua_block { ngx.ctx.seen = true }
            body_filter_by_lua_block { ngx.arg[1] = string.gsub(ngx.arg[1], "a%-z", "A-Z") }
        }

        location = /refused { sse_subscribe c; header_filter_by_lua_block { ngx.exit(503) } }
        location = /refused-page {
            sse_subscribe c;
            error_page 503 /page;
            header_filter_by_lua_block { if ngx.status == 200 then ngx.exit(503) end }
        }
        location = /refused-stream {
            sse_subscribe c;
            error_page 503 = @other;
            header_filter_by_lua_block { ngx.exit(503) }
        }
        location @other { sse_subscribe d; }
        location = /page { return 200 "page"; }
    }
}
"""

MODULES = [
    "ndk_http",
    "ngx_http_lua",
    "ngx_http_headers_more_filter",
    "ngx_http_subs_filter",
    "ngx_http_brotli_filter",
]


@pytest.fixture
def nginx(redis, start_nginx, nginx_binary):
    """Loads Debian's modules."""
    output = subprocess.run([nginx_binary, "-V"], capture_output=True, text=True, check=True).stderr
    folder = Path(output.partition("--modules-path=")[2].split()[0])
    load = "".join(f"load_module {folder}/{name}_module.so;\n" for name in MODULES)
    return start_nginx(CONF, LOAD=load, BROKER=redis.url)


def expect_events(redis, nginx, stream, expected):
    """Five events come; returns how often nginx's filters were called for them."""

    def calls():
        return len(nginx.log_lines(rf'http output filter "{stream.path}\?'))

    before = calls()
    for _ in range(5):
        redis.publish("c", "a-z")
        assert stream.next_event().data == expected
    return calls() - before


@pytest.mark.parametrize("path", ["/headers-more", "/subs-of-html", "/brotli", "/lua-access"])
def test_a_module_that_leaves_the_body_alone_does_not_slow_it(redis, nginx, open_stream, path):
    assert expect_events(redis, nginx, open_stream(nginx, path), "a-z") == 0


@pytest.mark.parametrize(
    "path, expected",
    [("/subs", "A-Z"), ("/lua-header", "a-z"), ("/lua-body", "A-Z"), ("/lua-access-body", "A-Z")],
)
def test_a_module_that_may_have_joined_the_body_gets_it(
    redis, nginx, open_stream, path, expected
):
    assert expect_events(redis, nginx, open_stream(nginx, path), expected) >= 5


def test_each_event_is_flushed_through_brotli(redis, nginx):
    with HttpConnection(nginx.port) as connection:
        connection.send_request("GET", "/brotli", headers=[("Accept-Encoding", "br")])
        assert connection.read_head().get("Content-Encoding") == "br"
        chunks = ChunkedDecoder()
        for number in range(10):
            redis.publish("c", random.Random(number).randbytes(500).hex())
            compressed = b""
            while len(compressed) < 500:
                compressed += chunks.feed(connection.receive(Deadline(10, "an event")))


@pytest.mark.parametrize(
    "path, body", [("/refused", b"503 Service Temporarily Unavailable"), ("/refused-page", b"page")]
)
def test_the_answer_of_a_filter_that_refuses_the_header_is_what_the_client_gets(
    redis, nginx, path, body
):
    with HttpConnection(nginx.port) as connection:
        response = connection.request("GET", path)
        assert response.status == 503
        assert body in response.body
        assert connection.receive(Deadline(10, "the end")) == b""


def test_a_refused_header_whose_error_page_is_a_stream_leaves_nobody_behind(redis, nginx):
    for _ in range(3):
        with HttpConnection(nginx.port) as connection:
            connection.send_request("GET", "/refused-stream")
            while connection.receive(Deadline(10, "the end")):
                pass
    wait_until(lambda: redis.subscribers("c") + redis.subscribers("d") == 0, "nobody is left")

"""`sse_retry_later`: an EventSource survives what nginx itself refuses, by `error_page`."""

import pytest

from harness import Http2Connection, SseClient, http_request, wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 128; }
http {
    @TEMP_PATHS@
    log_format reason '$uri $status $sse_close_reason';
    access_log access.log reason;
    sse_broker @BROKER@;
    sse_retry 5s;
    limit_conn_zone $server_port zone=port:1m;
    limit_conn_status 429;
    server {
        listen 127.0.0.1:@PORT@;
        listen 127.0.0.1:@PORT2@ http2;
        recursive_error_pages on;
        location = /limited {
            limit_conn port 1;
            sse_subscribe news;
            error_page 429 500 502 503 504 = @busy;
        }
        location = /kept-status {
            return 503;
            error_page 503 @busy;
        }
        location = /redirected {
            return 503;
            error_page 503 /redirected-to;
        }
        location = /redirected-to { sse_subscribe news; }
        location = /gone {
            proxy_pass http://127.0.0.1:1;
            error_page 502 = @busy;
        }
        location = /defaults { sse_retry_later; }
        location = /off { sse_retry off; sse_retry_later; }
        location = /in-if {
            sse_retry_later 7s;
            if ($arg_x) { add_header X-If yes; }
        }
        location = /guarded {
            auth_request /auth;
            sse_subscribe news;
        }
        location = /auth { return 503; error_page 503 = @busy; }
        location @busy { sse_retry_later 10s jitter=5s; }
    }
}
"""


@pytest.fixture
def nginx(redis, start_nginx):
    return start_nginx(CONF, BROKER=redis.url)


def pause_of(nginx, path, **options):
    """The pause that a client is told, which is all it is told."""
    with SseClient(nginx.port, path, **options) as client:
        (block,) = client.open().read_to_end()
        assert client.end == "clean"
        assert block.data is None and block.retry is not None
        return block.retry


def test_who_is_over_limit_conn_is_told_to_come_again(nginx, redis, open_stream):
    stream = open_stream(nginx, "/limited")
    pauses = {pause_of(nginx, "/limited") for _ in range(20)}
    assert all(10_000 <= pause <= 15_000 for pause in pauses) and len(pauses) > 1
    wait_until(lambda: nginx.access_log() == ["/limited 200 limit"] * 20, "the access log")
    redis.publish("news", "hello")
    assert stream.next_event().data == "hello"
    stream.close()
    wait_until(lambda: "/limited 200 client" in nginx.access_log(), "the stream's end")
    open_stream(nginx, "/limited")


def test_the_status_is_200_also_where_error_page_has_no_equals_sign(nginx):
    assert pause_of(nginx, "/kept-status") >= 10_000


def test_so_it_is_where_error_page_leads_to_a_stream(nginx, redis, open_stream):
    stream = open_stream(nginx, "/redirected")
    redis.publish("news", "hello")
    assert stream.next_event().data == "hello"


def test_a_backend_that_is_away_is_answered_with_a_pause(nginx):
    assert pause_of(nginx, "/gone") >= 10_000


def test_without_arguments_it_says_what_sse_retry_says(nginx):
    assert pause_of(nginx, "/defaults") == 5000
    with SseClient(nginx.port, "/off") as client:
        assert client.open().read_to_end() == []


def test_an_if_block_keeps_it(nginx):
    with SseClient(nginx.port, "/in-if?x=1") as client:
        client.open()
        assert client.head.get("X-If") == "yes"
        assert client.read_to_end()[0].retry == 7000


def test_the_head_is_that_of_a_stream(nginx):
    response = http_request(nginx.port, "HEAD", "/defaults")
    assert response.head.status == 200
    assert response.head.get("Content-Type") == "text/event-stream"
    assert response.head.get("Cache-Control") == "no-cache"


def test_http_2_has_it_too(nginx):
    with Http2Connection(nginx.port_of("PORT2")) as connection:
        stream = connection.open("/defaults")
        assert stream.next_block().retry == 5000
        wait_until(lambda: stream.end == "clean", "the end")


def test_what_somebody_sends_is_never_answered_as_if_it_were_accepted(nginx):
    assert http_request(nginx.port, "POST", "/kept-status").head.status in (500, 503)
    assert http_request(nginx.port, "POST", "/defaults").head.status == 503


def test_it_does_not_open_what_auth_request_guards(nginx, redis):
    assert http_request(nginx.port, "GET", "/guarded").head.status == 500
    assert nginx.log_lines('"sse_retry_later" cannot answer a subrequest')
    assert redis.subscribers("news") == 0

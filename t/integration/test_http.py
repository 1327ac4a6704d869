"""The HTTP side: methods, headers, versions, bad requests, keep-alive, subrequests."""

import pytest

from harness import HttpConnection, SseClient, http_request, wait_until

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
    server {
        listen 127.0.0.1:@PORT@;
        location ~ (?s)^/events/(?<channel>.*)$ { sse_subscribe $channel; }
        location = /channel { sse_subscribe $arg_channel; }
        location = /list { sse_subscribe_list $arg_channels; }
        location = /few { sse_subscribe_list $arg_channels; sse_max_channels 2; }
        location = /durable { sse_subscribe_list $arg_channels; sse_channel_type stream; }
        location = /headers {
            sse_subscribe c;
            add_header Access-Control-Allow-Origin https://example.org;
            expires 1h;
        }
        location = /plain { return 200 "plain\\n"; }
        location = /authorized { auth_request /events/c; alias page.html; }
        location = /page { default_type text/html; ssi on; alias page.html; }
        location = /denied { deny all; sse_subscribe c; }
        location = /redirected { error_page 405 = @other; sse_subscribe c; }
        location @other { return 200 "other\\n"; }
        location = /accelerated { proxy_pass http://127.0.0.1:@PORT2@; }
        location = /internal { internal; sse_subscribe c; }
    }
    server {
        listen 127.0.0.1:@PORT2@;
        location / {
            charset iso-8859-1;
            default_type text/html;
            add_header X-Accel-Redirect /internal;
            add_header ETag '"of the application"';
            return 200 "application";
        }
    }
}
"""


@pytest.fixture
def nginx(redis, start_nginx):
    return start_nginx(CONF, BROKER=redis.url)


def test_get_is_answered_with_exactly_these_headers(nginx, open_stream):
    head = open_stream(nginx, "/events/c").head
    assert head.version == "1.1" and head.status == 200
    names = [name for name, _ in head.headers]
    assert sorted(names) == [
        "Cache-Control",
        "Connection",
        "Content-Type",
        "Date",
        "Server",
        "Transfer-Encoding",
        "X-Accel-Buffering",
    ]
    assert head.get("Content-Type") == "text/event-stream"
    assert head.get("Cache-Control") == "no-cache"
    assert head.get("X-Accel-Buffering") == "no"
    assert head.get("Transfer-Encoding") == "chunked"


def test_the_headers_of_an_application_that_redirected_here_do_not_spoil_the_stream(
    nginx, redis, open_stream
):
    assert http_request(nginx.port, "GET", "/internal").status == 404
    stream = open_stream(nginx, "/accelerated")
    # A browser refuses a stream with another charset than UTF-8.
    assert stream.head.get("Content-Type") == "text/event-stream"
    assert stream.head.all("Content-Length") == stream.head.all("ETag") == []
    redis.publish("c", "x")
    assert stream.next_event().data == "x"


def test_head_is_answered_like_get_without_a_body_and_the_connection_stays(nginx, redis):
    with HttpConnection(nginx.port) as connection:
        for _ in range(3):
            response = connection.request("HEAD", "/events/c")
            assert response.status == 200
            assert response.head.get("Content-Type") == "text/event-stream"
            assert response.head.get("Cache-Control") == "no-cache"
        stream = SseClient(None, "/events/c", connection=connection).open()
        redis.publish("c", "x")
        assert stream.next_event().data == "x"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_get_405_with_allow_and_the_connection_stays(nginx, method):
    with HttpConnection(nginx.port) as connection:
        for body in (b"", b"x" * 20_000):
            response = connection.request(method, "/events/c", body=body)
            assert response.status == 405
            assert response.head.get("Allow") == "GET, HEAD"
        assert connection.request("GET", "/plain").body == b"plain\n"


def test_http_1_0_gets_a_body_without_chunks_that_ends_with_the_connection(
    nginx, redis, open_stream
):
    stream = open_stream(nginx, "/events/c", version="1.0")
    assert stream.head.get("Transfer-Encoding") is None
    assert stream.head.get("Content-Length") is None
    assert stream.head.get("Connection") == "close"
    redis.publish("c", "a\nb")
    assert stream.next_event().data == "a\nb"
    assert bytes(stream.connection.wire).endswith(b"\n\ndata: a\ndata: b\n\n")


def test_the_body_begins_with_retry_alone(nginx, redis, open_stream):
    stream = open_stream(nginx, "/events/c")
    redis.publish("c", "x")
    stream.next_event()
    assert stream.body == f"retry: {stream.retries[0]}\n\ndata: x\n\n".encode()


def test_headers_of_other_modules_are_added(nginx, open_stream):
    head = open_stream(nginx, "/headers").head
    assert head.get("Access-Control-Allow-Origin") == "https://example.org"


def test_access_control_comes_before_the_stream(nginx):
    assert http_request(nginx.port, "GET", "/denied").status == 403


BAD_REQUESTS = [
    # path, words that the body must have
    ("/channel", ["empty"]),
    ("/events/", ["empty"]),
    ("/events/a%0ab", ["control"]),
    ("/events/a%00b", []),  # nginx itself refuses this one
    ("/events/%7f", ["control"]),
    ("/events/" + "x" * 257, ["256"]),
    ("/list?channels=", ["empty"]),
    ("/list?channels=a,,b", ["empty"]),
    ("/list?channels=a,", ["empty"]),
    ("/list?channels=,a", ["empty"]),
    ("/list?channels=a," + "x" * 257, ["256"]),
    ("/list?channels=" + ",".join(f"c{i}" for i in range(33)), ["32"]),
    ("/few?channels=a,b,c", ["2"]),
    ("/durable?channels=a,b,c,d,e,f,g,h,i", ["at most 8", "stream"]),
]


@pytest.mark.parametrize("path, words", BAD_REQUESTS, ids=[path[:40] for path, _ in BAD_REQUESTS])
def test_a_bad_channel_gets_400_and_the_body_says_why(nginx, path, words):
    response = http_request(nginx.port, "GET", path)
    assert response.status == 400
    if words:
        assert response.head.get("Content-Type").startswith("text/plain")
        assert response.text.endswith("\n") and "channel" in response.text
    for word in words:
        assert word in response.text


def test_a_400_leaves_the_connection_usable(nginx, redis):
    with HttpConnection(nginx.port) as connection:
        assert connection.request("GET", "/channel").status == 400
        assert connection.request("HEAD", "/channel").status == 400
        stream = SseClient(None, "/events/c", connection=connection).open()
        redis.publish("c", "x")
        assert stream.next_event().data == "x"


@pytest.mark.parametrize(
    "path",
    [
        "/events/" + "x" * 256,
        "/events/%e2%82%ac",
        "/events/%ff",
        "/events/a%20b",
        "/list?channels=" + ",".join(f"c{i}" for i in range(32)),
        "/few?channels=a,b",
    ],
    ids=lambda path: path[:40],
)
def test_names_at_the_limits_are_served(nginx, open_stream, path):
    open_stream(nginx, path)


def test_eight_channels_of_type_stream_are_not_too_many_however_often_they_are_named(nginx):
    path = "/durable?channels=a,b,c,d,e,f,g,h"
    assert http_request(nginx.port, "HEAD", path).status == 200
    assert http_request(nginx.port, "HEAD", path + ",a,b").status == 200
    assert http_request(nginx.port, "HEAD", path + ",a,b,i").status == 400


def test_error_page_takes_over_a_405(nginx):
    response = http_request(nginx.port, "POST", "/redirected")
    assert response.body == b"other\n"


def test_a_request_before_the_stream_may_share_its_packet(nginx, redis):
    with HttpConnection(nginx.port) as connection:
        connection.send(
            b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\nGET /plain HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        stream = SseClient(None, "/events/c", connection=connection)
        assert connection.read_response().body == b"plain\n"
        assert connection.read_response().body == b"plain\n"
        stream.open()
        redis.publish("c", "x")
        assert stream.next_event().data == "x"


def test_bytes_after_the_request_do_not_harm_the_stream(nginx, redis, open_stream):
    stream = open_stream(nginx, "/events/c")
    stream.connection.send_request("GET", "/plain")
    for payload in ("1", "2", "3"):
        redis.publish("c", payload)
    assert [event.data for event in stream.take(3)] == ["1", "2", "3"]


def test_a_subrequest_is_refused(nginx):
    (nginx.directory / "page.html").write_text(
        'before <!--# include virtual="/events/c" --> after\n'
    )
    page = http_request(nginx.port, "GET", "/page")
    assert page.status == 200
    assert page.text.startswith("before ") and page.text.endswith(" after\n")
    assert "retry:" not in page.text
    assert http_request(nginx.port, "GET", "/authorized").status in (403, 500)
    wait_until(lambda: nginx.log_lines("sse.*subrequest"), "the log says why")

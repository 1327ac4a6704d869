"""A stream as one of nginx's requests: nested blocks, bodies, subrequests, and early leavers."""

import os
import signal

import pytest

from harness import HttpConnection, SseClient, http_request, make_certificate, processes, wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    log_format reason '$uri $sse_close_reason';
    access_log access.log reason;
    sse_broker @BROKER@;
    sse_open_timeout 1h;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    server {
        listen 127.0.0.1:@PORT@;
        listen 127.0.0.1:@PORT2@ ssl;
        location ~ ^/events/(?<channel>.+)$ { sse_subscribe $channel; }
        location = /if {
            sse_subscribe c;
            if ($arg_x) { add_header X-Y 1; }
        }
        location = /if-returns {
            sse_subscribe c;
            if ($arg_x) { return 204; }
        }
        location = /if-passes {
            sse_subscribe c;
            if ($arg_x) { proxy_pass http://127.0.0.1:@PORT3@; }
        }
        location = /get-only {
            sse_subscribe c;
            limit_except GET { deny all; }
        }
        location = /get-or-allowed {
            sse_subscribe c;
            limit_except GET { allow all; }
        }
        location = /get-or-passed {
            sse_subscribe c;
            limit_except GET { proxy_pass http://127.0.0.1:@PORT3@; }
        }
        location = /added {
            sse_subscribe c;
            add_before_body /part;
            addition_types text/event-stream;
        }
        location = /ssi { sse_subscribe c; ssi on; ssi_types text/event-stream; }
        location = /part { return 200 ": part\\n\\n"; }
        location = /word { return 200 "included"; }
        location = /file { sendfile on; alias file.txt; }
    }
    server {
        listen 127.0.0.1:@PORT3@;
        return 200 plain;
    }
}
"""


@pytest.fixture
def make_server(make_nginx):
    def make(redis):
        server = make_nginx(CONF, BROKER=redis.url)
        make_certificate(server.directory)
        return server.start()

    return make


@pytest.fixture
def nginx(redis, make_server):
    return make_server(redis)


def expect_message(redis, stream):
    redis.publish("c", "x")
    assert stream.next_event().data == "x"


@pytest.mark.parametrize("query, header", [("", None), ("?x=1", "1")])
def test_an_if_in_the_location_serves_the_stream_with_its_own_directives(
    redis, nginx, open_stream, query, header
):
    stream = open_stream(nginx, f"/if{query}")
    assert stream.head.get("X-Y") == header
    expect_message(redis, stream)


def test_an_if_may_answer_instead_of_the_stream(redis, nginx, open_stream):
    assert http_request(nginx.port, "GET", "/if-returns?x=1").status == 204
    expect_message(redis, open_stream(nginx, "/if-returns"))


def test_an_if_may_have_a_content_handler_of_its_own(redis, nginx, open_stream):
    assert http_request(nginx.port, "GET", "/if-passes?x=1").text == "plain"
    expect_message(redis, open_stream(nginx, "/if-passes"))


@pytest.mark.parametrize("path, status", [("/get-only", 403), ("/get-or-allowed", 405)])
def test_limit_except_decides_for_other_methods(redis, nginx, open_stream, path, status):
    assert http_request(nginx.port, "POST", path, body=b"x").status == status
    assert http_request(nginx.port, "HEAD", path).status == 200
    expect_message(redis, open_stream(nginx, path))


def test_limit_except_may_have_a_content_handler_of_its_own(redis, nginx, open_stream):
    assert http_request(nginx.port, "POST", "/get-or-passed", body=b"x").text == "plain"
    expect_message(redis, open_stream(nginx, "/get-or-passed"))


def test_the_subrequest_of_a_body_filter_runs_before_the_first_event(redis, nginx, open_stream):
    stream = open_stream(nginx, "/added")
    assert stream.next_block().comment == "part"
    assert stream.next_block().retry is not None
    expect_message(redis, stream)
    expect_message(redis, stream)


def test_the_subrequests_of_messages_run_in_their_order(redis, nginx, open_stream):
    stream = open_stream(nginx, "/ssi")
    include = '<!--#include virtual="/word" -->'
    for i in range(5):
        redis.publish_all("c", [f"{i} {include}", f"{i} a {include} b {include} c", f"{i} end"])
        texts = [event.data for event in stream.take(3)]
        assert texts == [f"{i} included", f"{i} a included b included c", f"{i} end"]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_messages_may_include_a_file_that_a_slow_reader_gets_piece_by_piece(
    redis, nginx, open_stream, tls
):
    content = "0123456789" * 20_000
    (nginx.directory / "file.txt").write_text(content)
    options = {"receive_buffer": 16_384, "max_segment": 1400, "tls": tls}
    stream = open_stream(nginx, "/ssi", port=nginx.port_of("PORT2" if tls else "PORT"), **options)
    include = '<!--#include virtual="/file" -->'
    for _ in range(3):
        redis.publish_all("c", [f"before {include} after", f"{include}{include}", "end"])
    for _ in range(3):
        texts = [event.data for event in stream.take(3)]
        assert texts == [f"before {content} after", content + content, "end"]


BODY_LATE = b"GET /events/c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"


def test_a_get_whose_body_comes_late_is_refused_and_told_why(nginx):
    with HttpConnection(nginx.port) as connection:
        connection.send(BODY_LATE)
        response = connection.read_response()
        assert response.status == 400
        assert response.head.get("Content-Type") == "text/plain"
        assert response.text == "an event stream takes no request body\n"
        assert response.head.get("Connection") == "close"


def test_a_get_whose_body_came_with_the_head_is_served(redis, nginx):
    with HttpConnection(nginx.port) as connection:
        connection.send(BODY_LATE + b"abc")
        expect_message(redis, SseClient(None, "/events/c", connection=connection).open())


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("more", [b"", b"GET /plain HTTP/1.1\r\n"], ids=["", "more bytes"])
@pytest.mark.parametrize("broker", ["away", "there"])
def test_a_client_that_goes_right_after_its_request_is_noticed(
    make_redis, make_server, broker, more, tls
):
    redis = make_redis(running=broker == "there")
    nginx = make_server(redis)
    (worker,) = nginx.worker_pids()
    descriptors = processes.fd_count(worker)
    port = nginx.port_of("PORT2" if tls else "PORT")
    connections = [HttpConnection(port, tls=tls) for _ in range(20)]
    # A worker that does not run finds the request and the end of the connection together.
    os.kill(worker, signal.SIGSTOP)
    wait_until(lambda: processes.state(worker) == "T", "the worker is stopped")
    for i, connection in enumerate(connections):
        connection.send(f"GET /events/c{i} HTTP/1.1\r\nHost: x\r\n\r\n".encode() + more)
        connection.close()
    os.kill(worker, signal.SIGCONT)
    wait_until(lambda: len(nginx.access_log()) == 20, "all streams end", timeout=3)
    assert {line.split()[1] for line in nginx.access_log()} == {"client"}
    # Beside what there was, at most a connection to the broker for each of two purposes.
    wait_until(lambda: processes.fd_count(worker) <= descriptors + 2, "sockets are closed")

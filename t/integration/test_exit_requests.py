"""Who asks for a stream while the worker shuts down is sent to another: promise 7."""

import socket

import pytest

from harness import Http2Connection, HttpConnection, SseClient, http_request, make_certificate

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 128; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    sse_retry 1s jitter=1s;
    sse_drain 500ms;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    server {
        listen 127.0.0.1:@PORT@;
        listen 127.0.0.1:@PORT2@ ssl;
        listen 127.0.0.1:@PORT3@ http2;
        listen 127.0.0.1:@PORT4@ ssl http2;
        add_header X-Worker $pid;
        location = /events { sse_subscribe c; }
        location = /protected { auth_request /may-read; sse_subscribe c; }
        location = /may-read { internal; proxy_pass http://127.0.0.1:@AUTHORIZER@; }
        location = /ping { return 200 pong; }
    }
}
"""


@pytest.fixture
def authorizer():
    """Takes a while: the test answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server


@pytest.fixture
def nginx(redis, make_nginx, authorizer):
    nginx = make_nginx(CONF, BROKER=redis.url, AUTHORIZER=authorizer.getsockname()[1])
    make_certificate(nginx.directory)
    return nginx.start()


def expect_sent_away(stream, head_worker, worker):
    assert head_worker == str(worker)
    (block,) = stream.read_to_end()
    assert stream.end == "clean"
    assert block.data is None and 1000 <= block.retry <= 2000


@pytest.mark.parametrize("way", ["reload", "signal_quit"])
@pytest.mark.parametrize("port, tls", [("PORT", False), ("PORT2", True)], ids=["plain", "tls"])
@pytest.mark.parametrize("earlier", [0, 2], ids=["new connection", "keepalive connection"])
def test_a_request_of_which_the_old_worker_has_the_beginning(nginx, port, tls, earlier, way):
    (worker,) = nginx.worker_pids()
    with HttpConnection(nginx.port_of(port), tls=tls) as connection:
        for _ in range(earlier):
            assert connection.request("GET", "/ping").text == "pong"
        connection.send(b"GET /events HTTP/1.1\r\nX-Second-Half: ")
        # nginx has read it when it answers who spoke later.
        assert http_request(nginx.port, "GET", "/ping").text == "pong"
        getattr(nginx, way)()
        nginx.wait_for_log(rf"{worker}#.*gracefully shutting down")
        stream = SseClient(None, "/events", connection=connection).open()
        expect_sent_away(stream, stream.head.get("X-Worker"), worker)


@pytest.mark.parametrize("port, tls", [("PORT3", False), ("PORT4", True)], ids=["h2c", "h2"])
def test_an_http_2_request_that_is_allowed_when_the_worker_shuts_down(
    nginx, authorizer, port, tls
):
    (worker,) = nginx.worker_pids()
    with Http2Connection(nginx.port_of(port), tls=tls) as connection:
        early = connection.open("/events")
        late = connection.start("/protected")
        question, _ = authorizer.accept()
        nginx.signal_quit()
        nginx.wait_for_log(rf"{worker}#.*gracefully shutting down")
        with question:
            question.sendall(b"HTTP/1.0 204 No Content\r\n\r\n")
        late.open()
        expect_sent_away(late, late.head["x-worker"], worker)
        assert early.end is None, "the others keep their time"
        early.read_to_end()
        assert early.end == "clean"
    nginx.wait_ended()


@pytest.mark.parametrize("port, tls", [("PORT3", False), ("PORT4", True)], ids=["h2c", "h2"])
def test_an_http_2_request_after_goaway_is_one_for_the_new_worker(nginx, port, tls):
    (worker,) = nginx.worker_pids()
    with Http2Connection(nginx.port_of(port), tls=tls) as connection:
        early = connection.open("/events")
        nginx.reload()
        nginx.wait_for_log(rf"{worker}#.*gracefully shutting down")
        late = connection.start("/events")
        early.read_to_end()
        assert early.end == "clean"
        # This is how a browser knows that it may ask again, on a new connection.
        assert connection.last_stream_taken == early.stream_id < late.stream_id
        assert late.head is None
    with Http2Connection(nginx.port_of(port), tls=tls) as connection:
        assert connection.open("/events").head["x-worker"] != str(worker)

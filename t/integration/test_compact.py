"""sse_compact: a stream gives its request back and lives on, with little memory."""

import re
import time

import pytest

from harness import http_request, make_certificate, wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log debug;
pid nginx.pid;
events { worker_connections 2048; }
http {
    @TEMP_PATHS@
    log_format stream '$remote_addr $uri $status $sse_channel [$sse_close_reason]';
    access_log access.log stream;
    sse_broker @BROKER@;
    sse_compact on;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    client_header_timeout 1s;
    keepalive_timeout 1s;
    send_timeout 1s;
    server {
        listen 127.0.0.1:@PORT@;
        listen 127.0.0.1:@PORT2@ ssl;
        location = /status { stub_status; access_log off; }
        location /events/ { sse_subscribe $uri; }
        location = /proxied/ {
            set_real_ip_from 127.0.0.1;
            sse_subscribe proxied;
            sse_send_timeout 1s;
        }
    }
}
"""


@pytest.fixture
def nginx(make_nginx, redis):
    nginx = make_nginx(CONF, BROKER=redis.url)
    make_certificate(nginx.directory)
    return nginx.start()


@pytest.fixture(params=["plain", "tls"])
def options(request, nginx):
    return {} if request.param == "plain" else {"port": nginx.port_of("PORT2"), "tls": True}


def status(nginx):
    """stub_status's numbers, without this request."""
    text = http_request(nginx.port, "GET", "/status").text
    active, reading, writing = (int(n) for n in re.findall(r"(?:Active connections|Reading|Writing): (\d+)", text))
    return {"active": active - 1, "reading": reading, "writing": writing - 1}


def test_the_access_log_is_written_when_the_stream_opens(nginx, redis, open_stream, options):
    stream = open_stream(nginx, "/events/a", **options)
    assert stream.head.get("Connection") == "close"
    wait_until(nginx.access_log, "the access log")
    assert nginx.access_log() == ["127.0.0.1 /events/a 200 /events/a [-]"]
    redis.publish("/events/a", "hello")
    assert stream.next_event().data == "hello"
    stream.close()
    wait_until(lambda: status(nginx)["active"] == 0, "the connection is closed")
    assert len(nginx.access_log()) == 1


def test_no_timer_of_nginx_ends_it(nginx, redis, open_stream, options):
    stream = open_stream(nginx, "/events/a", **options)
    deadline = time.monotonic() + 2.5  # beyond each of the configuration's timeouts
    while time.monotonic() < deadline:
        redis.publish("/events/a", "tick")
        assert stream.next_event().data == "tick"
        time.sleep(0.1)


def test_stub_status_counts_its_connection_once_and_no_request(nginx, open_stream, options):
    streams = [open_stream(nginx, f"/events/{n}", **options) for n in range(20)]
    wait_until(lambda: status(nginx)["writing"] == 0, "the requests are given back")
    assert status(nginx)["active"] == 20 and status(nginx)["reading"] == 0
    for stream in streams:
        stream.close()
    wait_until(lambda: status(nginx)["active"] == 0, "all are closed")

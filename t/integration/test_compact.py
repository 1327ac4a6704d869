"""sse_compact: a stream gives its request back and lives on, with little memory."""

import re
import socket
import time

import pytest

from harness import (
    Http2Connection,
    HttpConnection,
    SseClient,
    http_request,
    make_certificate,
    processes,
    wait_until,
)

CONF = """
load_module @MODULE@;
worker_processes 1;
worker_shutdown_timeout 5s;
error_log error.log debug;
pid nginx.pid;
events { worker_connections 2048; }
http {
    @TEMP_PATHS@
    log_format stream '$remote_addr $uri $status $sse_channel [$sse_close_reason]';
    access_log access.log stream;
    sse_broker @BROKER@;
    sse_compact on;
    sse_drain 1s;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    client_header_timeout 1s;
    keepalive_timeout 1s;
    send_timeout 1s;
    set_real_ip_from 127.0.0.1;
    server {
        listen 127.0.0.1:@PORT@ sndbuf=16k;
        listen 127.0.0.1:@PORT2@ ssl sndbuf=16k;
        listen 127.0.0.1:@PORT3@ http2;
        location = /status { stub_status; access_log off; }
        location /events/ { sse_subscribe $uri; }
        location /short/ { sse_subscribe $uri; sse_max_lifetime 700ms; }
        location /slow/ { sse_subscribe $uri; sse_send_timeout 1s; sse_buffer_size 100k; }
        location /kept/ { sse_subscribe $uri; sse_direct off; sse_max_lifetime 500ms; }
        location /mirrored/ { mirror /mirror; sse_subscribe $uri; }
        location = /mirror { internal; proxy_pass http://127.0.0.1:@SINK@; }
    }
}
"""


RESET = {False: "reset", True: "cut"}  # over TLS, Python shows a reset as an end


@pytest.fixture
def silent_server():
    """Accepts connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def nginx(make_nginx, redis, silent_server):
    nginx = make_nginx(CONF, BROKER=redis.url, SINK=str(silent_server.getsockname()[1]))
    make_certificate(nginx.directory)
    return nginx.start()


@pytest.fixture(params=["plain", "tls"])
def options(request, nginx):
    return {} if request.param == "plain" else {"port": nginx.port_of("PORT2"), "tls": True}


def expect_no_streams(nginx):
    """Neither open connections nor requests."""
    wait_until(lambda: set(status(nginx).values()) == {0}, "all are gone")


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


def test_a_request_that_something_else_needs_is_kept(nginx, redis, open_stream, options):
    stream = open_stream(nginx, "/mirrored/a", **options)
    redis.publish("/mirrored/a", "hello")
    assert stream.next_event().data == "hello"
    assert nginx.access_log() == [] and status(nginx)["writing"] == 1
    stream.close()
    wait_until(lambda: nginx.access_log() == ["127.0.0.1 /mirrored/a 200 /mirrored/a [client]"], "the end")


def test_a_stream_that_goes_through_the_filters_keeps_its_connection(nginx, open_stream, options):
    stream = open_stream(nginx, "/kept/a", **options)
    assert stream.head.get("Connection") == "keep-alive"
    stream.read_to_end()
    assert stream.end == "clean"
    assert stream.connection.request("GET", "/status").status == 200
    assert nginx.access_log() == ["127.0.0.1 /kept/a 200 /kept/a [lifetime]"]


def test_an_http_2_stream_is_kept(nginx, redis):
    with Http2Connection(nginx.port_of("PORT3")) as connection:
        stream = connection.open("/events/a")
        redis.publish("/events/a", "hello")
        assert stream.next_event().data == "hello"
        assert nginx.access_log() == []
    wait_until(lambda: nginx.access_log() == ["127.0.0.1 /events/a 200 /events/a [client]"], "the end")


@pytest.mark.parametrize("go", ["close", "shutdown", "reset"])
def test_a_client_that_goes_at_once_leaves_nothing_behind(nginx, redis, options, go):
    port = options.get("port", nginx.port)
    for number in range(100):
        client = SseClient(port, f"/events/{number}", tls=options.get("tls", False))
        if number % 3:
            client.open()
        if go == "reset":
            client.reset()
        elif go == "shutdown" and not client.connection.is_secure:
            client.connection.socket.shutdown(socket.SHUT_WR)
            assert client.connection.socket.recv(10_000) or True
        client.close()
    expect_no_streams(nginx)
    if go == "close" and not options:
        wait_until(lambda: redis.subscribers("/events/99") == 0, "it is unsubscribed", timeout=15)


def test_a_goodbye_that_came_before_the_hand_over_is_heard(nginx):
    """It is announced once: to the request, which does not look into what TLS carries."""
    clients = [HttpConnection(nginx.port_of("PORT2"), tls=True) for _ in range(20)]
    for number, client in enumerate(clients):
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        client.send_request("GET", f"/events/{number}")
        client.say_goodbye()
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)  # both in one packet
    wait_until(lambda: len(nginx.access_log()) == 20, "the streams are opened")
    expect_no_streams(nginx)
    for client in clients:
        client.close()


def test_what_a_client_sends_later_is_thrown_away(nginx, redis, open_stream, options):
    other = open_stream(nginx, "/events/a")
    stream = open_stream(nginx, "/events/a", **options)
    junk = b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n" * 3000
    for number in range(50):
        stream.connection.send(junk)
        redis.publish("/events/a", str(number))
        assert stream.next_event().data == other.next_event().data == str(number)
    assert len(nginx.access_log()) == 2


def test_a_lifetime_goes_on_and_ends_it_cleanly(nginx, redis, send_request, options):
    for version in ("1.1", "1.0"):
        begin = time.monotonic()
        stream = send_request(nginx, "/short/a", version=version, **options).open()
        redis.publish("/short/a", "hello")
        pause, event, farewell = stream.read_to_end()
        assert 0.7 <= time.monotonic() - begin < 2
        assert event.data == "hello" and farewell.retry and pause.retry
        assert stream.end == "clean"
    expect_no_streams(nginx)


def test_a_reload_ends_it_cleanly(nginx, redis, open_stream, options):
    streams = [open_stream(nginx, "/events/a", **options) for _ in range(20)]
    nginx.reload()
    for stream in streams:
        assert stream.read_to_end()[-1].retry
        assert stream.end == "clean"
    expect_no_streams(nginx)


def test_a_shutdown_timeout_cuts_who_is_stuck(nginx, redis, open_stream, options):
    """Of the worker; the drain would come to it later."""
    nginx.write_conf(CONF.replace("sse_drain 1s", "sse_drain 60s"))
    stream = open_stream(nginx, "/events/a", receive_buffer=4096, max_segment=536, **options)
    redis.publish("/events/a", "x" * 900_000)
    nginx.reload()
    begin = time.monotonic()
    expect_no_streams(nginx)
    assert time.monotonic() - begin < 8
    stream.read_to_end()
    assert stream.end == RESET[stream.connection.is_secure]


@pytest.mark.parametrize("way", ["buffer", "time"])
def test_a_slow_reader_is_cut_and_the_log_names_it(nginx, redis, open_stream, options, way):
    head = [("Accept", "text/event-stream"), ("X-Real-IP", "192.0.2.7")]
    reader = open_stream(nginx, "/slow/a", headers=head, receive_buffer=4096, max_segment=536, **options)
    quick = open_stream(nginx, "/slow/a")
    payload = "x" * 50_000
    for _ in range(20 if way == "buffer" else 2):
        redis.publish("/slow/a", payload)
        assert quick.next_event().data == payload
    limit = "sse_buffer_size" if way == "buffer" else "sse_send_timeout"
    (line,) = nginx.wait_for_log(f'slow subscriber closed by "{limit}"')
    assert 'channels "/slow/a", client: 192.0.2.7' in line
    wait_until(lambda: status(nginx)["active"] == 1, "its connection is closed")
    reader.read_to_end()
    assert reader.end == RESET[reader.connection.is_secure]
    redis.publish("/slow/a", "after")
    assert quick.next_event().data == "after"


def test_a_large_event_arrives_whole_through_a_small_socket(nginx, redis, open_stream, options):
    stream = open_stream(nginx, "/events/a", receive_buffer=4096, max_segment=536, **options)
    payload = "".join(chr(ord("a") + n % 26) for n in range(1_000_000))
    redis.publish("/events/a", payload)
    redis.publish("/events/a", "after")
    assert stream.next_event().data == payload
    assert stream.next_event().data == "after"


def test_keepalives_and_a_reset_reach_it(nginx, redis, open_stream, options):
    nginx.write_conf(CONF.replace("sse_drain 1s;", "sse_drain 1s; sse_keepalive 300ms;"))
    nginx.reload()
    stream = open_stream(nginx, "/events/a", **options)
    assert stream.next_block().retry
    assert stream.next_block().comment == "keepalive"
    redis.stop()
    redis.start()
    assert stream.next_event(timeout=20).name == "reset"


@pytest.mark.parametrize("kind", ["plain", "tls"])
def test_it_costs_less_than_a_kibibyte(make_nginx, redis, nginx_environment, kind):
    """Over TLS, beyond an idle keepalive connection. Also after messages."""
    if "LD_PRELOAD" in nginx_environment:
        return  # a sanitizer's memory is not nginx's
    nginx = make_nginx(MEMORY_CONF, BROKER=redis.url)
    make_certificate(nginx.directory)
    nginx.start()
    (worker,) = nginx.worker_pids()
    port = nginx.port_of("PORT2") if kind == "tls" else nginx.port
    opened = []

    def cost_of(paths):
        before = processes.anonymous_bytes(worker)
        for path in paths:
            client = HttpConnection(port, tls=kind == "tls")
            client.send_request("GET", path, headers=[("Cookie", "x" * 800)])
            client.read_head()
            opened.append(client)
        return (processes.anonymous_bytes(worker) - before) / len(paths)

    cost_of(["/idle"] * 400 + ["/events"] * 400)  # what all share
    idle = cost_of(["/idle"] * 500) if kind == "tls" else 0
    before = processes.anonymous_bytes(worker)
    assert cost_of(["/events"] * 500) - idle <= 1024
    redis.publish_all("news", ["x" * 100] * 200)
    wait_until(lambda: all(client.has_bytes() for client in opened[-500:]), "they are delivered")
    limit = before + 500 * (idle + 1024)
    wait_until(lambda: processes.anonymous_bytes(worker) <= limit, "it takes no more than before")
    for client in opened:
        client.close()


MEMORY_CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log notice;
pid nginx.pid;
events { worker_connections 4096; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    sse_compact on;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    keepalive_timeout 10m;
    server {
        listen 127.0.0.1:@PORT@;
        listen 127.0.0.1:@PORT2@ ssl;
        location = /events { sse_subscribe news; }
        location = /idle { return 200; }
    }
}
"""

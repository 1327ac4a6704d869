"""sse_compact on every kind of socket, and with nginx's other way to accept connections."""

import socket
import time

import pytest

from harness import http_request, make_certificate, processes, wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 64; @EVENTS@ }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    sse_compact on;
    sse_drain 300ms;
    sse_max_message 2m;
    sse_buffer_size 16m;
    lingering_close always;
    reset_timedout_connection on;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    set_real_ip_from 127.0.0.1;
    real_ip_header proxy_protocol;
    server {
        listen 127.0.0.1:@PORT@ sndbuf=16k;
        listen 127.0.0.1:@PORT2@ ssl sndbuf=16k;
        listen 127.0.0.1:@PORT3@ proxy_protocol;
        listen 127.0.0.1:@PORT4@;
        listen [::1]:@PORT4@;
        listen unix:@DIR@/http.sock;
        location = /status { stub_status; }
        location = /events { sse_subscribe news; }
    }
}
"""

EVENTS = {"": "", "accept_mutex": "accept_mutex on; multi_accept on;"}


@pytest.fixture(params=EVENTS.values(), ids=EVENTS)
def nginx(request, make_nginx, redis):
    nginx = make_nginx(CONF, BROKER=redis.url, EVENTS=request.param)
    make_certificate(nginx.directory)
    return nginx.start()


@pytest.fixture(params=["plain", "tls"])
def options(request, nginx):
    return {} if request.param == "plain" else {"port": nginx.port_of("PORT2"), "tls": True}


def connections(nginx):
    """Of nginx, without the one that asks."""
    return int(http_request(nginx.port, "GET", "/status").text.split()[2]) - 1


def expect_idle(nginx):
    """The worker has nothing to do, for as long as it takes to see that."""
    (worker,) = nginx.worker_pids()

    def is_idle():
        before = processes.cpu_seconds(worker)
        time.sleep(0.3)
        return processes.cpu_seconds(worker) - before <= 0.05

    wait_until(is_idle, "the worker rests")


def test_what_a_client_sends_and_that_it_goes_is_noticed_once(nginx, redis, open_stream, options):
    streams = [open_stream(nginx, "/events", **options) for _ in range(4)]
    for stream in streams[:3]:
        stream.connection.send(b"GET / HTTP/1.1\r\n\r\n" * 20_000)
    expect_idle(nginx)
    socket.socket.shutdown(streams[0].connection.socket, socket.SHUT_WR)
    streams[1].reset()
    streams[2].close()
    wait_until(lambda: connections(nginx) == 1, "three are closed")
    expect_idle(nginx)
    redis.publish("news", "hello")
    assert streams[3].next_event().data == "hello"


def test_who_reads_late_gets_every_byte_and_the_worker_rests_meanwhile(
    nginx, redis, open_stream, options
):
    late = open_stream(nginx, "/events", receive_buffer=4096, max_segment=1400, **options)
    quick = open_stream(nginx, "/events", **options)
    payloads = [letter * 700_000 for letter in "abc"]
    for payload in payloads:
        redis.publish("news", payload)
        assert quick.next_event().data == payload
    expect_idle(nginx)
    for payload in payloads:
        assert late.next_event().data == payload


def test_each_stream_gives_its_connection_back_however_it_ends(nginx, open_stream, options):
    for number in range(150):  # more than nginx has connections
        stream = open_stream(nginx, "/events", **options)
        if number % 2:
            stream.reset()
        else:
            stream.close()
    wait_until(lambda: connections(nginx) == 0, "all are closed")
    streams = [open_stream(nginx, "/events", **options) for _ in range(40)]
    assert [stream.next_block().retry is not None for stream in streams] == [True] * 40
    assert connections(nginx) == 40


class UnixSocket(socket.socket):
    """For a client that takes it for a TCP socket."""

    def connect(self, address):
        super().connect(address[0])

    def setsockopt(self, level, *rest):
        if level != socket.IPPROTO_TCP:
            super().setsockopt(level, *rest)


class UnixNetwork:
    def __init__(self, path):
        self.address = str(path)

    @staticmethod
    def make_socket():
        return UnixSocket(socket.AF_UNIX)


class SixthVersion:
    address = "::1"

    @staticmethod
    def make_socket():
        return socket.socket(socket.AF_INET6)


@pytest.fixture(params=["unix", "IPv6", "proxy_protocol"])
def kind(request, nginx):
    """The options of a client, and its address as nginx knows it."""
    return {
        "unix": ({"network": UnixNetwork(nginx.directory / "http.sock")}, "unix:"),
        "IPv6": ({"network": SixthVersion, "port": nginx.port_of("PORT4")}, "::1"),
        "proxy_protocol": (
            {
                "port": nginx.port_of("PORT3"),
                "preface": b"PROXY TCP4 192.0.2.7 192.0.2.8 1000 80\r\n",
            },
            "192.0.2.7",
        ),
    }[request.param]


def test_it_is_a_stream_as_any_other_on_every_socket(nginx, redis, open_stream, kind):
    options, address = kind
    streams = [open_stream(nginx, "/events", **options) for _ in range(5)]
    for payload in ("x" * 700_000, "hello"):
        redis.publish("news", payload)
        for stream in streams:
            assert stream.next_event().data == payload
    streams[0].close()
    streams[1].connection.socket.shutdown(socket.SHUT_WR)
    nginx.wait_for_log(f"client {address} closed its event stream", count=2)
    wait_until(lambda: connections(nginx) == 3, "two are closed")
    nginx.reload()
    for stream in streams[2:]:
        assert stream.read_to_end()[-1].retry
        assert stream.end == "clean"
    assert not nginx.log_lines(r"\[(crit|error)\]")

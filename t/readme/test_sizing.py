"""The README's table of what a stream costs, measured anew."""

import re

import pytest

from harness import Http2Connection, SseClient, make_certificate, processes

from . import markdown

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 2048; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    @LINES@
    server {
        listen 127.0.0.1:@PORT@;
        listen 127.0.0.1:@PORT2@ ssl http2;
        location = / { sse_subscribe news; }
    }
}
"""

# What Chromium sends with an EventSource's request.
BROWSER_HEADERS = [
    ("Host", "events.example.com"),
    ("Connection", "keep-alive"),
    ("sec-ch-ua", '"Not_A Brand";v="8", "Chromium";v="120", "Google Chrome";v="120"'),
    ("sec-ch-ua-platform", '"Linux"'),
    ("sec-ch-ua-mobile", "?0"),
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/120.0 Safari/537.36",
    ),
    ("Accept", "text/event-stream"),
    ("Cache-Control", "no-cache"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Mode", "cors"),
    ("Sec-Fetch-Dest", "empty"),
    ("Referer", "https://events.example.com/dashboard"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Accept-Language", "en-GB,en;q=0.9,de;q=0.8"),
]

COUNT = 300  # streams, after as many again that warm up what all share


def http1_streams(port, count, tls=False, cookie_bytes=150):
    headers = [*BROWSER_HEADERS, ("Cookie", "x" * cookie_bytes)]
    return [SseClient(port, "/", headers=headers, tls=tls).open() for _ in range(count)]


def http2_streams(port, count, per_connection=1):
    connections = [Http2Connection(port, tls=True) for _ in range(count // per_connection)]
    for connection in connections:
        for _ in range(per_connection):
            connection.open("/")
    return connections


# How the streams of each row of the table are opened.
ROWS = {
    "HTTP/1.1": ("PORT", http1_streams, {}),
    "HTTP/1.1 with long cookies, 1.5 KiB of request head": (
        "PORT",
        http1_streams,
        {"cookie_bytes": 850},
    ),
    "HTTP/1.1 over TLS": ("PORT2", http1_streams, {"tls": True}),
    "HTTP/2 over TLS": ("PORT2", http2_streams, {}),
    "HTTP/2 over TLS, one of five on a connection": ("PORT2", http2_streams, {"per_connection": 5}),
}


def lines_below():
    (block,) = markdown.section("Sizing").blocks("nginx")
    return "".join(
        re.findall(
            r"^ {4}(?:\w+_pool|client_header_buffer)_size \w+;", block.text, re.MULTILINE
        )
    )


COLUMNS = ["by default", "with the lines below", "and `sse_compact on`"]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("row", ROWS)
def test_a_stream_costs_what_the_table_says(make_nginx, redis, nginx_environment, row, column):
    if "LD_PRELOAD" in nginx_environment:
        return  # a sanitizer's memory is not nginx's
    lines = "" if column == "by default" else lines_below()
    if "compact" in column:
        lines += "sse_compact on;"
    nginx = make_nginx(CONF, BROKER=redis.url, LINES=lines)
    make_certificate(nginx.directory)
    nginx.start()
    (worker,) = nginx.worker_pids()
    placeholder, open_streams, options = ROWS[row]
    opened = open_streams(nginx.port_of(placeholder), COUNT, **options)
    before = processes.anonymous_bytes(worker)
    opened += open_streams(nginx.port_of(placeholder), COUNT, **options)
    measured = (processes.anonymous_bytes(worker) - before) / COUNT / 1024
    for client in opened:
        client.close()
    costs = {
        name: dict(zip(COLUMNS, cells, strict=True)) for name, *cells in table()
    }
    said = float(costs[row][column].removesuffix(" KiB"))
    assert measured == pytest.approx(said, rel=0.1, abs=0.15)


def table():
    return markdown.section("Sizing").table("stream")


def test_every_row_of_the_table_is_measured():
    assert [name for name, *_ in table()] == list(ROWS)

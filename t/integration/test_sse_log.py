"""sse_log writes a line of JSON when a stream ends, whatever ended it: what stands in it."""

import json
import re
import time
from datetime import datetime

import pytest

from harness import HttpConnection, Http2Connection, http_request, make_certificate, wait_until
from harness.waiting import Deadline

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    log_format access escape=json '{"client":"$remote_addr","connection":$connection,'
        '"events":$sse_events_sent,"bytes":$bytes_sent,"reason":"$sse_close_reason",'
        '"start_id":"$sse_start_id","last_id":"$sse_last_id"}';
    access_log access.log access;
    sse_broker @BROKER@;
    sse_payload json;
    sse_drain 300ms;
    sse_log streams.log;
    server {
        listen 127.0.0.1:@PORT@ sndbuf=16k;
        listen 127.0.0.1:@PORT2@ http2;
        listen 127.0.0.1:@PORT3@ ssl http2;
        ssl_certificate certificate.pem;
        ssl_certificate_key key.pem;
        server_name events.example;
        set_real_ip_from 127.0.0.0/8;
        real_ip_header X-Forwarded-For;
        location /events { sse_subscribe news pattern:live.*; }
        location /held { sse_subscribe news pattern:live.*; sse_compact off; }
        location /compact { sse_subscribe news pattern:live.*; sse_compact on; }
        location /filtered { sse_subscribe news pattern:live.*; sse_direct off; }
        location /of { sse_subscribe $arg_c; }
        location /list { sse_subscribe_list $arg_c; }
        location /short { sse_subscribe news; sse_max_lifetime 300ms; sse_compact off; }
        location /short-compact { sse_subscribe news; sse_max_lifetime 300ms; sse_compact on; }
        location /slow { sse_subscribe news; sse_buffer_size 64k; sse_max_message 32k; }
        location /one { sse_subscribe news; sse_max_subscribers 1; sse_compact off; }
        location /waits { sse_subscribe unknown; sse_open_timeout 30s; }
        location /quiet { sse_subscribe news; sse_log off; }
    }
    server {
        listen 127.0.0.1:@PORT4@;
        sse_log others.log;
        location / {
            sse_subscribe news;
            if ($arg_if) { add_header X-If yes; }
        }
        location /third { sse_subscribe news; sse_log third.log; }
    }
}
"""


@pytest.fixture
def nginx(redis, make_nginx):
    nginx = make_nginx(CONF, BROKER=redis.url)
    make_certificate(nginx.directory)
    return nginx.start()


def written(nginx, name="streams.log"):
    """The whole lines of the file: each is JSON."""
    path = nginx.directory / name
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


def ended(nginx, count=1, name="streams.log"):
    """What is said of the first `count` streams that have ended."""
    wait_until(lambda: len(written(nginx, name)) >= count, f"{count} lines in {name}")
    lines = written(nginx, name)
    assert len(lines) == count, lines
    return [json.loads(line.decode("utf-8", "strict")) for line in lines]


@pytest.mark.parametrize("transport", ["/held", "/filtered", "http2", "tls", "tls-http2"])
def test_the_line_says_what_the_access_log_says(redis, nginx, open_stream, transport):
    headers = [("Last-Event-ID", "5-0")]
    begin = time.time()
    if transport.endswith("http2"):
        port = nginx.port_of("PORT3" if transport.startswith("tls") else "PORT2")
        connection = Http2Connection(port, tls=transport.startswith("tls"))
        stream = connection.open("/held?last_event_id=5-0")
    elif transport == "tls":
        port = nginx.port_of("PORT3")
        stream = open_stream(nginx, "/held", port=port, tls=True, headers=headers)
        connection = stream
    else:
        stream = open_stream(nginx, transport, headers=headers)
        connection = stream
    redis.publish_all("news", ['{"id":"7-0","data":"x"}', '{"data":"y"}'])
    redis.publish("live.sport", '{"data":"z"}')
    stream.take(3)
    connection.close()
    (line,) = ended(nginx)
    (access,) = map(json.loads, wait_until(nginx.access_log, "the access log"))
    assert access == {name: line[name] for name in access}
    assert (access["events"], access["start_id"], access["last_id"]) == (3, "5-0", "7-0")
    assert access["bytes"] > 100
    assert line["channels"] == ["news", "pattern:live.*"]
    assert line["server"] == "events.example"
    assert line["location"] == ("/filtered" if transport == "/filtered" else "/held")
    assert line["reason"] == "client"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert begin - 1 < datetime.fromisoformat(line["time"]).timestamp() < time.time() + 1


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_stream_without_its_request_has_the_same_line(redis, nginx, open_stream, tls):
    headers = [("Last-Event-ID", "5-0"), ("X-Forwarded-For", "2001:db8::1:2:3")]
    port = nginx.port_of("PORT3") if tls else nginx.port
    stream = open_stream(nginx, "/compact", port=port, tls=tls, headers=headers)
    (access,) = map(json.loads, wait_until(nginx.access_log, "the request is over"))
    redis.publish_all("news", ['{"id":"7-0","data":"x"}', '{"data":"y"}'])
    stream.take(2)
    assert written(nginx) == []
    stream.close()
    (line,) = ended(nginx)
    assert datetime.fromisoformat(line.pop("time")).timestamp() < time.time() + 1
    assert 0 <= line.pop("duration") < 30
    assert line.pop("bytes") > access["bytes"]
    assert line == {
        "client": "2001:db8::1:2:3",
        "server": "events.example",
        "location": "/compact",
        "connection": access["connection"],
        "channels": ["news", "pattern:live.*"],
        "events": 2,
        "reason": "client",
        "start_id": "5-0",
        "last_id": "7-0",
    }


@pytest.mark.parametrize("path", ["/short", "/short-compact"])
def test_the_bytes_are_what_the_client_got(redis, nginx, path):
    with HttpConnection(nginx.port) as connection:
        connection.send_request("GET", path, headers=[("Connection", "close")])
        received = 0
        while data := connection.receive(Deadline(10, "the whole response")):
            received += len(data)
    (line,) = ended(nginx)
    assert (line["bytes"], line["reason"]) == (received, "lifetime")


def test_the_duration_is_that_of_the_stream(redis, nginx, open_stream):
    opened = time.monotonic()
    stream = open_stream(nginx, "/short")
    stream.read_to_end()
    lasted = time.monotonic() - opened
    (line,) = ended(nginx)
    assert 0.3 <= line["duration"] <= lasted + 0.02
    assert line["reason"] == "lifetime"
    assert "start_id" not in line and "last_id" not in line


def test_all_bytes_of_a_response_that_ends_cleanly_count(redis, nginx, open_stream):
    open_stream(nginx, "/short").read_to_end()
    with Http2Connection(nginx.port_of("PORT2")) as connection:
        connection.open("/short").read_to_end()
    lines = ended(nginx, 2)
    wait_until(lambda: len(nginx.access_log()) == 2, "the access log")
    access = [json.loads(line) for line in nginx.access_log()]
    assert [line["bytes"] for line in lines] == [line["bytes"] for line in access]


def test_the_bytes_are_those_of_this_response_alone_on_a_kept_connection(
    redis, nginx, send_request
):
    first = send_request(nginx, "/short").open()
    first.read_to_end()
    send_request(nginx, "/short", connection=first.connection).open().read_to_end()
    one, two = ended(nginx, 2)
    assert abs(one["bytes"] - two["bytes"]) <= 4  # the digits of retry:
    assert one["connection"] == two["connection"]


def test_a_slow_reader_and_a_drain_have_their_reasons(redis, nginx, open_stream):
    slow = open_stream(nginx, "/slow", receive_buffer=4096, max_segment=536)
    redis.publish_all("news", ["x" * 30_000] * 100)
    (line,) = ended(nginx)
    assert (line["reason"], line["location"]) == ("slow", "/slow")
    slow.close()
    streams = [open_stream(nginx, "/events") for _ in range(3)]
    with Http2Connection(nginx.port_of("PORT2")) as connection:
        over_http2 = connection.open("/events")
        nginx.signal_quit()
        over_http2.read_to_end()
        for stream in streams:
            stream.read_to_end()
    nginx.wait_ended()
    assert [line["reason"] for line in ended(nginx, 5)[1:]] == ["drain"] * 4


def test_each_stream_of_an_http2_connection_has_its_line(redis, nginx):
    with Http2Connection(nginx.port_of("PORT2")) as connection:
        one, two = connection.open("/of?c=one"), connection.open("/of?c=two")
        connection.reset(one)
        (line,) = ended(nginx)
        assert (line["channels"], line["reason"]) == (["one"], "client")
        redis.publish("two", "hello")
        two.next_event()
    line = ended(nginx, 2)[1]
    assert (line["channels"], line["events"]) == (["two"], 1)


def test_what_never_was_a_stream_has_no_line(redis, nginx, open_stream, send_request):
    stream = open_stream(nginx, "/one")
    send_request(nginx, "/one").open().read_to_end()  # sent away: a limit
    assert http_request(nginx.port, "HEAD", "/events").status == 200
    assert http_request(nginx.port, "GET", "/of?c=").status == 400
    assert http_request(nginx.port, "POST", "/events").status == 405
    redis.pause()
    with_redis_away = send_request(nginx, "/waits")
    wait_until(lambda: len(nginx.access_log()) == 4, "they are over")
    with_redis_away.close()
    wait_until(lambda: len(nginx.access_log()) == 5, "who waited is gone")
    redis.resume()
    stream.close()
    (line,) = ended(nginx)
    assert line["location"] == "/one"


def test_the_nearest_directive_counts(redis, nginx, open_stream):
    port = nginx.port_of("PORT4")
    open_stream(nginx, "/quiet").close()
    open_stream(nginx, "/", port=port).close()
    (line,) = ended(nginx, name="others.log")
    assert (line["server"], line["location"]) == ("", "/")
    open_stream(nginx, "/?if=1", port=port).close()
    line = ended(nginx, 2, name="others.log")[1]
    assert (line["server"], line["location"]) == ("", "/")
    open_stream(nginx, "/third", port=port).close()
    ended(nginx, name="third.log")
    open_stream(nginx, "/events").close()
    (line,) = ended(nginx)
    assert line["location"] == "/events"


HOSTILE = [
    '"},{"x":"',
    "\\",
    "\\u0000\\",
    "a,b",
    '{"a":1}',
    "\u2028\u2029",
    "<script>",
    b"\xff\xfe".decode("latin-1"),
    "\U0001f600",
    "x" * 256,
]


def test_a_hostile_channel_name_or_id_makes_no_wrong_line(redis, nginx, open_stream):
    raw = [name.encode("latin-1" if "\xff" in name else "utf-8") for name in HOSTILE]
    nginx.write_conf(
        CONF.replace("$arg_c; }\n        location /list", "$http_c; }\n        location /list")
    )
    nginx.reload()
    for name in raw:
        headers = [("C", name.decode("latin-1")), ("Last-Event-ID", name.decode("latin-1"))]
        open_stream(nginx, "/of", headers=headers).close()
    lines = ended(nginx, len(raw))
    for name, line in zip(raw, sorted(lines, key=lambda line: line["connection"])):
        text = name.decode("utf-8", "replace")
        assert line["channels"] == [text]
        assert line["start_id"] == text[:255]


def test_an_endless_last_event_id_is_cut(redis, nginx, open_stream):
    open_stream(nginx, "/events", headers=[("Last-Event-ID", "7" * 3000)]).close()
    (line,) = ended(nginx)
    assert line["start_id"] == "7" * 255


def test_the_longest_line_is_whole(redis, nginx, open_stream):
    names = [f"{i:02}" + '"' * 100 for i in range(32)]
    open_stream(nginx, "/list?c=" + ",".join(names)).close()
    (line,) = ended(nginx)
    assert line["channels"] == names


def test_the_client_is_who_realip_says(redis, nginx, open_stream):
    addresses = ["192.0.2.7", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"]
    no_addresses = ['"},{"x":"\\', "\xff"]
    for sent in addresses + no_addresses:
        open_stream(nginx, "/events", headers=[("X-Forwarded-For", sent)]).close()
    lines = sorted(ended(nginx, 4), key=lambda line: line["connection"])
    assert [line["client"] for line in lines] == addresses + ["127.0.0.1"] * 2

"""Requests that nobody in good faith sends: each costs who sends it, and nobody else."""

import random
import struct

import pytest

from harness import Bystander, HttpConnection, SseClient, http_request, processes, wait_until
from harness.http_wire import request_head

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 512; }
http {
    @TEMP_PATHS@
    log_format request '$request_method $request_uri $status channels "$sse_channel"';
    access_log access.log request;
    large_client_header_buffers 4 64k;
    sse_broker @BROKER@;
    sse_max_worker_channels off;
    server {
        listen 127.0.0.1:@PORT@;
        location = /bystander { sse_subscribe bystander; access_log off; sse_log off; }
        location = /static { alias nginx.conf; access_log off; }
        location ~ ^/channel/(?<channel>(?s:.*))$ { sse_subscribe $channel; }
        location ~ ^/pattern/(?<part>(?s:.*))$ { sse_subscribe pattern:news.$part; }
        location = /list { sse_subscribe_list $arg_c; }
        location = /any { sse_subscribe_list $arg_c; sse_max_channels off; }
        location = /news { sse_subscribe news; }
        location = /short { sse_subscribe news; sse_max_lifetime 300ms; }
        location = /marker { return 200 marker; }
    }
}
"""


@pytest.fixture
def nginx(redis, make_nginx):
    return make_nginx(CONF, BROKER=redis.url).keep_no_freed_memory().start()


def test_thousands_of_channels_in_one_request_are_refused_quickly(redis, nginx):
    (worker,) = nginx.worker_pids()
    path = "/list?c=" + ",".join(f"channel{i:05d}" for i in range(4000))
    with Bystander(nginx, redis) as bystander:
        memory = processes.resident_bytes(worker)
        used = processes.cpu_seconds(worker)
        for _ in range(200):
            response = http_request(nginx.port, "GET", path)
            assert response.status == 400 and "at most 32 are allowed" in response.text
        bystander.expect_undisturbed()
        assert processes.cpu_seconds(worker) - used < 1.5
        assert processes.resident_bytes(worker) - memory < 4 << 20
    assert redis.command("PUBSUB", "CHANNELS", "channel*") == []


MASK = (1 << 64) - 1
MULTIPLIER = (0xC6A4A793 << 32) + 0x5BD1E995
INVERSE = pow(MULTIPLIER, -1, 1 << 64)
PLAIN = frozenset(range(0x21, 0x100)) - frozenset(b"#%&+,?\x7f")


def colliding_names(count):
    """Names of 16 bytes for which libstdc++'s std::hash of a string is the same number.

    It is MurmurHash64A: from any first half, a second half leads to a chosen state.
    """
    source = random.Random(1)
    seed = 0xC70F6907 ^ (16 * MULTIPLIER & MASK)
    names = []
    while len(names) < count:
        first = bytes(source.choices(tuple(PLAIN), k=8))
        mixed = struct.unpack("<Q", first)[0] * MULTIPLIER & MASK
        state = (seed ^ ((mixed ^ (mixed >> 47)) * MULTIPLIER & MASK)) * MULTIPLIER & MASK
        mixed = state * INVERSE & MASK
        second = struct.pack("<Q", (mixed ^ (mixed >> 47)) * INVERSE & MASK)
        if PLAIN.issuperset(second):
            names.append((first + second).decode("latin-1"))
    return names


def test_names_that_collide_in_a_common_hash_cost_what_others_cost(redis, nginx, send_request):
    (worker,) = nginx.worker_pids()
    count, per_request = 16_000, 400
    source = random.Random(2)
    ordinary = ["".join(source.choices("0123456789abcdef", k=16)) for _ in range(count)]

    def cost_of(names):
        used = processes.cpu_seconds(worker)
        for i in range(0, count, per_request):
            send_request(nginx, "/any?c=" + ",".join(names[i : i + per_request])).open()
        return processes.cpu_seconds(worker) - used

    expected = cost_of(ordinary)
    with Bystander(nginx, redis) as bystander:
        cost = cost_of(colliding_names(count))
        bystander.expect_undisturbed()
    print(f"CPU of the worker: {expected:.2f} s, colliding {cost:.2f} s")
    assert cost < 2 * expected + 0.3


FORGED = "2026/01/01 00:00:00 [crit] 1#1: forged"


@pytest.mark.parametrize(
    "name",
    [f"a%0a{FORGED}", f"a%0d%0a{FORGED}", f"a%0d{FORGED}", f"a%00{FORGED}", f"%1b[2J{FORGED}"]
    + [f"a%7f{FORGED}", "x" * 257, ""],
    ids=["LF", "CRLF", "CR", "NUL", "ESC", "DEL", "257 bytes", "empty"],
)
def test_no_name_forges_a_line_of_a_log(redis, nginx, name):
    path = "/channel/" + name.replace(" ", "%20")
    assert http_request(nginx.port, "GET", path).status == 400
    wait_until(lambda: len(nginx.access_log()) == 1, "the access log")
    assert nginx.access_log()[0].startswith("GET ")
    for line in nginx.error_log().splitlines():
        assert not line.startswith(FORGED[:10]) and all(c.isprintable() for c in line), line
    assert [c for c in redis.command("PUBSUB", "CHANNELS") if not c.startswith(b"sse:probe:")] == []


@pytest.mark.parametrize(
    "name",
    [b"*", b"n?ws", b"[n]ews", b"\\n\\e\\w\\s", b"pattern:*", b"news,sport", b"${channel}"]
    + [b"\xff\xfe\xc3", b'"\xc2\x85', b"x" * 256],
)
def test_what_a_request_says_is_the_name_of_one_channel(redis, nginx, send_request, name):
    path = "/channel/" + "".join(f"%{byte:02x}" for byte in name)
    client = send_request(nginx, path).open()
    redis.publish("news", "of others")
    redis.publish("sport", "of others")
    assert redis.publish(name, "mine") == 1
    assert client.next_event().data == "mine"
    assert redis.command("PUBSUB", "NUMPAT") == 0


def test_what_a_variable_adds_to_a_pattern_matches_itself_only(redis, nginx, send_request):
    client = send_request(nginx, "/pattern/%2a[a-z]%3f%5c").open()
    redis.publish("news.secret", "of others")
    redis.publish("news.xaz\\", "of others")
    redis.publish("news.*[a-z]?\\", "mine")
    assert client.next_event().data == "mine"


def test_nobody_can_have_the_channel_by_which_delivery_is_probed(redis, nginx):
    # Who leaves it would have it unsubscribed: for the worker, messages then arrive no more.
    (probe,) = wait_until(lambda: redis.command("PUBSUB", "CHANNELS", "sse:probe:*"), "the probe")
    response = http_request(nginx.port, "GET", "/channel/" + probe.decode())
    assert response.status == 400 and '"sse:probe:"' in response.text
    response = http_request(nginx.port, "GET", "/list?c=a," + probe.decode())
    assert response.status == 400


def test_requests_that_wait_behind_a_stream_do_it_no_harm(redis, nginx):
    (worker,) = nginx.worker_pids()
    with Bystander(nginx, redis) as bystander, HttpConnection(nginx.port) as connection:
        client = SseClient(None, "/news", connection=connection).open()
        memory = processes.resident_bytes(worker)
        used = processes.cpu_seconds(worker)
        connection.socket.setblocking(False)
        flood = request_head("GET", "/marker") * 1000
        sent = 0
        try:
            while sent < 64 << 20:
                sent += connection.socket.send(flood)
        except BlockingIOError:
            pass
        assert sent > 100_000
        for number in range(100):
            redis.publish("news", number)
            assert client.next_event().data == str(number)
        bystander.expect_undisturbed()
        assert processes.resident_bytes(worker) - memory < 4 << 20
        assert processes.cpu_seconds(worker) - used < 1
    # Its FIN waits behind the flood; whatever the stream writes next finds out.
    redis.publish("news", "later")
    wait_until(lambda: len(nginx.access_log()) == 1, "the stream's end")
    assert nginx.access_log()[0].startswith("GET /news 200")


def test_they_are_answered_when_the_stream_has_ended(nginx):
    with HttpConnection(nginx.port) as connection:
        connection.send(request_head("GET", "/short") + request_head("GET", "/marker") * 3)
        response = connection.read_response()
        assert response.status == 200 and response.body.startswith(b"retry: ")
        for _ in range(3):
            assert connection.read_response().text == "marker"


HIDDEN = b"GET /marker HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = f"{len(HIDDEN):x}\r\n".encode() + HIDDEN + b"\r\n0\r\n\r\n"
LENGTH = ("Content-Length", str(len(HIDDEN)))


@pytest.mark.parametrize(
    "headers, body, statuses",
    [
        ([LENGTH], HIDDEN, {200, 400}),
        ([("Transfer-Encoding", "chunked")], CHUNKED, {200, 400}),
        ([LENGTH, ("Transfer-Encoding", "chunked")], CHUNKED, {400}),
        ([("Transfer-Encoding", "chunked"), ("Content-Length", "5")], CHUNKED, {400}),
        ([LENGTH, ("Content-Length", "0")], HIDDEN, {400}),
        ([("Content-Length", "-1")], HIDDEN, {400}),
        ([("Content-Length", "99999999999999999999")], HIDDEN, {400}),
        ([("Transfer-Encoding", "chunked, gzip")], CHUNKED, {400, 501}),
        ([("Transfer-Encoding", "chunked")], b"fffffffffffffffff\r\n" + HIDDEN, {400}),
        ([("Transfer-Encoding", "chunked")], b"5\r\nxx" + HIDDEN, {400}),
    ],
    ids=["length", "chunked", "both", "both, chunked first"]
    + ["two lengths", "negative", "huge", "unknown coding", "huge chunk", "broken chunk"],
)
def test_no_request_hides_in_the_body_of_another(redis, nginx, headers, body, statuses):
    with HttpConnection(nginx.port) as connection:
        connection.send(request_head("GET", "/news", headers=headers) + body)
        status = connection.read_head().status
        assert status in statuses
        if status == 200:
            wait_until(lambda: redis.subscribers("news") == 1, "the subscription")
    wait_until(nginx.access_log, "the access log")
    nginx.quit()
    assert [line for line in nginx.access_log() if "marker" in line] == []


@pytest.mark.parametrize(
    "header",
    [
        ("Range", "bytes=0-0"),
        ("Range", "bytes=100-"),
        ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),
        ("If-None-Match", "*"),
        ("If-Match", '"x"'),
        ("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("Upgrade", "websocket"),
        ("Expect", "100-continue"),
        ("Last-Event-ID", "\xff" * 8000),
        ("TE", "trailers, deflate;q=0.5"),
    ],
    ids=lambda header: header[0],
)
def test_a_header_that_asks_for_something_else_gets_the_stream(redis, nginx, header):
    headers = [header, ("Connection", "Upgrade")] if header[0] == "Upgrade" else [header]
    with HttpConnection(nginx.port) as connection:
        connection.send_request("GET", "/news", headers=headers)
        head = connection.read_head()
        if head.status == 100:
            head = connection.read_head()
        assert head.status == 200, head
        assert head.get("Content-Type") == "text/event-stream"
        assert head.get("Content-Range") is None and head.get("Upgrade") is None


def test_a_flood_of_heads_and_wrong_methods_costs_nobody_else(redis, nginx):
    (worker,) = nginx.worker_pids()
    expected = {"HEAD": 200, "OPTIONS": 405, "DELETE": 405, "POST": 405}
    with Bystander(nginx, redis) as bystander:
        memory = processes.resident_bytes(worker)
        descriptors = processes.fd_count(worker)
        for _ in range(10):
            with HttpConnection(nginx.port) as connection:
                for i in range(60):
                    method = list(expected)[i % 4]
                    path = f"/channel/name{i}"
                    assert connection.request(method, path).status == expected[method]
            assert http_request(nginx.port, "TRACE", "/channel/name").status == 405
        bystander.expect_undisturbed()
        wait_until(lambda: processes.fd_count(worker) <= descriptors + 1, "descriptors return")
        assert processes.resident_bytes(worker) - memory < 4 << 20
    assert redis.command("PUBSUB", "CHANNELS", "name*") == []

"""Requests for durable channels that nobody should send: names, cursors, and far too many."""

import json
import random

import pytest

from harness import Bystander, SseClient, http_request, processes

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log notice;
pid nginx.pid;
events { worker_connections 1024; }
http {
    @TEMP_PATHS@
    access_log off;
    large_client_header_buffers 4 64k;
    sse_broker @BROKER@;
    sse_channel_type stream;
    sse_retry off;
    server {
        listen 127.0.0.1:@PORT@;
        location = /s { sse_subscribe s; }
        location = /several { sse_subscribe s t u; }
        location ~ ^/channel/(?<channel>(?s:.*))$ { sse_subscribe $channel; }
        location = /bystander { sse_channel_type pubsub; sse_subscribe bystander; }
        location = /static { return 200 static; }
    }
}
"""


@pytest.fixture
def nginx(redis, make_nginx):
    return make_nginx(CONF, BROKER=redis.url).keep_no_freed_memory().start()


# Names

NAMES = [b"a b", b"\"quo'ted\"", b"{tag}", b"a{tag}b{", b"*", b"s*", b"?", b"[s]", b"[^a]", b"\\s"]
NAMES += [b"s\\", b"x" * 256, b"\xff\xfe\xc3", b"\xc3", "käse".encode(), b"S", b"nEWS", b"$s"]
NAMES += [b"a,b", b"a%b", b"__keyspace@0__:s", b"pattern:*", b"MULTI", b"STREAMS", b"-", b">"]
NAMES += [b"$", b"+", b"0-0", b"\xc2\x85"]

OTHERS = [b"s", b"a", b"b", b"news", b"tag", b"x" * 255]


def path_of(name):
    return "/channel/" + "".join(f"%{byte:02x}" for byte in name)


@pytest.mark.parametrize("bells", ["lanes", "notifications"])
def test_what_a_request_says_is_the_name_of_one_key(redis, nginx, open_stream, bells):
    if bells == "notifications":
        redis.command("CONFIG", "SET", "notify-keyspace-events", "Ktgx")
        stream = open_stream(nginx, "/s")
        while not nginx.log_lines("keyspace notifications are on"):
            redis.add("s", "data", "x")
            stream.next_event()
    streams = [open_stream(nginx, path_of(name)) for name in NAMES]
    for name in OTHERS:
        redis.add(name, "data", "of others")
    ids = [redis.add(name, "data", name.hex()) for name in NAMES]
    for name, entry_id, stream in zip(NAMES, ids, streams):
        event = stream.next_event()
        assert (event.data, event.id) == (name.hex(), entry_id), name
        stream.close()
    for name in NAMES:
        redis.add(name, "data", f"again {name.hex()}")
    for name, entry_id in zip(NAMES, ids):
        stream = open_stream(nginx, path_of(name), cursor=entry_id)
        assert stream.next_event().data == f"again {name.hex()}", name
        stream.close()


def test_a_reset_names_the_channel_whatever_its_bytes(nginx, open_stream):
    for name in NAMES:
        stream = open_stream(nginx, path_of(name), cursor="5-1")
        reset = json.loads(stream.next_event().data)
        assert (reset["reason"], reset["channel"]) == ("deleted", name.decode(errors="replace"))
        stream.close()


@pytest.mark.parametrize("name", [b"a\nb", b"a\rb", b"\x7f", b"a\0b", b"x" * 257, b""])
def test_a_name_that_no_channel_has_is_refused_and_redis_is_not_asked(redis, nginx, name):
    redis.command("CONFIG", "RESETSTAT")
    response = http_request(nginx.port, "GET", path_of(name), headers=[("Last-Event-ID", "1-1")])
    assert response.status == 400
    if b"\0" not in name:  # which nginx refuses itself
        assert response.text.startswith("channel name ")
    assert not [name for name in redis.client.info("commandstats") if name.startswith("cmdstat_x")]


# Cursors

LARGEST = (1 << 64) - 1

# What is no cursor, of one channel or of several.
MALFORMED = ["+", "-", "$", ">", "*", "1-*", "(1-0", "[1-0", "+1-0", "1-+0", "-1-0", "1 - 0"]
MALFORMED += ["1-0;", "1-0,2-0", "1-0, 2-0", "," * 10_000, "1-0" * 10_000, "9" * 60_000, "0" * 100]
MALFORMED += [f"{LARGEST + 1}-0", f"0-{LARGEST + 1}", f"{LARGEST}-{LARGEST}0", "0x1-0", "1e3-0"]
MALFORMED += ["null", "undefined", '"1-0"', "\xff", "1-0\t", "%31-0", "s", "sAAAAA", "sAAAAAA", "S"]
MALFORMED += ["s" + "A" * 127, "s" + "A" * 50_000, "s,", "s" + "_" * 127]
MALFORMED = [cursor for cursor in MALFORMED if cursor.strip() == cursor]  # HTTP strips it

# And what is one, of one channel, that has the entries 1-1 to 5-1; with what comes then.
CURSORS = {
    "0-0": ["1-1", "2-1"],
    "0": ["1-1", "2-1"],
    "00-00": ["1-1", "2-1"],
    "1-0": ["1-1", "2-1"],
    "0001-0001": ["2-1", "3-1"],
    "4-1": ["5-1"],
    f"0-{LARGEST}": ["trimmed", "1-1"],
    "3-0": ["3-1", "4-1"],  # nothing can be missing between
    "3-5": ["ahead", "1-1"],
    "6": ["ahead", "1-1"],
    f"{LARGEST}-{LARGEST}": ["ahead", "1-1"],
    f"{LARGEST}-0": ["ahead", "1-1"],
}


def first_of(stream, count=1):
    """Ids of events, and reasons of resets."""
    return [json.loads(e.data)["reason"] if e.name else e.id for e in stream.take(count)]


@pytest.fixture
def five(redis):
    redis.add_all("s", "abcde", ids=[f"{number}-1" for number in range(1, 6)])


@pytest.mark.parametrize("path", ["/s", "/several"])
def test_what_is_no_cursor_is_said_to_be_none(nginx, open_stream, five, path):
    for cursor in MALFORMED:
        stream = open_stream(nginx, path, cursor=cursor)
        assert first_of(stream) == ["malformed"], cursor[:40]
        stream.close()
        query = "".join(f"%{byte:02x}" for byte in cursor.encode("latin-1")[:15_000])
        stream = open_stream(nginx, f"{path}?last_event_id={query}")
        assert first_of(stream) == ["malformed"], cursor[:40]
        stream.close()


def test_any_two_numbers_are_a_cursor(nginx, open_stream, five):
    for cursor, expected in CURSORS.items():
        for how in {"cursor": cursor}, {"path": f"/s?last_event_id={cursor}"}:
            stream = open_stream(nginx, **{"path": "/s", **how})
            assert first_of(stream, len(expected)) == expected, cursor
            stream.close()


def test_a_cursor_of_other_channels_is_said_to_be_none(redis, nginx, open_stream, five):
    several = open_stream(nginx, "/several")
    while len(several.last_id) < 18:  # it names all three
        several.next_block()
    tampered = several.last_id[:1] + several.last_id[1:][::-1]
    for cursor in (tampered, several.last_id[:-1], several.last_id + "A", several.last_id * 2):
        assert first_of(open_stream(nginx, "/several", cursor=cursor)) == ["malformed"], cursor
    assert first_of(open_stream(nginx, "/several", cursor="4-1")) == ["malformed"]


def test_of_several_headers_the_first_counts_or_it_is_said_that_there_is_no_cursor(
    nginx, open_stream, five
):
    for cursors in (["3-1", "1-1"], ["3-1", "x"], ["3-1"] * 50):  # nginx from 1.23 on joins them
        headers = [("Last-Event-ID", cursor) for cursor in cursors]
        assert first_of(open_stream(nginx, "/s", headers=headers))[0] in ("4-1", "malformed")


# Far too many


@pytest.mark.timeout(90)
@pytest.mark.parametrize("kind, most_pages", [("held", 3), ("never given", 8)])
def test_who_comes_back_without_end_costs_redis_little_and_nobody_else_anything(
    redis, nginx, kind, most_pages
):
    ids = redis.add_all("s", ["x" * 1000] * 5000)  # more than a window holds
    rounds = 250
    chance = random.Random(7)
    (worker,) = nginx.worker_pids()

    def come_back(count):
        for _ in range(count):
            cursor = chance.choice(ids[:1000])
            if kind == "never given":
                cursor = f"{cursor.partition('-')[0]}-{chance.randrange(10**6, 10**9)}"
            with SseClient(nginx.port, "/s", cursor=cursor) as stream:
                if chance.random() < 0.7:
                    stream.open()
                    if chance.random() < 0.7:
                        assert first_of(stream)[0] in ids or kind != "held"
                if chance.random() < 0.5:
                    stream.reset()

    with Bystander(nginx, redis) as bystander:
        come_back(300)  # with sanitizers, it takes so many until memory is as large as it gets
        memory = processes.resident_bytes(worker)
        redis.command("CONFIG", "RESETSTAT")
        come_back(rounds)
        stats = redis.client.info("commandstats")
        calls = {name[8:]: stats[name]["calls"] for name in stats if name.startswith("cmdstat_x")}
        grown = processes.resident_bytes(worker) - memory
        print(f"{calls} for {rounds} clients; memory of the worker grew by {grown >> 10} KiB")
        bystander.expect_undisturbed()
    assert calls["xrange"] <= most_pages * rounds
    assert calls.get("xinfo|stream", 0) <= most_pages / 2 * rounds
    assert grown < 8 << 20

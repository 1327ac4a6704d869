"""How an entry of a stream becomes an event: its fields, its bytes, its size."""

import json

import pytest

from harness import Bystander, processes

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
    sse_retry off;
    sse_channel_type stream;
    server {
        listen 127.0.0.1:@PORT@;
        location = /s { sse_subscribe s; }
        location = /oldest { sse_subscribe s; sse_start oldest; }
        location = /large { sse_subscribe s; sse_max_message 4m; sse_buffer_size 16m; }
        location = /filters { sse_subscribe s; sse_direct off; sse_start oldest; }
        location = /compact { sse_subscribe s; sse_compact on; sse_start oldest; }
        location = /bystander { sse_channel_type pubsub; sse_subscribe bystander; }
        location = /static { return 200 "static"; }
    }
}
"""


@pytest.fixture
def nginx(redis, make_nginx):
    return make_nginx(CONF, BROKER=redis.url).keep_no_freed_memory().start()


# Fields, and the event they become behind its id.
WIRE = [
    (("data", "hello"), "data: hello\n\n"),
    (("data", ""), "data: \n\n"),
    (("data", "a\r\nb\rc\nd"), "data: a\ndata: b\ndata: c\ndata: d\n\n"),
    (("data", "{\"n\": 1}"), "data: {\"n\": 1}\n\n"),
    (("event", "order", "data", "x"), "event: order\ndata: x\n\n"),
    (("data", "x", "event", "order", "retry", "1500"), "event: order\nretry: 1500\ndata: x\n\n"),
    (("data", "x", "other", "y"), "data: x\n\n"),
    (("data", b"\xff\xfeA\xc3\xbc"), "data: \ufffd\ufffdA\u00fc\n\n"),
    (("data", "id: 5"), "data: id: 5\n\n"),
    (("a", "1"), "data: {\"a\":\"1\"}\n\n"),
    (("b", "x", "a", "1"), "data: {\"b\":\"x\",\"a\":\"1\"}\n\n"),
    (("a", "line\nline", "b", "\"\\"), "data: {\"a\":\"line\\nline\",\"b\":\"\\\"\\\\\"}\n\n"),
]


@pytest.mark.parametrize("path", ["/oldest", "/filters", "/compact"])
def test_the_id_of_an_entry_and_its_fields_are_the_event(redis, nginx, open_stream, path):
    for number, (fields, _) in enumerate(WIRE):
        redis.add("s", *fields, entry_id=f"1-{number + 1}")
    stream = open_stream(nginx, path, cursor="0-0")
    stream.take(len(WIRE))
    expected = "".join(f"id: 1-{number + 1}\n{wire}" for number, (_, wire) in enumerate(WIRE))
    assert stream.body.decode() == expected


def test_live_and_replayed_entries_are_the_same_bytes(redis, nginx, open_stream):
    live = open_stream(nginx, "/s")
    assert live.next_block().id == "0-0"
    for number, (fields, _) in enumerate(WIRE):
        redis.add("s", *fields, entry_id=f"1-{number + 1}")
    live.take(len(WIRE))
    replayed = open_stream(nginx, "/s", cursor="0-0")
    replayed.take(len(WIRE))
    assert live.body == b"id: 0-0\n\n" + replayed.body


def test_an_entry_of_a_thousand_fields_is_one_json_object_of_them(redis, nginx, open_stream):
    fields = {f"field {number}": f"\u00fc\"{number}\n" for number in range(1000)}
    redis.add("s", *(part for field in fields.items() for part in field))
    event = open_stream(nginx, "/oldest").next_event()
    assert json.loads(event.data) == fields
    assert list(json.loads(event.data)) == list(fields)


def test_entries_of_many_empty_fields_are_not_read_a_thousand_at_a_time(redis, nginx, open_stream):
    fields = [""] * 20_000
    with redis.client.pipeline(transaction=False) as pipeline:
        for number in range(120):
            pipeline.execute_command("XADD", "s", "*", "data", number, *fields)
        pipeline.execute()
    (worker,) = nginx.worker_pids()
    before = processes.resident_bytes(worker)
    stream = open_stream(nginx, "/oldest")
    assert [event.data for event in stream.take(120, timeout=25)] == [*map(str, range(120))]
    grown = processes.peak_resident_bytes(worker) - before
    print(f"memory of the worker grew by up to {grown >> 20} MiB")
    assert grown < 48 << 20


def test_an_entry_of_a_hundred_thousand_fields_comes_whole_beside_one_of_64_mebibytes(
    redis, nginx, open_stream
):
    fields = {f"{number:x}": "v" for number in range(100_000)}
    live = open_stream(nginx, "/large")
    live.next_block()
    many = [part for field in fields.items() for part in field]
    ids = [redis.add("s", *entry) for entry in (many, ("a", b"x" * (64 << 20)), many, ("data", ""))]
    for stream in live, open_stream(nginx, "/large", cursor="0-0"):
        first, reset, second, last = stream.take(4, timeout=40)
        assert json.loads(first.data) == json.loads(second.data) == fields
        assert (reset.name, json.loads(reset.data)["reason"]) == ("reset", "too-large")
        assert [event.id for event in (first, reset, second, last)] == ids
        stream.close()


# Fields, and what is shown of them, where nobody would name fields so.
ODD = [
    (("", ""), {"": ""}),
    (("", "x", "", "y"), [("", "x"), ("", "y")]),
    ((b"\0", b"\0\0"), {"\0": "\0\0"}),
    ((b"\xff", b"\xfe\xc3"), {"\ufffd": "\ufffd\ufffd"}),
    (("event", "x", "retry", "1"), {"event": "x", "retry": "1"}),
    (("id", "9-9", "id", "8-8"), [("id", "9-9"), ("id", "8-8")]),
    ((b"data\0", "x", "Data", "y", "data ", "z"), {"data\0": "x", "Data": "y", "data ": "z"}),
    (("data", "first", "event", "a", "data", "last", "event", "b"), ("last", "b", None)),
    (("data", "x", "retry", "1", "retry", "2", "id", "9-9"), ("x", None, 2)),
    (("data", "x", "event", "", "retry", ""), ("x", None, None)),
    (("data", "x", "event", "a\nid: 9", "retry", "-1"), ("x", None, None)),
    (("data", "x", "event", b"a\0b", "retry", "99999999999"), ("x", None, None)),
]


@pytest.mark.parametrize("path", ["/oldest", "/filters", "/compact"])
def test_odd_fields_are_shown_or_left_out_and_nothing_comes_twice(redis, nginx, open_stream, path):
    ids = [redis.add("s", *fields) for fields, _ in ODD]
    stream = open_stream(nginx, path)
    for entry_id, (fields, expected), event in zip(ids, ODD, stream.take(len(ODD))):
        if isinstance(expected, tuple):
            shown = event.data, event.name, event.retry
        else:
            hook = list if isinstance(expected, list) else dict
            shown = json.loads(event.data, object_pairs_hook=hook)
        assert (event.id, shown) == (entry_id, expected), fields


def test_any_bytes_come_as_valid_text(redis, nginx, open_stream):
    values = [bytes([byte]) * length for byte in range(256) for length in (1, 3)]
    with redis.client.pipeline(transaction=False) as pipeline:
        for value in values:
            pipeline.xadd("s", {"data": value})
            pipeline.xadd("s", {b"key " + value: value})
        pipeline.execute()
    stream = open_stream(nginx, "/oldest")
    for value in values:
        text = value.decode(errors="replace").replace("\r", "\n")
        assert stream.next_event().data == text
        text = value.decode(errors="replace")
        assert json.loads(stream.next_event().data) == {"key " + text: text}


def test_an_entry_of_a_mebibyte_comes_whole(redis, nginx, open_stream):
    text = "0123456789abcdef" * (1 << 16)
    live = open_stream(nginx, "/large")
    live.next_block()
    redis.add_all("s", ["before", text, "after"])
    for stream in live, open_stream(nginx, "/large", cursor="0-0"):
        assert [event.data for event in stream.take(3)] == ["before", text, "after"]


def test_an_entry_of_64_mebibytes_is_skipped_and_harms_nobody(redis, nginx, open_stream):
    with Bystander(nginx, redis) as bystander:
        live = open_stream(nginx, "/s")
        live.next_block()
        redis.add("s", "data", "before")
        large = redis.add("s", "data", b"x" * (64 << 20))
        redis.add("s", "data", "after")
        for stream in live, open_stream(nginx, "/s", cursor="0-0"):
            before, reset, after = stream.take(3, timeout=40)
            assert (before.data, after.data) == ("before", "after")
            assert (reset.name, reset.id) == ("reset", large)
            assert json.loads(reset.data)["reason"] == "too-large"
        assert redis.add("s", "data", "last") == live.next_event(timeout=20).id
        bystander.take()

"""Several durable channels on one connection: one cursor for all of them, exact for each."""

import json
import re

import pytest

from harness import http_request

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
        location = /new { sse_subscribe_list $arg_c; }
        location = /event { sse_subscribe a b; sse_payload event; }
        location = /oldest { sse_subscribe_list $arg_c; sse_start oldest; }
        location = /mine { sse_subscribe user:$cookie_user; }
        location = /mine/oldest { sse_subscribe user:$cookie_user; sse_start oldest; }
        location = /mine/news { sse_subscribe user:$cookie_user news; sse_start oldest; }
    }
}
"""

SAFE = r"[!#$%&'*+,./0-9;=A-Z^_`a-z|~ -]{1,128}"  # in a CORS request header, as the id of an event


@pytest.fixture
def nginx(redis, start_nginx):
    return start_nginx(CONF, BROKER=redis.url)


def add(redis, *texts):
    """Messages "a3" go to the stream "a", one after another."""
    for text in texts:
        redis.add(text[0], "data", text)


def data_of(events):
    assert not any(event.name for event in events), events
    return [event.data for event in events]


def by_channel(texts):
    return {name: [text for text in texts if text[0] == name] for name in {t[0] for t in texts}}


def test_a_cursor_says_of_each_channel_what_was_seen(redis, nginx, open_stream):
    texts = [f"{'abc'[number * number % 7 % 3]}{number}" for number in range(30)]
    stream = open_stream(nginx, "/new?c=a,b,c")
    stream.next_block()
    add(redis, *texts)
    events = stream.take(30)
    got = data_of(events)
    assert by_channel(got) == by_channel(texts)
    for seen in 1, 2, 7, 15, 29:
        cursor = events[seen - 1].id
        assert re.fullmatch(SAFE, cursor), cursor
        back = open_stream(nginx, "/new?c=c,a,b", cursor=cursor)  # the order does not matter
        rest = data_of(back.take(30 - seen))
        assert by_channel(rest) == by_channel(got[seen:])
    add(redis, "a last")
    assert back.next_event().data == "a last"


def test_a_client_that_has_seen_no_event_loses_nothing_of_any_channel(redis, nginx, open_stream):
    add(redis, "a0", "b0")
    stream = open_stream(nginx, "/new?c=a,b,c")
    position = stream.next_block()
    assert position.data is None and re.fullmatch(SAFE, position.id)
    stream.close()
    texts = ["c1", "b1", "a1", "a2"]
    add(redis, *texts)
    got = data_of(open_stream(nginx, "/new?c=a,b,c", cursor=position.id).take(4))
    assert by_channel(got) == by_channel(texts)


def test_the_cursor_of_eight_channels_fits(redis, nginx, open_stream):
    names = "abcdefgh"
    for name in names:
        redis.add(name, "data", f"{name}0", entry_id="1795280621577-262143")
    stream = open_stream(nginx, "/oldest?c=" + ",".join(names))
    events = stream.take(8)
    assert sorted(data_of(events)) == [f"{name}0" for name in names]
    assert re.fullmatch(SAFE, stream.last_id), stream.last_id
    back = open_stream(nginx, "/oldest?c=" + ",".join(names), cursor=stream.last_id)
    add(redis, "h1")
    assert back.next_event().data == "h1"


def test_more_than_eight_channels_are_refused_with_the_reason(nginx):
    response = http_request(nginx.port, "GET", "/new?c=a,b,c,d,e,f,g,h,i")
    assert response.status == 400
    assert "8" in response.text


def test_the_same_channel_twice_counts_once(redis, nginx, open_stream):
    add(redis, "a0")
    stream = open_stream(nginx, "/oldest?c=a,a,a,a,a,a,a,a,a")
    assert stream.next_event().data == "a0"
    add(redis, "a1")
    assert stream.next_event().data == "a1"


@pytest.fixture
def cursor_of_a_and_b(redis, nginx, open_stream):
    """Behind a0 and b0; then a1, b1, and in c there are c0 and c1."""
    add(redis, "a0", "b0", "c0")
    stream = open_stream(nginx, "/oldest?c=a,b")
    stream.take(2)
    stream.close()
    add(redis, "a1", "b1", "c1")
    return stream.last_id


@pytest.mark.parametrize(
    "path, expected",
    [
        ("/new?c=a,b", ["a1", "b1"]),
        ("/oldest?c=a,b", ["a1", "b1"]),
        ("/new?c=a", ["a1"]),
        ("/new?c=b", ["b1"]),
        ("/new?c=a,c", ["a1"]),  # c as sse_start says
        ("/oldest?c=a,c", ["a1", "c0", "c1"]),
        ("/oldest?c=c,b,a", ["a1", "b1", "c0", "c1"]),
    ],
)
def test_with_other_channels_each_known_one_resumes_and_a_new_one_starts(
    redis, nginx, open_stream, cursor_of_a_and_b, path, expected
):
    stream = open_stream(nginx, path, cursor=cursor_of_a_and_b)
    assert sorted(data_of(stream.take(len(expected)))) == expected
    for name in path.partition("=")[2].split(","):
        add(redis, f"{name}2")
        assert data_of(stream.take(1)) == [f"{name}2"]
    # And the cursor is one of the channels that there are now.
    stream.close()
    add(redis, "a3", "b3", "c3")
    back = open_stream(nginx, path, cursor=stream.last_id)
    names = path.partition("=")[2].split(",")
    assert sorted(data_of(back.take(len(names)))) == sorted(f"{name}3" for name in names)


def test_a_cursor_of_none_of_the_channels_is_malformed(
    redis, nginx, open_stream, cursor_of_a_and_b
):
    stream = open_stream(nginx, "/oldest?c=c,d", cursor=cursor_of_a_and_b)
    events = stream.events_until(lambda event: event.data == "c1")
    resets = [json.loads(event.data) for event in events if event.name == "reset"]
    assert resets and {reset["reason"] for reset in resets} == {"malformed"}
    assert data_of([event for event in events if not event.name]) == ["c0", "c1"]


def test_what_is_lost_of_one_channel_is_said_of_that_one_alone(
    redis, nginx, open_stream, cursor_of_a_and_b
):
    add(redis, "a2", "a3")
    redis.command("XTRIM", "a", "MAXLEN", 1)
    nginx.reload()  # a worker that remembers a1 and a2 would lose nothing
    stream = open_stream(nginx, "/new?c=a,b", cursor=cursor_of_a_and_b)
    events = stream.take(3)
    (reset,) = [event for event in events if event.name]
    said = json.loads(reset.data)
    assert (reset.name, said["reason"], said["channel"]) == ("reset", "trimmed", "a")
    assert sorted(event.data for event in events if not event.name) == ["a3", "b1"]
    assert events.index(reset) < [event.data for event in events].index("a3")
    # Its id is a cursor of both: who comes back with it gets what came after it.
    rest = [event.data for event in events[events.index(reset) + 1 :]]
    back = open_stream(nginx, "/new?c=a,b", cursor=reset.id)
    assert sorted(data_of(back.take(len(rest)))) == sorted(rest)


def user(name):
    return [("Cookie", f"user={name}")]


def test_the_cursor_of_another_user_is_told_apart_by_its_history(redis, nginx, open_stream):
    redis.add_all("user:ann", ["ann 1", "ann 2"], ids=["5-1", "6-2"])
    redis.add_all("user:bob", ["bob 1", "bob 2"], ids=["4-1", "7-1"])
    stream = open_stream(nginx, "/mine/oldest", headers=user("ann"))
    assert data_of(stream.take(2)) == ["ann 1", "ann 2"]
    stream.close()
    back = open_stream(nginx, "/mine", headers=user("bob"), cursor=stream.last_id)
    reset, *rest = back.take(3)
    assert (reset.name, json.loads(reset.data)["channel"]) == ("reset", "user:bob")
    assert data_of(rest) == ["bob 1", "bob 2"]


def test_with_another_user_a_shared_channel_resumes_and_the_own_one_starts(
    redis, nginx, open_stream
):
    redis.add("user:ann", "data", "ann 1")
    redis.add("user:bob", "data", "bob 1")
    redis.add("news", "data", "news 1")
    stream = open_stream(nginx, "/mine/news", headers=user("ann"))
    assert sorted(data_of(stream.take(2))) == ["ann 1", "news 1"]
    stream.close()
    redis.add("user:ann", "data", "ann 2")
    redis.add("news", "data", "news 2")
    back = open_stream(nginx, "/mine/news", headers=user("bob"), cursor=stream.last_id)
    assert sorted(data_of(back.take(2))) == ["bob 1", "news 2"]
    redis.add("user:ann", "data", "ann 3")
    redis.add("user:bob", "data", "bob 2")
    assert data_of(back.take(1)) == ["bob 2"]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_entry_without_an_event_moves_the_cursor_alone(redis, nginx, open_stream, version):
    stream = open_stream(nginx, "/event", version=version)
    start = stream.next_block()
    redis.add("a", "data", ": a comment only")
    block = start
    while block.id in (None, start.id):
        block = stream.next_block()
        assert (block.data, block.name) == (None, None)
    redis.add("b", "data", "data: b1")
    assert stream.next_event().data == "b1"
    back = open_stream(nginx, "/event", cursor=block.id)
    assert back.next_event().data == "b1"
    assert nginx.log_lines("left out") == []

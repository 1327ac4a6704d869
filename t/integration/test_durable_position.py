"""Promise 3: a durable stream begins with a cursor, and goes on after any exactly."""

import json

import pytest

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
    sse_retry off;  # the body is then nothing but what the streams say
    sse_channel_type stream;
    server {
        listen 127.0.0.1:@PORT@;
        location = /default { sse_subscribe s; }
        location = /new { sse_subscribe s; sse_start new; }
        location = /oldest { sse_subscribe s; sse_start oldest; }
        location = /last { sse_subscribe s; sse_start last=2; }
        location = /compact { sse_subscribe s; sse_compact on; }
        location = /filters { sse_subscribe s; sse_direct off; }
        location = /cookie { sse_subscribe s; sse_last_event_id $cookie_seen; }
    }
}
"""

STARTS = ["/new", "/oldest", "/last"]
IDS = [f"{n}-1" for n in range(1, 7)]


@pytest.fixture
def nginx(redis, start_nginx):
    return start_nginx(CONF, BROKER=redis.url)


def add_six(redis):
    redis.add_all("s", IDS, ids=IDS)


def expect_events(stream, ids):
    """Entries that add_six() or a test has added: their data are their ids."""
    events = stream.take(len(ids))
    assert [(event.id, event.data) for event in events] == [(each, each) for each in ids]


def expect_position(redis, streams, position, added):
    """Each client is given the position at once, and what is added then."""
    for stream in streams:
        block = stream.next_block()
        assert (block.id, block.data) == (position, None)
    redis.add("s", "data", added, entry_id=added)
    for stream in streams:
        expect_events(stream, [added])


def test_a_new_client_gets_the_newest_id_as_its_position_at_once(redis, nginx, open_stream):
    add_six(redis)
    paths = ["/default", "/new", "/compact", "/filters"]
    expect_position(redis, [open_stream(nginx, path) for path in paths], "6-1", "7-1")


def test_of_a_stream_that_does_not_exist_yet_the_position_is_zero(redis, nginx, open_stream):
    expect_position(redis, [open_stream(nginx, path) for path in STARTS], "0-0", "1-1")


@pytest.mark.parametrize("how", [("XTRIM", "s", "MAXLEN", 0), ("XDEL", "s", *IDS)], ids=str)
def test_of_an_empty_stream_the_position_is_the_last_id_it_gave(redis, nginx, open_stream, how):
    add_six(redis)
    redis.command(*how)
    streams = [open_stream(nginx, path) for path in STARTS]
    assert [stream.next_block().id for stream in streams] == ["6-1"] * 3
    redis.add("s", "data", "7-1", entry_id="7-1")
    for stream in streams:
        # Ids do not tell whether something stood between 6-1 and the first entry: a reset may come.
        assert stream.events_until(lambda event: event.id == "7-1")[-1].data == "7-1"


def test_a_client_that_has_seen_no_event_loses_nothing_when_it_comes_back(
    redis, nginx, open_stream
):
    add_six(redis)
    stream = open_stream(nginx, "/new")
    stream.next_block()
    stream.close()
    redis.add_all("s", ["7-1", "8-1"], ids=["7-1", "8-1"])
    expect_events(open_stream(nginx, "/new", cursor=stream.last_id), ["7-1", "8-1"])


def test_oldest_starts_with_the_oldest_entry(redis, nginx, open_stream):
    add_six(redis)
    expect_events(open_stream(nginx, "/oldest"), IDS)


def test_last_starts_with_so_many_entries(redis, nginx, open_stream):
    add_six(redis)
    stream = open_stream(nginx, "/last")
    expect_events(stream, ["5-1", "6-1"])
    redis.add("s", "data", "7-1", entry_id="7-1")
    expect_events(stream, ["7-1"])


def test_last_starts_with_the_oldest_entry_when_there_are_fewer(redis, nginx, open_stream):
    redis.add("s", "data", "1-1", entry_id="1-1")
    expect_events(open_stream(nginx, "/last"), ["1-1"])


def test_a_cursor_is_followed_by_every_entry_after_it_wherever_the_location_starts(
    redis, nginx, open_stream
):
    add_six(redis)
    waiting = []
    for path in "/new", "/oldest", "/last":
        for seen, cursor in enumerate(["0-0", *IDS]):
            stream = open_stream(nginx, path, cursor=cursor)
            expect_events(stream, IDS[seen:])
            waiting.append(stream)
    redis.add("s", "data", "7-1", entry_id="7-1")
    for stream in waiting:
        expect_events(stream, ["7-1"])


def test_a_cursor_is_two_numbers_not_a_text(redis, nginx, open_stream):
    ids = ["9-9", "9-10", "10-1"]
    redis.add_all("s", ids, ids=ids)
    expect_events(open_stream(nginx, "/new", cursor="9-9"), ["9-10", "10-1"])
    expect_events(open_stream(nginx, "/new", cursor="009-010"), ["10-1"])


def test_ids_reach_to_the_largest_that_redis_gives(redis, nginx, open_stream):
    largest = str(2**64 - 1)
    ids = [f"{largest}-{largest[:-1]}4", f"{largest}-{largest}"]
    redis.add_all("s", ids, ids=ids)
    expect_events(open_stream(nginx, "/oldest"), ids)
    stream = open_stream(nginx, "/new", cursor=ids[0])
    expect_events(stream, ids[1:])
    assert stream.last_id == ids[1]


def test_a_cursor_may_come_in_the_query_and_the_header_goes_first(redis, nginx, open_stream):
    add_six(redis)
    expect_events(open_stream(nginx, "/new?last_event_id=4-1"), ["5-1", "6-1"])
    expect_events(open_stream(nginx, "/new?last_event_id=1-1", cursor="5-1"), ["6-1"])


def test_a_cursor_may_come_from_a_variable(redis, nginx, open_stream):
    add_six(redis)
    headers = [("Cookie", "seen=4-1")]
    expect_events(open_stream(nginx, "/cookie", headers=headers), ["5-1", "6-1"])


def test_what_is_added_after_open_arrives(redis, nginx, open_stream):
    for number in range(1, 31):
        stream = open_stream(nginx, "/new")
        redis.add("s", "data", f"{number}-1", entry_id=f"{number}-1")
        expect_events(stream, [f"{number}-1"])


MALFORMED = ["x", "1-", "-1", "1-2-3", "1.5", "1-1x", "18446744073709551616-0", "sAAAAB1"]


def test_after_a_malformed_cursor_comes_a_reset_and_the_stream_starts_as_without_one(
    redis, nginx, open_stream
):
    add_six(redis)
    waiting = []
    for cursor in MALFORMED:
        new = open_stream(nginx, "/new", cursor=cursor)
        reset = new.next_event()
        assert (reset.name, reset.id) == ("reset", "6-1"), cursor
        assert json.loads(reset.data)["reason"] == "malformed"
        waiting.append(new)
        oldest = open_stream(nginx, "/oldest", cursor=cursor)
        assert json.loads(oldest.next_event().data)["reason"] == "malformed"
        expect_events(oldest, IDS)
        waiting.append(oldest)
    redis.add("s", "data", "7-1", entry_id="7-1")
    for stream in waiting:
        expect_events(stream, ["7-1"])

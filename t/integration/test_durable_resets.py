"""Promise 4: a lost cursor is said aloud, and the stream goes on; nobody else is told."""

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
    sse_retry off;
    sse_channel_type stream;
    server {
        listen 127.0.0.1:@PORT@;
        location = /s { sse_subscribe s; }
        location = /few { sse_subscribe s; sse_max_replay 3; }
        location = /named { sse_subscribe s; sse_reset_event gap; }
        location = /small { sse_subscribe small; sse_max_message 16k; }
        location = /small/oldest { sse_subscribe small; sse_max_message 16k; sse_start oldest; }
    }
}
"""

IDS = [f"{n}-1" for n in range(1, 7)]


@pytest.fixture
def nginx(redis, start_nginx):
    redis.add_all("s", IDS, ids=IDS)
    return start_nginx(CONF, BROKER=redis.url)


def expect_reset(stream, reason, **said):
    """Returns its id."""
    event = stream.next_event()
    assert event.name == "reset", event
    data = json.loads(event.data)
    assert data.keys() == {"reason", "channel", "oldest", "newest"}
    expected = {"reason": reason, "channel": "s", **said}
    assert {key: data[key] for key in expected} == expected
    assert event.id is not None
    return event.id


def expect_events(stream, ids):
    events = stream.take(len(ids))
    assert [(event.name, event.id, event.data) for event in events] == [
        (None, each, each) for each in ids
    ]


def expect_live(redis, stream, entry_id):
    """The stream goes on: with nothing before the next entry."""
    redis.add("s", "data", entry_id, entry_id=entry_id)
    expect_events(stream, [entry_id])


def test_who_lost_trimmed_entries_is_told_and_goes_on_with_the_oldest(redis, nginx, open_stream):
    redis.command("XTRIM", "s", "MINID", "4-1")
    for cursor in "0-0", "1-1", "2-1":
        stream = open_stream(nginx, "/s", cursor=cursor)
        expect_reset(stream, "trimmed", oldest="4-1", newest="6-1")
        expect_events(stream, ["4-1", "5-1", "6-1"])
    expect_live(redis, stream, "7-1")


def test_who_lost_nothing_by_trimming_is_not_told(redis, nginx, open_stream):
    redis.command("XTRIM", "s", "MINID", "4-1")
    expect_events(open_stream(nginx, "/s", cursor="4-1"), ["5-1", "6-1"])
    expect_events(open_stream(nginx, "/s", cursor="5-1"), ["6-1"])
    expect_live(redis, open_stream(nginx, "/s", cursor="6-1"), "7-1")


def test_who_stands_right_before_the_oldest_entry_is_not_told(redis, nginx, open_stream):
    redis.command("XTRIM", "s", "MINID", "4-1")
    expect_events(open_stream(nginx, "/s", cursor="4-0"), ["4-1", "5-1", "6-1"])


def test_who_has_everything_is_not_told_that_all_of_it_was_trimmed(redis, nginx, open_stream):
    redis.command("XTRIM", "s", "MAXLEN", 0)
    stream = open_stream(nginx, "/s", cursor="6-1")
    redis.add("s", "data", "7-1", entry_id="7-1")
    # Ids do not tell whether something stood between 6-1 and the first entry: a reset may come.
    events = stream.events_until(lambda event: event.id == "7-1")
    assert len(events) <= 2


def test_when_all_was_trimmed_the_reset_leads_to_the_last_id(redis, nginx, open_stream):
    redis.command("XTRIM", "s", "MAXLEN", 0)
    stream = open_stream(nginx, "/s", cursor="3-1")
    assert expect_reset(stream, "trimmed") == "6-1"


def test_the_id_of_a_reset_is_a_cursor_that_loses_nothing(redis, nginx, open_stream):
    redis.command("XTRIM", "s", "MINID", "4-1")
    stream = open_stream(nginx, "/s", cursor="1-1")
    cursor = expect_reset(stream, "trimmed")
    stream.close()
    expect_events(open_stream(nginx, "/s", cursor=cursor), ["4-1", "5-1", "6-1"])


def test_withdrawn_entries_are_no_loss(redis, nginx, open_stream):
    redis.command("XDEL", "s", "3-1", "4-1")
    for cursor, rest in ("2-1", ["5-1", "6-1"]), ("3-1", ["5-1", "6-1"]), ("4-1", ["5-1", "6-1"]):
        expect_events(open_stream(nginx, "/s", cursor=cursor), rest)
    redis.command("XDEL", "s", "6-1")
    expect_live(redis, open_stream(nginx, "/s", cursor="6-1"), "7-1")


def test_an_open_stream_does_not_mind_that_what_it_has_is_withdrawn(redis, nginx, open_stream):
    stream = open_stream(nginx, "/s", cursor="4-1")
    expect_events(stream, ["5-1", "6-1"])
    redis.command("XDEL", "s", "6-1")
    expect_live(redis, stream, "7-1")
    redis.command("XDEL", "s", "7-1", "5-1")
    expect_live(redis, stream, "8-1")


def test_after_the_stream_is_deleted_a_cursor_is_reset(redis, nginx, open_stream):
    redis.command("DEL", "s")
    stream = open_stream(nginx, "/s", cursor="6-1")
    assert expect_reset(stream, "deleted") == "0-0"
    expect_live(redis, stream, "1-1")


def test_a_cursor_of_zero_is_right_where_there_is_no_stream(redis, nginx, open_stream):
    redis.command("DEL", "s")
    expect_live(redis, open_stream(nginx, "/s", cursor="0-0"), "1-1")


def test_a_cursor_ahead_of_the_stream_is_reset_to_its_oldest_entry(redis, nginx, open_stream):
    for cursor in "6-2", "7-0", f"{2**64 - 1}-{2**64 - 1}":
        stream = open_stream(nginx, "/s", cursor=cursor)
        expect_reset(stream, "ahead", oldest="1-1", newest="6-1")
        expect_events(stream, IDS)


def test_a_cursor_that_this_history_never_had_is_reset(redis, nginx, open_stream):
    stream = open_stream(nginx, "/s", cursor="4-0")
    expect_events(stream, ["4-1", "5-1", "6-1"])  # no id lies between
    for cursor in "3-5", "4-2", "1-2":
        stream = open_stream(nginx, "/s", cursor=cursor)
        expect_reset(stream, "ahead", oldest="1-1", newest="6-1")
        expect_events(stream, IDS)


def test_at_most_sse_max_replay_entries_are_replayed_and_then_it_is_said(
    redis, nginx, open_stream
):
    expect_events(open_stream(nginx, "/few", cursor="3-1"), ["4-1", "5-1", "6-1"])
    for cursor in "2-1", "0-0":
        stream = open_stream(nginx, "/few", cursor=cursor)
        *replayed, reset = stream.events_until(lambda event: event.name == "reset")
        assert len(replayed) <= 3
        assert json.loads(reset.data)["reason"] == "too-far"
        assert (json.loads(reset.data)["newest"], reset.id) == ("6-1", "6-1")
    expect_live(redis, stream, "7-1")


def test_the_event_may_have_another_name(redis, nginx, open_stream):
    event = open_stream(nginx, "/named", cursor="9-9").next_event()
    assert (event.name, json.loads(event.data)["reason"]) == ("gap", "ahead")


def test_an_entry_that_is_too_large_is_skipped_and_said(redis, nginx, open_stream):
    redis.add_all("small", ["1-1", "2-1"], ids=["1-1", "2-1"])
    live = open_stream(nginx, "/small")
    assert live.next_block().id == "2-1"
    redis.add("small", "data", "x" * 20_000, entry_id="3-1")
    redis.add("small", "data", "4-1", entry_id="4-1")
    late = open_stream(nginx, "/small", cursor="1-1")
    oldest = open_stream(nginx, "/small/oldest")
    for stream, before in (live, []), (late, ["2-1"]), (oldest, ["1-1", "2-1"]):
        expect_events(stream, before)
        assert expect_reset(stream, "too-large", channel="small") == "3-1"
        expect_events(stream, ["4-1"])
    assert nginx.log_lines("small"), nginx.error_log()


def test_what_a_worker_remembers_does_not_hide_what_redis_has_lost(redis, nginx, open_stream):
    warm = open_stream(nginx, "/s", cursor="0-0")
    expect_events(warm, IDS)
    with redis.client.pipeline(transaction=True) as pipeline:
        pipeline.delete("s").xadd("s", {"data": "9-1"}, id="9-1").execute()
    # It may answer from memory at first, and has to find out when it reads on.
    back = open_stream(nginx, "/s", cursor="4-1")
    for stream in warm, back:
        events = stream.events_until(lambda event: event.id == "9-1")
        assert [event.name for event in events][-2:] == ["reset", None]
        assert [event.name for event in events].count("reset") == 1


def expect_one_reset_then(stream, entry_id):
    """Whatever its reason: what stood there before is gone."""
    first, second = stream.take(2)
    assert (first.name, second.id, second.data) == ("reset", entry_id, entry_id)


def test_an_open_stream_is_told_when_redis_has_forgotten_everything(redis, nginx, open_stream):
    stream = open_stream(nginx, "/s")
    assert stream.next_block().id == "6-1"
    redis.restart()
    redis.add("s", "data", "7-1", entry_id="7-1")
    expect_one_reset_then(stream, "7-1")
    expect_live(redis, stream, "8-1")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("bells", ["Ktgx", ""], ids=["notifications", "lanes"])
def test_an_open_stream_is_told_when_ids_go_back(
    redis, start_nginx, open_stream, bells
):
    redis.command("CONFIG", "SET", "notify-keyspace-events", bells)
    redis.add_all("s", IDS, ids=IDS)
    nginx = start_nginx(CONF, BROKER=redis.url)
    stream = open_stream(nginx, "/s", cursor="5-1")
    expect_events(stream, ["6-1"])
    with redis.client.pipeline(transaction=True) as pipeline:
        pipeline.delete("s").xadd("s", {"data": "3-1"}, id="3-1").execute()
    # Without notifications, nothing rings: a quiet channel is looked at every 30 s.
    first, second = stream.take(2, timeout=10 if bells else 60)
    assert (first.name, second.id) == ("reset", "3-1")
    expect_live(redis, stream, "4-1")


def test_an_open_stream_is_told_when_an_id_comes_again_with_other_bytes(
    redis, nginx, open_stream
):
    stream = open_stream(nginx, "/s", cursor="4-1")
    expect_events(stream, ["5-1", "6-1"])
    with redis.client.pipeline(transaction=True) as pipeline:
        pipeline.delete("s")
        for entry_id in IDS[:5]:
            pipeline.xadd("s", {"data": entry_id}, id=entry_id)
        pipeline.xadd("s", {"data": "another"}, id="6-1").xadd("s", {"data": "7-1"}, id="7-1")
        pipeline.execute()
    events = stream.events_until(lambda event: event.id == "7-1")
    assert [event.name for event in events if event.name] == ["reset"]
    # From the newest entry that is still the same, whose id is the reset's.
    assert (events[0].name, events[0].id) == ("reset", "5-1")
    assert [event.data for event in events[1:]] == ["another", "7-1"]

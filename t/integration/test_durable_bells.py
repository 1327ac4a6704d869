"""Where Redis sends keyspace notifications, streams are listened to by them and not by lanes."""

import itertools
import json

import pytest

from harness import wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 4096; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    sse_retry off;
    sse_channel_type stream;
    server {
        listen 127.0.0.1:@PORT@;
        location = /s { sse_subscribe s; }
        location = /t { sse_subscribe t; }
        location = /many { sse_subscribe stream:$arg_n; }
        location = /notifications { sse_channel_type pubsub; sse_subscribe __keyspace@0__:s; }
    }
}
"""

NOTIFY = ("--notify-keyspace-events", "Ktgx")
ON = "keyspace notifications are on"
OFF = "keyspace notifications are off"


@pytest.fixture
def notifying(make_redis):
    return make_redis(*NOTIFY)


def connections(redis):
    """Of the workers, but for subscriptions: one for commands, and the lanes."""
    return [one for one in redis.connections("normal") if one["name"].startswith("nginx")]


def add_until(redis, key, condition, what):
    """Adds entries, one after the other, until condition() is true; returns their texts."""
    texts = []

    def add():
        texts.append(f"before {len(texts)}")
        redis.add(key, "data", texts[-1])
        return condition()

    wait_until(add, what, interval=0.1)
    return texts


def leave_lanes(redis, nginx):
    """Waits until the worker relies on notifications; returns the texts it sent to s for that."""
    texts = add_until(redis, "s", lambda: nginx.log_lines(ON), "notifications are seen")
    wait_until(lambda: len(connections(redis)) == 1, "no lane is left", timeout=15)
    return texts


def texts_of(stream, count):
    return [event.data for event in stream.take(count)]


def test_notifications_take_the_place_of_lanes_and_every_entry_arrives(
    notifying, start_nginx, open_stream
):
    db = 3
    client = notifying.make_client(db=db)
    nginx = start_nginx(CONF, BROKER=f"{notifying.url}/{db}")
    streams = [open_stream(nginx, "/s") for _ in range(3)]
    quiet = open_stream(nginx, "/t")
    texts = []

    def add():
        texts.append(f"before {len(texts)}")
        client.xadd("s", {"data": texts[-1]})
        return nginx.log_lines(ON)

    wait_until(add, "notifications are seen", interval=0.1)
    wait_until(lambda: len(connections(notifying)) == 1, "no lane is left", timeout=15)
    for number in range(300):
        texts.append(f"message {number}")
        client.xadd("s", {"data": texts[-1]})
    client.xadd("t", {"data": "rare"})
    for stream in streams:
        assert texts_of(stream, len(texts)) == texts
    assert quiet.next_event(timeout=2).data == "rare"
    # A channel that comes later never sees a lane.
    late = open_stream(nginx, "/many?n=late")
    wait_until(
        lambda: notifying.subscribers(f"__keyspace@{db}__:stream:late") == 1,
        "the late channel has a bell",
    )
    client.xadd("stream:late", {"data": "to the late one"})
    assert late.next_event(timeout=2).data == "to the late one"
    assert len(connections(notifying)) == 1
    client.close()


def test_switched_off_at_run_time_lanes_return_and_nothing_is_lost(
    notifying, start_nginx, open_stream
):
    nginx = start_nginx(CONF, BROKER=notifying.url)
    stream = open_stream(nginx, "/s")
    texts = leave_lanes(notifying, nginx)
    notifying.command("CONFIG", "SET", "notify-keyspace-events", "")
    others = []

    def is_off():
        others.append(open_stream(nginx, "/s"))  # reads, and so finds what no bell told of
        return nginx.log_lines(OFF)

    texts += add_until(notifying, "s", is_off, "the lost notifications are noticed")
    wait_until(lambda: len(connections(notifying)) > 1, "lanes are back")
    notifying.add("s", "data", "by a lane")
    assert texts_of(stream, len(texts) + 1) == [*texts, "by a lane"]


def test_switched_on_at_run_time_lanes_go_away(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url)
    stream = open_stream(nginx, "/s")
    for number in range(20):
        redis.add("s", "data", f"{number}")
        assert stream.next_event().data == f"{number}"
    assert not nginx.log_lines(ON)
    assert len(connections(redis)) > 1
    redis.command("CONFIG", "SET", "notify-keyspace-events", "Ktgx")
    texts = leave_lanes(redis, nginx)
    redis.add("s", "data", "by a bell")
    assert texts_of(stream, len(texts) + 1) == [*texts, "by a bell"]


def test_a_user_who_may_not_subscribe_to_notifications_has_lanes_and_a_quiet_log(
    notifying, start_nginx, open_stream
):
    notifying.command(
        "ACL", "SETUSER", "reader", "on", ">secret", "+@all", "resetchannels", "&events:*", "~*"
    )
    nginx = start_nginx(CONF, BROKER=f"redis://reader:secret@127.0.0.1:{notifying.port}")
    streams = [open_stream(nginx, path) for path in ("/s", "/t")]

    def is_refused():
        entries = notifying.command("ACL", "LOG")
        return any(b"__keyspace@0__" in entry[b"object"] for entry in map(as_dict, entries))

    wait_until(is_refused, "a subscription was asked for and refused")
    for number in range(20):
        for stream, key in zip(streams, "st", strict=True):
            notifying.add(key, "data", f"{number}")
            assert stream.next_event().data == f"{number}"
    assert len(connections(notifying)) > 1
    assert not nginx.log_lines("keyspace"), "nobody has to know"


def as_dict(pairs):
    if isinstance(pairs, dict):
        return pairs
    return dict(itertools.zip_longest(*[iter(pairs)] * 2))


def test_ids_that_went_back_are_told_at_once(notifying, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=notifying.url)
    stream = open_stream(nginx, "/s")
    stream.take(len(leave_lanes(notifying, nginx)))
    notifying.command("DEL", "s")
    reset = stream.next_event(timeout=5)
    assert (reset.name, json.loads(reset.data)["reason"]) == ("reset", "deleted")
    for number in range(1, 4):
        notifying.add("s", "data", f"{number}", entry_id=f"{number}-0")
        event = stream.next_event(timeout=5)
        assert (event.id, event.data) == (f"{number}-0", f"{number}")


def test_after_a_restart_of_redis_lanes_listen_until_notifications_are_seen_again(
    make_redis, start_nginx, open_stream
):
    redis = make_redis(*NOTIFY, "--appendonly", "yes", "--appendfsync", "always")
    nginx = start_nginx(CONF, BROKER=redis.url)
    stream = open_stream(nginx, "/s")
    texts = leave_lanes(redis, nginx)
    redis.kill()
    redis.arguments = redis.arguments[len(NOTIFY) :]
    redis.start()
    for number in range(20):
        texts.append(f"after {number}")
        redis.add("s", "data", texts[-1])
    assert texts_of(stream, len(texts)) == texts
    redis.add("s", "data", "by a lane")
    assert stream.next_event(timeout=5).data == "by a lane"
    redis.command("CONFIG", "SET", "notify-keyspace-events", "Ktgx")
    add_until(redis, "s", lambda: len(connections(redis)) == 1, "lanes are gone again")


def test_a_pubsub_channel_of_notifications_is_the_users_own(notifying, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=notifying.url)
    stream = open_stream(nginx, "/s")
    watcher = open_stream(nginx, "/notifications")
    texts = add_until(notifying, "s", lambda: nginx.log_lines(ON), "notifications are seen")
    notifying.add("s", "data", "the last")
    assert texts_of(stream, len(texts) + 1) == [*texts, "the last"]
    assert texts_of(watcher, len(texts) + 1) == ["xadd"] * (len(texts) + 1)


MANY = 2000


@pytest.mark.timeout(180)
def test_two_thousand_channels_leave_their_lanes_and_each_entry_arrives(
    notifying, start_nginx, pool
):
    nginx = start_nginx(CONF, BROKER=notifying.url)
    streams = [pool.start(nginx, f"/many?n={number}") for number in range(MANY)]
    pool.run_until(lambda: all(stream.head for stream in streams), "all are open", timeout=60)
    add_until(notifying, "stream:0", lambda: nginx.log_lines(ON), "notifications are seen")
    wait_until(lambda: len(connections(notifying)) == 1, "no lane is left", timeout=30)
    with notifying.client.pipeline(transaction=False) as pipeline:
        for number in range(MANY):
            pipeline.execute_command("XADD", f"stream:{number}", "*", "data", f"to {number}")
        pipeline.execute()

    def all_have_theirs():
        return all(stream.texts()[-1:] == [f"to {n}"] for n, stream in enumerate(streams))

    pool.run_until(all_have_theirs, "each has its entry", timeout=30)
    assert len(connections(notifying)) == 1

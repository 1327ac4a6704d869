"""Promise 6: the stream outlives the broker, and says from when on messages flow again."""

import time

import pytest

from harness import http_request, wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    access_log access.log;
    sse_broker @BROKER@;
    sse_broker_connect_timeout 1s;
    sse_broker_read_timeout @READ_TIMEOUT@;
    sse_open_timeout 300ms;
    sse_keepalive 300ms;
    server {
        listen 127.0.0.1:@PORT@;
        location ~ ^/events/(?<channel>.+)$ { sse_subscribe $channel; }
        location = /list { sse_subscribe_list $arg_channels; }
        location = /news { sse_subscribe pattern:news.*; }
        location = /renamed { sse_subscribe c; sse_reset_event lost; }
        location = /ping { return 200 pong; }
    }
}
"""

BROKER_AWAY = '{"reason":"broker-away","channel":"%s"}'


def broker_lost(redis, count=1):
    return {"pattern": rf"\[error\].*127\.0\.0\.1:{redis.port}", "count": count}


def broker_back(redis, count=1):
    return {"pattern": rf"\[notice\].*127\.0\.0\.1:{redis.port}", "count": count}


def expect_reset_then(redis, stream, channel, payload):
    """The next event is the reset; what is published once it is there arrives."""
    event = stream.next_event()
    assert (event.name, event.data) == ("reset", BROKER_AWAY % channel)
    redis.publish(channel, payload)
    event = stream.next_event()
    assert (event.name, event.data) == (None, payload)


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_stream_outlives_a_redis_that_ends_and_comes_back(redis, start_nginx, open_stream, end):
    nginx = start_nginx(CONF, BROKER=redis.url, READ_TIMEOUT="500ms")
    stream = open_stream(nginx, "/events/c")
    for i in range(3):
        redis.publish("c", f"before {i}")
        assert stream.next_event().data == f"before {i}"
        getattr(redis, end)()
        nginx.wait_for_log(**broker_lost(redis, count=i + 1))
        assert stream.next_block().comment == "keepalive"
        redis.start()
        expect_reset_then(redis, stream, "c", f"after {i}")
        nginx.wait_for_log(**broker_back(redis, count=i + 1))
    assert nginx.access_log() == []


def test_while_redis_is_away_keepalives_continue_and_the_loss_is_one_error(
    redis, start_nginx, open_stream
):
    nginx = start_nginx(CONF, BROKER=redis.url, READ_TIMEOUT="500ms")
    stream = open_stream(nginx, "/events/c")
    stream.next_block()
    redis.kill()
    nginx.wait_for_log(**broker_lost(redis))
    for _ in range(6):  # several attempts to connect fail in this time
        assert stream.next_block().comment == "keepalive"
    (loss,) = nginx.log_lines(broker_lost(redis)["pattern"])
    assert loss.endswith(("closed by the server", "Connection reset by peer"))


def test_the_reset_comes_once_to_every_stream_and_for_every_channel(
    redis, start_nginx, open_stream
):
    nginx = start_nginx(CONF, BROKER=redis.url, READ_TIMEOUT="500ms")
    streams = [open_stream(nginx, "/events/a") for _ in range(5)]
    several = open_stream(nginx, "/list?channels=a,b,c")
    renamed = open_stream(nginx, "/renamed")
    redis.restart()
    events = several.take(3)
    assert [event.name for event in events] == ["reset"] * 3
    assert sorted(event.data for event in events) == [BROKER_AWAY % name for name in "abc"]
    for stream in streams:
        assert stream.next_event().data == BROKER_AWAY % "a"
    event = renamed.next_event()
    assert (event.name, event.data) == ("lost", BROKER_AWAY % "c")
    redis.publish("a", "x")
    for stream in [*streams, several]:
        assert stream.next_event().data == "x"


def test_a_pattern_is_restored_too(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url, READ_TIMEOUT="500ms")
    stream = open_stream(nginx, "/news")
    redis.restart()
    event = stream.next_event()
    assert event.name == "reset" and '"reason":"broker-away"' in event.data
    redis.publish("news.sport", "x")
    assert stream.next_event().data == "x"


def test_a_redis_that_hangs_is_detected_and_recovered(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url, READ_TIMEOUT="500ms")
    stream = open_stream(nginx, "/events/c")
    redis.pause()
    start = time.monotonic()
    nginx.wait_for_log(**broker_lost(redis))
    assert time.monotonic() - start < 5
    assert http_request(nginx.port, "GET", "/ping").text == "pong"
    redis.resume()
    expect_reset_then(redis, stream, "c", "after")


def test_a_pause_shorter_than_the_timeout_costs_nothing(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url, READ_TIMEOUT="5s")
    stream = open_stream(nginx, "/events/c")
    stream.next_block()
    redis.pause()
    for _ in range(2):
        assert stream.next_block().comment == "keepalive"
    redis.resume()
    redis.publish("c", "x")
    assert stream.next_event().data == "x"
    assert nginx.log_lines(r"\[error\]") == []


def test_a_quiet_but_living_redis_is_never_taken_for_dead(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url, READ_TIMEOUT="500ms")
    stream = open_stream(nginx, "/events/c")
    stream.next_block()
    for _ in range(8):  # 2.4 s: almost five read timeouts
        assert stream.next_block().comment == "keepalive"
    redis.publish("c", "x")
    assert stream.next_event().data == "x"
    assert nginx.log_lines(r"\[error\]") == []


@pytest.mark.parametrize("away", ["not running", "hanging"])
def test_with_redis_away_at_the_start_a_stream_opens_late_and_lives(
    make_redis, start_nginx, send_request, away
):
    redis = make_redis(running=away == "hanging")
    if away == "hanging":
        redis.pause()
    nginx = start_nginx(CONF, BROKER=redis.url, READ_TIMEOUT="500ms")
    start = time.monotonic()
    stream = send_request(nginx, "/events/c").open()
    assert 0.3 - 0.05 <= time.monotonic() - start < 3
    assert stream.next_block().retry is not None
    assert stream.next_block().comment == "keepalive"
    if away == "hanging":
        redis.resume()
    else:
        redis.start()
    expect_reset_then(redis, stream, "c", "first")


def test_a_stream_opened_after_the_recovery_gets_no_reset(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url, READ_TIMEOUT="500ms")
    old = open_stream(nginx, "/events/c")
    redis.restart()
    assert old.next_event().name == "reset"
    new = open_stream(nginx, "/events/c")
    redis.publish("c", "x")
    assert new.next_event().data == "x"


def test_a_subscriber_that_joins_while_redis_is_away_gets_one_reset(
    redis, start_nginx, open_stream
):
    nginx = start_nginx(CONF, BROKER=redis.url, READ_TIMEOUT="500ms")
    open_stream(nginx, "/events/other")
    redis.kill()
    nginx.wait_for_log(**broker_lost(redis))
    stream = open_stream(nginx, "/events/c")
    redis.start()
    expect_reset_then(redis, stream, "c", "x")


@pytest.mark.parametrize("kind", ["pubsub", "normal"])
def test_connections_that_redis_kills_are_made_again(redis, start_nginx, open_stream, kind):
    nginx = start_nginx(CONF, BROKER=redis.url, READ_TIMEOUT="500ms")
    stream = open_stream(nginx, "/events/c")
    for i in range(3):
        before = worker_connections(redis, kind)
        redis.client.execute_command("CLIENT", "KILL", "TYPE", kind)
        wait_until(
            lambda: worker_connections(redis, kind)
            and not worker_connections(redis, kind) & before,
            f"a new {kind} connection",
        )
        if kind == "pubsub":
            expect_reset_then(redis, stream, "c", str(i))
        else:
            # Nothing can have been missed on the other connection.
            redis.publish("c", str(i))
            assert stream.next_event().data == str(i)


def worker_connections(redis, kind):
    """Ids of the connections of a type, without the test's own."""
    own = redis.client.client_id()
    return {entry["id"] for entry in redis.connections(kind)} - {str(own)}


def test_many_channels_are_restored_together(redis, start_nginx, open_stream, pool):
    nginx = start_nginx(CONF, BROKER=redis.url, READ_TIMEOUT="500ms")
    names = [f"c{i}" for i in range(300)]
    lists = [",".join(names[i : i + 30]) for i in range(0, 300, 30)]
    streams = [pool.open(nginx, f"/list?channels={names}", 1)[0] for names in lists]
    redis.restart()
    pool.run_until(lambda: all(len(s.events) == 30 for s in streams), "30 resets for each")
    for name in names:
        redis.publish(name, name)
    pool.run_until(lambda: all(len(s.events) == 60 for s in streams), "30 messages for each")
    assert [text for s in streams for text in s.texts()[30:]] == names


def test_a_worker_without_streams_survives_every_fault(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url, READ_TIMEOUT="500ms")
    open_stream(nginx, "/events/c").close()
    wait_until(lambda: len(nginx.access_log()) == 1, "the stream ended")
    for _ in range(3):
        redis.restart()
    stream = open_stream(nginx, "/events/c")
    redis.publish("c", "x")
    assert stream.events_until(lambda event: event.data == "x")

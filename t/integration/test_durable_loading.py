"""A Redis that reads its file and answers LOADING: streams wait for it, and nothing else does."""

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
    access_log off;
    sse_broker @BROKER@;
    sse_broker_connect_timeout 1s;
    sse_broker_read_timeout 1s;
    sse_open_timeout 300ms;
    sse_keepalive 300ms;
    sse_retry off;
    server {
        listen 127.0.0.1:@PORT@;
        location = /live { sse_subscribe live; }
        location = /s { sse_subscribe s; sse_channel_type stream; }
        location = /t { sse_subscribe t; sse_channel_type stream; }
        location = /unseen { sse_subscribe unseen; sse_channel_type stream; }
        location = /other { sse_broker @OTHER@; sse_subscribe s; sse_channel_type stream; }
        location = /static { alias nginx.conf; }
    }
}
"""

KEYS = 2000
DELAY = 20_000  # microseconds that Redis takes to read each


@pytest.fixture
def redis(make_redis):
    """It answers while it loads: between any two keys."""
    interval = ("--loading-process-events-interval-bytes", "1024")
    return make_redis(*interval, "--rdbcompression", "no")


@pytest.fixture
def other(make_redis):
    return make_redis()


@pytest.fixture
def nginx(redis, other, start_nginx):
    return start_nginx(CONF, BROKER=redis.url, OTHER=other.url)


def restart_slowly(redis):
    """Returns while it loads, which takes until load_at_once()."""
    with redis.client.pipeline(transaction=False) as pipeline:
        for number in range(KEYS):
            pipeline.set(f"filler {number}", "x" * 1024)
        pipeline.execute()
    redis.command("SAVE")
    redis.arguments += ("--key-load-delay", str(DELAY))
    redis.kill()
    redis.start_loading()


def load_at_once(redis):
    redis.command("CONFIG", "SET", "key-load-delay", "0")
    wait_until(lambda: not redis.client.info("persistence")["loading"], "Redis has loaded")


def expect_texts(streams, ids, texts):
    for stream in streams:
        events = stream.take(len(ids), timeout=20)
        assert [(event.name, event.id, event.data) for event in events] == [
            (None, *each) for each in zip(ids, texts, strict=True)
        ]


@pytest.mark.parametrize("bells", ["Ktgx", ""], ids=["notifications", "lanes"])
def test_while_redis_loads_streams_wait_and_then_go_on_without_a_reset(
    redis, other, nginx, open_stream, bells
):
    redis.command("CONFIG", "SET", "notify-keyspace-events", bells)
    ids = redis.add_all("s", ["0", "1", "2", "3"])
    (only,) = redis.add_all("t", ["only"])
    unseen = redis.add_all("unseen", ["a", "b"])
    live = open_stream(nginx, "/live")
    streams = [open_stream(nginx, "/s") for _ in range(3)] + [open_stream(nginx, "/t")]
    assert [stream.next_block().id for stream in streams] == [ids[3]] * 3 + [only]
    elsewhere = open_stream(nginx, "/other")
    assert elsewhere.next_block().id == "0-0"

    restart_slowly(redis)
    nginx.wait_for_log("LOADING")
    back = open_stream(nginx, "/s", cursor=ids[1])
    new = open_stream(nginx, "/unseen", cursor=unseen[0])
    for number in range(6):  # 1.8 s: each asks again three times
        for stream in (*streams, back, new):
            assert stream.next_block().comment == "keepalive"
        expect_texts([elsewhere], other.add_all("s", [f"{number}"]), [f"{number}"])
        assert http_request(nginx.port, "GET", "/static").status == 200
    assert redis.client.info("persistence")["loading"], "the test has to be repeated with more"

    load_at_once(redis)
    expect_texts([back], ids[2:], ["2", "3"])
    expect_texts([new], unseen[1:], ["b"])
    ids = redis.add_all("s", ["4", "5"])
    expect_texts([back, *streams[:3]], ids, ["4", "5"])
    expect_texts(streams[3:], redis.add_all("t", ["2"]), ["2"])
    assert live.next_event().name == "reset"  # live only: what was published meanwhile is gone
    (line,) = nginx.log_lines("LOADING")
    assert "[warn]" in line, "one clear line per cause and minute"

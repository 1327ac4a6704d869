"""A channel that Redis refuses waits by itself: other channels and streams do not notice."""

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
    sse_open_timeout 300ms;
    sse_channel_type stream;
    server {
        listen 127.0.0.1:@PORT@;
        location = /s { sse_subscribe_list $arg_c; }
        location = /oldest { sse_subscribe_list $arg_c; sse_start oldest; }
    }
}
"""

GONE_RETRY = 45  # seconds until a channel that was refused is tried again, at most


def refuse_type(redis):
    redis.command("SET", "refused", "not a stream")


def allow_type(redis):
    redis.command("DEL", "refused")


def refuse_access(redis):
    redis.command("ACL", "SETUSER", "reader", "resetkeys", "~good*")


def allow_access(redis):
    redis.command("ACL", "SETUSER", "reader", "~refused")


REFUSALS = [
    pytest.param(refuse_type, allow_type, "WRONGTYPE", id="WRONGTYPE"),
    pytest.param(refuse_access, allow_access, "NOPERM", id="NOPERM"),
]


@pytest.fixture
def nginx(redis, start_nginx):
    redis.command("ACL", "SETUSER", "reader", "on", ">secret", "+@all", "&*", "~*")
    return start_nginx(CONF, BROKER=f"redis://reader:secret@127.0.0.1:{redis.port}")


def expect_live(redis, streams, text):
    redis.add("good", "data", text)
    for stream in streams:
        assert stream.events_until(lambda event: event.data == text, timeout=20)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("refuse, allow, error", REFUSALS)
def test_a_refused_channel_harms_no_other_and_comes_when_it_is_allowed(
    redis, nginx, open_stream, refuse, allow, error
):
    refuse(redis)
    redis.add("good", "data", "before")
    alone = open_stream(nginx, "/s?c=good")
    both = open_stream(nginx, "/s?c=good,refused")
    refused = open_stream(nginx, "/s?c=refused")
    resumed = open_stream(nginx, "/oldest?c=good,refused")
    for number in range(20):
        expect_live(redis, (alone, both, resumed), f"{number}")
    lines = nginx.wait_for_log(error)
    assert all("refused" in line for line in lines), lines
    assert len(lines) <= 2, "one clear line per cause and minute"
    assert refused.end is None
    allow(redis)
    redis.add("refused", "data", "at last")
    for stream in refused, both, resumed:
        events = stream.events_until(
            lambda event: event.data == "at last" or event.name, GONE_RETRY
        )
        if events[-1].name:  # it opened without a position there: from when on entries flow
            redis.add("refused", "data", "after the reset")
            stream.events_until(lambda event: event.data == "after the reset")
    expect_live(redis, (alone, both), "to the end")


def test_a_channel_that_becomes_refused_is_resumed_without_a_loss(redis, nginx, open_stream):
    both = open_stream(nginx, "/s?c=good,refused")
    both.next_block()
    redis.add("refused", "data", "first")
    assert both.next_event().data == "first"
    with redis.client.pipeline(transaction=True) as pipeline:
        pipeline.rename("refused", "elsewhere").set("refused", "not a stream").execute()
    for number in range(5):
        expect_live(redis, [both], f"{number}")
    with redis.client.pipeline(transaction=True) as pipeline:
        pipeline.delete("refused").rename("elsewhere", "refused")
        pipeline.xadd("refused", {"data": "second"}).execute()
    events = both.events_until(lambda event: event.data == "second", GONE_RETRY)
    assert not any(event.name for event in events), events


@pytest.mark.timeout(120)
@pytest.mark.parametrize("refuse, allow, error", REFUSALS)
def test_a_channel_that_is_refused_while_it_is_waited_for_harms_no_other(
    redis, nginx, open_stream, refuse, allow, error
):
    good, refused = open_stream(nginx, "/s?c=good"), open_stream(nginx, "/s?c=refused")
    redis.add("refused", "data", "before")
    assert refused.next_event(timeout=20).data == "before"
    expect_live(redis, [good], "before")
    redis.command("DEL", "refused")
    refuse(redis)
    # One connection waits for both channels: what it is refused stops it for both.
    for number in range(20):
        expect_live(redis, [good], f"{number}")
    nginx.wait_for_log(f'channel "refused" cannot be read: {error}', timeout=GONE_RETRY)
    allow(redis)
    redis.add("refused", "data", "after")
    refused.events_until(lambda event: event.data == "after", timeout=GONE_RETRY)

"""Durable channels in states that nobody wants: nothing is asked at full speed, lost, or said twice."""

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log notice;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    sse_channel_type stream;
    server {
        listen 127.0.0.1:@PORT@;
        location = /orders { sse_subscribe orders; }
        location = /news { sse_subscribe news; }
        location = /both { sse_subscribe orders news; }
    }
}
"""

READS = ("xrange", "xrevrange", "xinfo|stream", "multi", "exec", "xread")


def with_cursor(cursor):
    return {"headers": (("Last-Event-ID", cursor),)}


def reads(redis):
    """How many commands were asked about streams."""
    stats = redis.client.info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in READS)


def reads_meanwhile(redis, stream, channel):
    """The same while 50 entries go through another channel, one after the other."""
    before = reads(redis)
    for number in range(50):
        redis.command("XADD", channel, "*", "data", number)
        assert stream.next_event().data == str(number)
    return reads(redis) - before


def test_a_cursor_where_the_stream_ends_without_an_entry_is_not_asked_for_at_full_speed(
    redis, start_nginx, open_stream
):
    nginx = start_nginx(CONF, BROKER=redis.url)
    bystander = open_stream(nginx, "/news")
    redis.command("XADD", "orders", "5-1", "data", "old")
    live = open_stream(nginx, "/orders")
    usual = reads_meanwhile(redis, bystander, "news")
    redis.command("XSETID", "orders", "7-0")
    ahead = open_stream(nginx, "/orders", **with_cursor("7-0"))
    assert reads_meanwhile(redis, bystander, "news") < 2 * usual
    redis.command("XADD", "orders", "8-0", "data", "new")
    for stream in (live, ahead):
        assert stream.next_event() == ("new", None, "8-0", None, None)
    ahead.close()


def test_a_cursor_that_this_worker_has_not_read_yet_is_no_reason_for_a_reset(
    redis, start_nginx, open_stream
):
    redis.command("ACL", "SETUSER", "slow", "on", ">pw", "~*", "&*", "+@all", "-xread")
    nginx = start_nginx(CONF, BROKER=f"redis://slow:pw@127.0.0.1:{redis.port}")
    redis.command("XADD", "orders", "5-1", "data", "old")
    open_stream(nginx, "/orders")
    for number in range(3):  # of which nothing tells this worker
        redis.command("XADD", "orders", f"6-{number}", "data", number)
    stream = open_stream(nginx, "/orders", **with_cursor("6-1"))
    assert stream.next_event() == ("2", None, "6-2", None, None)


def test_a_cursor_that_is_none_is_replaced_by_one_of_all_channels(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url)
    stream = open_stream(nginx, "/both", **with_cursor("nonsense"))
    assert stream.next_event().name == "reset"
    cursor = stream.next_block().id
    stream.close()
    for channel in ("orders", "news"):
        redis.command("XADD", channel, "*", "data", channel)
    stream = open_stream(nginx, "/both", **with_cursor(cursor))
    assert {event.data for event in stream.take(2)} == {"orders", "news"}

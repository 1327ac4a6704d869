"""Durable channels in states that nobody wants: nothing is asked at full speed, lost, or said twice."""

import contextlib
import queue
import socket
import threading
import time

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
    large_client_header_buffers 4 32k;
    map $arg_many $many { default "$arg_many$arg_many$arg_many$arg_many"; }
    server {
        listen 127.0.0.1:@PORT@ sndbuf=8k;
        location = /orders { sse_subscribe orders; }
        location = /news { sse_subscribe news; }
        location = /few { sse_subscribe orders; sse_max_replay 5; }
        location = /greeted {
            sse_subscribe orders;
            sse_open_timeout 50ms;
            sse_greeting "$many$many$many$many$many$many$many$many$many$many";
        }
        location = /both { sse_subscribe orders news; }
        location = /blocks { sse_subscribe orders news; sse_payload event; }
    }
}
"""

READS = ("xrange", "xrevrange", "xinfo|stream", "multi", "exec", "xread")


class LongWay:
    """A relay to a Redis that keeps everything for a while, in both directions."""

    DELAY = 0.6  # seconds

    def __init__(self, redis):
        self._target = ("127.0.0.1", redis.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        self._start(self._accept)

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _start(self, function, *arguments):
        threading.Thread(target=function, args=arguments, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
                for ends in ((near, far), (far, near)):
                    kept = queue.SimpleQueue()
                    self._start(self._take, ends[0], kept)
                    self._start(self._bring, kept, ends[1])

    def _take(self, source, kept):
        data = b"-"
        while data:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            kept.put((time.monotonic() + self.DELAY, data))

    def _bring(self, kept, target):
        data = b"-"
        with contextlib.suppress(OSError):
            while data:
                due, data = kept.get()
                time.sleep(max(due - time.monotonic(), 0))
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)


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


def test_the_cursor_moves_when_all_events_of_an_entry_are_there(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url)
    stream = open_stream(nginx, "/blocks")
    start = stream.next_block().id or stream.next_block().id
    large = "x" * 500_000
    redis.command("XADD", "orders", "*", "data", f"data: first\n\ndata: {large}\n\n")
    first = stream.next_event()
    assert (first.data, first.id) == ("first", None)
    stream.close()  # in the middle of the second
    stream = open_stream(nginx, "/blocks", **with_cursor(start))
    assert [(event.data, event.id) for event in stream.take(2)] == [("first", None), (large, None)]
    end = stream.next_block()
    assert end.id and end.data is None
    stream.close()
    redis.command("XADD", "news", "*", "data", "data: next\n\n")
    stream = open_stream(nginx, "/blocks", **with_cursor(end.id))
    assert stream.next_event().data == "next"


def test_a_slow_reader_gets_every_entry_and_its_id_whole(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url)
    stream = open_stream(nginx, "/blocks", receive_buffer=4096)
    with redis.client.pipeline(transaction=False) as pipeline:
        for number in range(200):
            channel = ("orders", "news")[number % 2]
            pipeline.execute_command(
                "XADD", channel, "*", "data", f"data: {number}\n\ndata: {'x' * 20_000}\n\n"
            )
        pipeline.execute()
    seen, ids = [], []
    while len(ids) < 200:
        block = stream.next_block()
        if block.data is None:
            ids += [block.id] if block.id and seen else []
        elif block.data[0] != "x":
            assert block.id is None and len(ids) == len(seen)
            seen.append(int(block.data))
    for parity in (0, 1):
        assert [number for number in seen if number % 2 == parity] == list(range(parity, 200, 2))
    assert len(set(ids)) == 200


def test_an_entry_without_an_event_moves_the_cursor_and_nothing_else(
    redis, start_nginx, open_stream
):
    nginx = start_nginx(CONF, BROKER=redis.url)
    stream = open_stream(nginx, "/blocks")
    redis.command("XADD", "orders", "*", "data", ": comment\n\n")
    redis.command("XADD", "orders", "*", "data", "data: event\n\n")
    assert stream.next_event().data == "event"


def test_whose_socket_was_full_before_the_channel_was_known_gets_what_comes(
    make_redis, start_nginx, open_stream
):
    redis = make_redis(running=False)
    nginx = start_nginx(CONF, BROKER=redis.url)
    slow = open_stream(nginx, "/greeted?many=" + "x" * 20_000, receive_buffer=4096)
    redis.start()
    other = open_stream(nginx, "/orders")
    for number in range(3):
        redis.command("XADD", "orders", "*", "data", number)
        assert other.events_until(lambda event: event.name is None)[-1].data == str(number)
    names = [event.name or event.data for event in slow.take(5)]
    assert names[0].startswith("xxx") and names[1:] == ["reset", "0", "1", "2"]


def test_a_redis_that_takes_a_second_for_each_answer_serves_a_replay_of_some_pages(
    redis, start_nginx, open_stream
):
    texts = [str(number) for number in range(1300)]
    ids = redis.add_all("orders", texts)
    with contextlib.closing(LongWay(redis)) as way:
        nginx = start_nginx(CONF, BROKER=way.url)
        stream = open_stream(nginx, "/orders", cursor=ids[0])
        events = stream.take(1299, timeout=25)  # what is silent is looked at after 30 s
        assert [event.data for event in events] == texts[1:]


def test_who_reads_nothing_does_not_make_the_replays_of_others_small(
    redis, start_nginx, open_stream
):
    first = redis.command("XADD", "orders", "*", "data", "first").decode()
    for _ in range(5):
        redis.command("XADD", "orders", "*", "data", "x" * 900_000)
    with redis.client.pipeline(transaction=False) as pipeline:
        for number in range(3000):
            pipeline.execute_command("XADD", "orders", "*", "data", number)
        pipeline.execute()
    nginx = start_nginx(CONF, BROKER=redis.url)
    stuck = open_stream(nginx, "/few", receive_buffer=4096, **with_cursor(first))
    stuck.discard_until(lambda data: b"xxx" in data)
    before = reads(redis)
    reader = open_stream(nginx, "/orders", **with_cursor(first))
    assert [event.data for event in reader.take(3005)][-1] == "2999"
    assert reads(redis) - before < 400  # for 256 entries, pages are as small as those large ones ask

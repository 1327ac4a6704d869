"""From PUBLISH to every subscriber, in order, once."""

import threading

CONF = """
load_module @MODULE@;
worker_processes @WORKERS@;
error_log error.log info;
pid nginx.pid;
events { worker_connections 1024; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    sse_buffer_size 64m;  # the readers here share two cores with everything else
    server {
        listen 127.0.0.1:@PORT@ reuseport;
        add_header X-Worker $pid;
        location ~ ^/events/(?<channel>.+)$ { sse_subscribe $channel; }
        location = /three { sse_subscribe a b c; sse_default_event channel; }
        location = /list { sse_subscribe_list $arg_channels; sse_default_event channel; }
    }
}
"""


def spread_over_workers(pool, nginx, path, workers, per_worker):
    """Opens streams until every worker has at least per_worker of them."""
    streams = []

    def is_spread():
        counts = {}
        for stream in streams:
            pid = stream.head.get("X-Worker")
            counts[pid] = counts.get(pid, 0) + 1
        return len(counts) == workers and min(counts.values()) >= per_worker

    while not is_spread():
        assert len(streams) < 100 * workers, "the kernel does not spread the connections"
        streams += pool.open(nginx, path, workers)
    return streams


def test_a_message_reaches_every_subscriber_on_four_workers(redis, start_nginx, pool):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=4)
    streams = spread_over_workers(pool, nginx, "/events/news", workers=4, per_worker=10)
    assert redis.publish("news", "hello") == 4  # one subscription for each worker, not each client
    pool.run_until(lambda: all(stream.events for stream in streams), "every subscriber has it")
    redis.publish("news", "end")
    pool.run_until(lambda: all(len(s.events) >= 2 for s in streams), "every subscriber has both")
    assert {tuple(stream.texts()) for stream in streams} == {("hello", "end")}


def test_a_hundred_thousand_pipelined_messages_arrive_in_order_on_four_workers(
    redis, start_nginx, pool
):
    count = 100_000
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=4)
    streams = spread_over_workers(pool, nginx, "/events/news", workers=4, per_worker=1)
    expected = [str(i) for i in range(count)]
    publisher = threading.Thread(target=publish_in_batches, args=(redis, "news", expected))
    publisher.start()
    pool.run_until(
        lambda: all(len(stream.events) >= count or stream.end for stream in streams),
        "all messages at all subscribers",
        timeout=50,
    )
    publisher.join()
    for stream in streams:
        assert stream.end is None
        assert stream.texts() == expected


def test_who_joins_under_load_gets_an_unbroken_run_to_the_end(redis, start_nginx, pool):
    count = 20_000
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=2)
    first = pool.open(nginx, "/events/news", 2)
    expected = [str(i) for i in range(count)]
    publisher = threading.Thread(target=publish_in_batches, args=(redis, "news", expected))
    publisher.start()
    late = []
    while len(late) < 20:
        late += pool.open(nginx, "/events/news", 2)
    pool.run_until(
        lambda: all(s.events and s.events[-1].data == expected[-1] for s in first),
        "the end at the first subscribers",
        timeout=30,
    )
    publisher.join()
    redis.publish("news", "end")
    pool.run_until(
        lambda: all(s.events and s.events[-1].data == "end" for s in first + late),
        "the end at all subscribers",
    )
    for stream in first:
        assert stream.texts() == [*expected, "end"]
    for stream in late:
        *numbers, _ = stream.texts()
        assert numbers == expected[count - len(numbers) :]
    assert any(len(stream.events) > 1 for stream in late), "none joined before the end"


def publish_in_batches(redis, channel, payloads, batch=5_000):
    with redis.make_client() as client:
        for start in range(0, len(payloads), batch):
            with client.pipeline(transaction=False) as pipeline:
                for payload in payloads[start : start + batch]:
                    pipeline.execute_command("PUBLISH", channel, payload)
                pipeline.execute()


def test_messages_of_several_channels_arrive_in_the_order_of_their_publication(
    redis, start_nginx, open_stream
):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1)
    stream = open_stream(nginx, "/three")
    sent = [("abc"[(i * i) % 3], str(i)) for i in range(3_000)]
    with redis.client.pipeline(transaction=False) as pipeline:
        for channel, payload in sent:
            pipeline.execute_command("PUBLISH", channel, payload)
        pipeline.execute()
    events = stream.take(len(sent))
    assert [(event.name, event.data) for event in events] == sent


def test_other_channels_are_not_delivered(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1)
    stream = open_stream(nginx, "/events/news")
    open_stream(nginx, "/events/News")
    open_stream(nginx, "/events/news.sport")
    for channel in ("News", "news.sport", "new", "newss", "news"):
        redis.publish(channel, channel)
    assert stream.next_event().data == "news"


def test_subscribe_list_splits_at_commas(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1)
    stream = open_stream(nginx, "/list?channels=a,b.b,c:c")
    for channel in ("a,b.b,c:c", "d", "a", "b.b", "c:c"):
        redis.publish(channel, f"to {channel}")
    assert [event.data for event in stream.take(3)] == ["to a", "to b.b", "to c:c"]


def test_a_channel_named_twice_is_delivered_once(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1)
    stream = open_stream(nginx, "/list?channels=a,b,a")
    redis.publish("a", "1")
    redis.publish("b", "2")
    assert [event.data for event in stream.take(2)] == ["1", "2"]


def test_streams_of_one_channel_with_other_encodings_share_the_subscription(
    redis, start_nginx, open_stream
):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1)
    plain = open_stream(nginx, "/events/a")
    named = open_stream(nginx, "/list?channels=a")
    old = open_stream(nginx, "/events/a", version="1.0")
    assert redis.publish("a", "x") == 1
    assert (plain.next_event().name, named.next_event().name) == (None, "a")
    assert old.next_event().data == "x"


def test_a_subscription_is_kept_a_while_for_a_subscriber_that_comes_back(
    redis, start_nginx, open_stream
):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1)
    first = open_stream(nginx, "/events/a")
    second = open_stream(nginx, "/events/a")
    first.close()
    redis.publish("a", "1")
    assert second.next_event().data == "1"
    second.close()
    # Within the linger: the subscription is still there, and is kept.
    third = open_stream(nginx, "/events/a")
    assert redis.publish("a", "2") == 1
    assert third.next_event().data == "2"

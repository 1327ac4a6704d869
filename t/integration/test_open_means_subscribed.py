"""Promise 1: a message published after a client saw `open` reaches that client."""

from harness import http_request, wait_until

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
    sse_open_timeout 30s;
    server {
        listen 127.0.0.1:@PORT@ reuseport;
        location ~ ^/events/(?<channel>.+)$ { sse_subscribe $channel; }
        location = /list { sse_subscribe_list $arg_channels; }
        location = /ping { return 200 pong; }
    }
}
"""


def test_a_message_published_at_the_moment_of_open_arrives_a_thousand_times(
    redis, start_nginx, open_stream
):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1)
    for i in range(1_000):
        stream = open_stream(nginx, f"/events/channel{i}")
        assert redis.publish(f"channel{i}", str(i)) == 1
        assert stream.next_event().data == str(i)
        stream.close()


def test_a_message_published_at_the_moment_of_open_arrives_on_four_workers(
    redis, start_nginx, pool
):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=4)

    def publish(stream):
        redis.publish(stream.path.rpartition("/")[2], f"for {stream.socket.fileno()}")

    for i in range(3):
        streams = []
        for j in range(200):
            # Ten streams for a channel: some are the first of their worker, some find it subscribed.
            stream = pool.start(nginx, f"/events/channel{i}-{j // 10}", on_open=publish)
            pool.run_until(lambda: stream.head, "the head")
            streams.append(stream)
        pool.run_until(
            lambda: all(f"for {s.socket.fileno()}" in s.texts() for s in streams),
            "every stream got what was published when it opened",
        )
        pool.close_streams(streams)


def test_resubscribing_at_once_after_the_last_subscriber_went_loses_nothing(
    redis, start_nginx, open_stream
):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1)
    for i in range(200):
        stream = open_stream(nginx, "/events/same")
        redis.publish("same", str(i))
        assert stream.next_event().data == str(i)
        stream.close()


def test_the_header_waits_for_the_brokers_confirmation(redis, start_nginx, send_request):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1)
    send_request(nginx, "/events/warm").open()
    redis.pause()
    stream = send_request(nginx, "/events/news")
    # The only worker answers this after it has read the request above.
    assert http_request(nginx.port, "GET", "/ping").text == "pong"
    assert not stream.connection.has_bytes()
    redis.resume()
    stream.open()
    redis.publish("news", "x")
    assert stream.next_event().data == "x"


def test_a_stream_of_several_channels_opens_when_all_are_confirmed(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1)
    for i in range(50):
        channels = [f"c{i}-{j}" for j in range(10)]
        stream = open_stream(nginx, f"/list?channels={','.join(channels)}")
        for channel in channels:
            redis.publish(channel, channel)
        assert [event.data for event in stream.take(10)] == channels


def test_a_client_that_leaves_before_the_confirmation_leaves_nothing_behind(
    redis, start_nginx, send_request
):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1)
    send_request(nginx, "/events/warm").open()
    redis.pause()
    for i in range(20):
        send_request(nginx, f"/events/gone{i}").close()
    stay = send_request(nginx, "/events/gone0")
    assert http_request(nginx.port, "GET", "/ping").text == "pong"
    redis.resume()
    stay.open()
    redis.publish("gone0", "x")
    assert stay.next_event().data == "x"
    wait_until(
        lambda: all(redis.subscribers(f"gone{i}") == 0 for i in range(1, 20)),
        "the subscriptions of those who left end",
        timeout=30,
    )
    assert redis.subscribers("gone0") == 1


def test_new_channels_are_asked_for_without_waiting_for_the_answers_of_others(
    redis, start_nginx, send_request
):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1)
    send_request(nginx, "/events/warm").open()
    before = reads_of(redis)
    count = 300
    redis.pause()
    streams = [send_request(nginx, f"/events/new{i}") for i in range(count)]
    # The only worker answers this after it has read the requests above.
    assert http_request(nginx.port, "GET", "/ping").text == "pong"
    redis.resume()
    for stream in streams:
        stream.open(timeout=20)
    assert redis.command("PUBSUB", "NUMSUB", "new0")[1] == 1
    assert reads_of(redis) - before < count / 5


def reads_of(redis):
    """How many times Redis has read from a connection."""
    return redis.command("INFO", "stats")["total_reads_processed"]

"""Sentences of the README that no other test holds true."""

from harness import wait_until

CONF = """
load_module @MODULE@;
worker_processes @WORKERS@;
error_log error.log info;
pid nginx.pid;
events { worker_connections 512; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    server {
        listen 127.0.0.1:@PORT@ reuseport;
        add_header X-Worker $pid;
        location = / { sse_subscribe news; }
        location ~ ^/durable/(?<channel>.+)$ { sse_channel_type stream; sse_subscribe $channel; }
        location = /small { sse_max_message 1k; sse_subscribe news; }
    }
}
"""


def test_each_worker_opens_two_connections_and_subscribes_once_however_many_read(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=2)
    workers = set()
    while len(workers) < 2:  # the kernel chooses
        workers.add(open_stream(nginx, "/").head.get("X-Worker"))
    for _ in range(10):
        open_stream(nginx, "/")
    assert redis.subscribers("news") == 2

    def connections():
        return len(redis.connections("pubsub")), len(redis.connections("normal")) - 1  # the test's own

    wait_until(lambda: connections() == (2, 2), "two connections for each worker")


def test_a_worker_waits_for_256_channels_on_one_connection(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1)
    for number in range(256):
        open_stream(nginx, f"/durable/{number}")
    # The command connection, one for those that are waited for, and the test's own.
    wait_until(lambda: len(redis.connections("normal")) == 3, "one connection is enough", timeout=20)


def test_of_locations_that_share_a_channel_the_largest_sse_max_message_counts(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1)
    small = open_stream(nginx, "/small")
    redis.publish_all("news", ["x" * 1025, "alone"])
    assert [event.data for event in small.take(1)] == ["alone"]
    open_stream(nginx, "/")
    redis.publish_all("news", ["y" * 1025])
    assert [event.data for event in small.take(1)] == ["y" * 1025]
    assert len(nginx.log_lines("over sse_max_message")) == 1

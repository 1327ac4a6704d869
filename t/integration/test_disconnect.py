"""Clients that go away: noticed at once, and everything of theirs is freed."""

import pytest

from harness import processes, wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 512; }
http {
    @TEMP_PATHS@
    access_log access.log;
    sse_broker @BROKER@;
    sse_buffer_size 16m;
    server {
        listen 127.0.0.1:@PORT@ sndbuf=16k;
        location ~ ^/events/(?<channel>.+)$ { sse_subscribe $channel; }
        location ~ ^/filtered/(?<channel>.+)$ { sse_subscribe $channel; sse_direct off; }
        location = /all { sse_subscribe pattern:*; }
        location = /clock { sse_subscribe clock; sse_retry off; sse_keepalive 1s; }
        location = /ping { return 200 pong; }
    }
}
"""

LINGER = 30  # seconds; more than the module keeps an unused subscription


@pytest.fixture
def nginx(redis, start_nginx):
    return start_nginx(CONF, BROKER=redis.url)


def streams_ended(nginx):
    return len([line for line in nginx.access_log() if "/ping" not in line])


@pytest.mark.parametrize("leave", ["close", "reset"])
@pytest.mark.parametrize("kind", ["events", "filtered"])
def test_an_idle_client_that_leaves_is_noticed_at_once(nginx, open_stream, leave, kind):
    stream = open_stream(nginx, f"/{kind}/c")
    getattr(stream, leave)()
    # Nothing is written to the stream in this time: the keepalive is 15 s away.
    wait_until(lambda: streams_ended(nginx) == 1, "the stream ends", timeout=2)


@pytest.mark.parametrize("leave", ["close", "reset"])
@pytest.mark.parametrize("kind", ["events", "filtered"])
def test_a_client_that_leaves_in_the_middle_of_an_event_harms_nobody(
    redis, nginx, open_stream, leave, kind
):
    large = "x" * 1_000_000
    for i in range(5):
        leaving = open_stream(nginx, f"/{kind}/c", receive_buffer=4096, max_segment=536)
        staying = open_stream(nginx, f"/{kind}/c")
        redis.publish("c", large)
        assert staying.next_event().data == large
        leaving.next_block()
        while leaving.is_at_block_boundary:
            leaving.read_some()
        getattr(leaving, leave)()
        redis.publish("c", f"after {i}")
        assert staying.next_event().data == f"after {i}"
        staying.close()
    wait_until(lambda: streams_ended(nginx) == 10, "all streams end")


def test_the_subscription_ends_after_the_last_subscriber_left(redis, nginx, open_stream):
    streams = [open_stream(nginx, "/events/c") for _ in range(3)]
    other = open_stream(nginx, "/events/other")
    assert redis.subscribers("c") == 1
    for stream in streams:
        stream.close()
    wait_until(lambda: redis.subscribers("c") == 0, "Redis has no subscriber", timeout=LINGER)
    assert redis.subscribers("other") == 1
    redis.publish("other", "x")
    assert other.next_event().data == "x"


def test_a_pattern_subscription_ends_too(redis, nginx, open_stream):
    open_stream(nginx, "/all").close()
    assert redis.client.pubsub_numpat() == 1
    wait_until(lambda: redis.client.pubsub_numpat() == 0, "Redis has no pattern", timeout=LINGER)


def test_descriptors_return_to_what_they_were(redis, nginx, pool, open_stream):
    (worker,) = nginx.worker_pids()
    open_stream(nginx, "/events/warm")  # the broker's connections are there from now on
    before = processes.fd_count(worker)
    for _ in range(3):
        streams = pool.open(nginx, "/events/c", 100)
        assert processes.fd_count(worker) >= before + 100
        pool.close_streams(streams)
        wait_until(lambda: processes.fd_count(worker) == before, "descriptors are closed")


def test_clients_that_leave_while_messages_flow_do_not_disturb_those_who_stay(redis, nginx, pool):
    staying = pool.open(nginx, "/events/c", 5)
    for i in range(20):
        leaving = pool.open(nginx, "/events/c", 20)
        redis.publish_all("c", [f"{i}-{j}" for j in range(50)])
        pool.close_streams(leaving)
    expected = [f"{i}-{j}" for i in range(20) for j in range(50)]
    pool.run_until(lambda: all(len(s.events) >= 1000 for s in staying), "all messages")
    for stream in staying:
        assert stream.texts() == expected


def test_bytes_after_the_request_keep_neither_the_worker_busy_nor_the_disconnect_hidden(
    redis, nginx, open_stream
):
    (worker,) = nginx.worker_pids()
    clock = open_stream(nginx, "/clock")
    stream = open_stream(nginx, "/events/c")
    stream.connection.send(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
    redis.publish("c", "x")
    assert stream.next_event().data == "x"
    clock.next_block()
    before = processes.cpu_seconds(worker)
    clock.next_block()
    # One second has passed. A worker that spins would have used most of it.
    assert processes.cpu_seconds(worker) - before < 0.3
    stream.close()
    wait_until(lambda: streams_ended(nginx) >= 1, "the stream ends", timeout=2)

"""Many channels with large entries: what is asked about all of them does not pile up in Redis."""

import pytest

from harness import wait_until

CHANNELS = 128
AT_ONCE = 8  # of one stream
ENTRY_SIZE = 500_000
# All answers together have more than six times as much. Redis cuts off who lets more than this pile up.
MOST_UNREAD = 10_000_000

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
    sse_channel_type stream;
    server {
        listen 127.0.0.1:@PORT@;
        location = /s { sse_subscribe_list $arg_c; }
        location = /last { sse_subscribe_list $arg_c; sse_start last=1; }
    }
}
"""

NAMES = [f"c{number}" for number in range(CHANNELS)]
PATHS = [",".join(NAMES[begin : begin + AT_ONCE]) for begin in range(0, CHANNELS, AT_ONCE)]


@pytest.fixture
def nginx(redis, start_nginx):
    for name in NAMES:
        redis.add(name, "data", f"{name} {'x' * ENTRY_SIZE}")
    redis.command("CONFIG", "SET", "client-output-buffer-limit", f"normal {MOST_UNREAD} 0 0")
    return start_nginx(CONF, BROKER=redis.url)


def calls(redis, command):
    return redis.client.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"]


def cut_connections(redis):
    for kind in "normal", "pubsub":
        for client in redis.connections(kind):
            if client["name"].startswith("nginx"):
                redis.command("CLIENT", "KILL", "ID", client["id"])


@pytest.mark.timeout(120)
@pytest.mark.parametrize("path, at_start", [("/s", 0), ("/last", 1)])
def test_what_is_asked_about_many_channels_does_not_pile_up(redis, nginx, pool, path, at_start):
    def run_until_all_have(count, what):
        pool.run_until(
            lambda: all(
                stream.head and len(stream.events) == count * AT_ONCE for stream in pool.streams
            ),
            what,
            timeout=50,
        )

    redis.command("CONFIG", "RESETSTAT")
    for names in PATHS:
        pool.start(nginx, f"{path}?c={names}")
    run_until_all_have(at_start, "open streams")
    assert calls(redis, "xinfo|stream") == CHANNELS

    redis.command("CONFIG", "RESETSTAT")
    cut_connections(redis)
    wait_until(lambda: calls(redis, "xrange") >= CHANNELS, "all are checked", timeout=50)
    for name in NAMES:
        redis.add(name, "data", "after the check")
    run_until_all_have(at_start + 1, "what came after the check")
    # A check, perhaps another when its lane is back, and the news, perhaps told twice.
    assert calls(redis, "xrange") <= 4 * CHANNELS
    assert "output buffer limits" not in redis.log(), "Redis held more than it may"

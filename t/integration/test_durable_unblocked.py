"""XREADs that are ended from outside: who waits for entries does not notice."""

import pytest

from harness import wait_until

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
        location ~ ^/(?<channel>.+)$ { sse_subscribe $channel; }
    }
}
"""

STREAMS = [f"s{number}" for number in range(8)]


@pytest.fixture
def nginx(redis, start_nginx):
    return start_nginx(CONF, BROKER=redis.url)


@pytest.fixture
def streams(nginx, open_stream):
    """One reader of each stream; each has been given its position."""
    opened = {name: open_stream(nginx, f"/{name}") for name in STREAMS}
    for stream in opened.values():
        assert stream.next_block().id == "0-0"
    return opened


def blocked(redis):
    """Ids of the clients that wait in a command."""
    return [each["id"] for each in redis.connections("normal") if "b" in each["flags"]]


def unblock_all(redis, how):
    """Returns how many commands this has ended."""
    wait_until(lambda: blocked(redis), "a command waits")
    return sum(redis.command("CLIENT", "UNBLOCK", each, how) for each in blocked(redis))


def expect_all(streams, ids):
    """Each stream's reader gets all entries that were added, and nothing else."""
    for name, stream in streams.items():
        events = stream.take(len(ids[name]), timeout=20)
        assert [(event.name, event.id) for event in events] == [(None, each) for each in ids[name]]


@pytest.mark.parametrize("how", ["ERROR", "TIMEOUT"])
def test_commands_that_somebody_unblocks_lose_nothing(redis, nginx, streams, how):
    ids = {name: [] for name in STREAMS}
    unblocked = 0
    for number in range(30):
        unblocked += unblock_all(redis, how)
        # As it is told, as it takes its breath, and as it asks again.
        for name in STREAMS[number % 3 :: 3]:
            ids[name] += redis.add_all(name, [f"{number}"])
    expect_all(streams, ids)
    assert unblocked >= 30
    assert len(nginx.log_lines("UNBLOCKED")) == (how == "ERROR"), "one line per cause and minute"
    assert not nginx.log_lines("connection lost")


def test_commands_that_a_change_of_role_ends_lose_nothing(redis, nginx, streams):
    ids = {name: [] for name in STREAMS}
    for number in range(5):
        wait_until(lambda: blocked(redis), "a command waits")
        redis.command("REPLICAOF", "127.0.0.1", "1")  # nobody is there
        redis.command("REPLICAOF", "NO", "ONE")
        for name in STREAMS:
            ids[name] += redis.add_all(name, [f"{number}"])
    expect_all(streams, ids)
    assert len(nginx.log_lines("UNBLOCKED")) == 1, "one line per cause and minute"
    assert not nginx.log_lines(r"\[error\]")

"""Promise 4 on a replica: what it lacks without its master is not taken for lost."""

import contextlib
import json

import pytest

from harness import WaitTimeout, wait_until

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
    sse_retry off;
    sse_channel_type stream;
    server {
        listen 127.0.0.1:@PORT@;
        location ~ ^/(?<channel>.+)$ { sse_subscribe $channel; }
    }
}
"""

HELD = 2.5  # seconds that a client is watched: its channel is judged about every half a second


class Pair:
    """A master, and the replica that nginx reads. The link between them can be cut and mended."""

    def __init__(self, make_redis):
        self.master = make_redis("--repl-diskless-sync-delay", "0")
        self.replica = make_redis("--replicaof", "127.0.0.1", str(self.master.port))
        self.wait_for_link("up")

    def cut(self):
        """The master lets its replica in no more, and goes on."""
        self.master.command("ACL", "SETUSER", "default", "-psync", "-sync")
        self.master.command("CLIENT", "KILL", "TYPE", "replica")
        self.wait_for_link("down")

    def mend(self):
        self.master.command("ACL", "SETUSER", "default", "+psync", "+sync")
        self.wait_for_link("up")

    def wait_for_link(self, state):
        def has_state():
            return self.replica.client.info("replication")["master_link_status"] == state

        wait_until(has_state, f"the link is {state}")

    def add_all(self, stream, texts):
        """Adds entries that the replica has when this returns; returns their ids."""
        ids = self.master.add_all(stream, texts)
        wait_until(lambda: self.replica.client.xrange(stream, ids[-1]), "the replica has them")
        return ids


@pytest.fixture
def pair(make_redis):
    return Pair(make_redis)


@pytest.fixture
def nginx(pair, start_nginx):
    return start_nginx(CONF, BROKER=pair.replica.url)


def expect_nothing(streams):
    for stream in streams:
        with contextlib.suppress(WaitTimeout):
            block = stream.next_block(timeout=HELD / len(streams))
            raise AssertionError(f"{stream!r}: {block}")


def expect_events(stream, ids, texts):
    events = stream.take(len(ids), timeout=20)
    assert [(event.name, event.id, event.data) for event in events] == [
        (None, *each) for each in zip(ids, texts, strict=True)
    ]


def expect_reset(stream, reason):
    event = stream.next_event(timeout=20)
    assert (event.name, json.loads(event.data)["reason"]) == ("reset", reason)


def expect_one_line_of_it(nginx):
    lines = nginx.log_lines("MASTERDOWN")
    assert len(lines) == 1, "one clear line per cause and minute"
    assert "cannot be read: MASTERDOWN this replica may lack what others have read" in lines[0]


def test_who_is_ahead_of_a_replica_without_its_master_goes_on_when_it_has_caught_up(
    pair, nginx, open_stream
):
    pair.add_all("s", ["0", "1"])
    live = open_stream(nginx, "/s")
    assert live.next_block().id
    pair.cut()
    ids = pair.master.add_all("s", ["2", "3"])
    fresh = pair.master.add_all("fresh", ["a", "b"])
    ahead = open_stream(nginx, "/s", cursor=ids[0])
    of_no_stream = open_stream(nginx, "/fresh", cursor=fresh[0])
    expect_nothing([ahead, of_no_stream])
    pair.mend()
    expect_events(ahead, ids[1:], ["3"])
    expect_events(of_no_stream, fresh[1:], ["b"])
    expect_events(live, ids, ["2", "3"])
    expect_one_line_of_it(nginx)


def test_who_comes_in_the_moment_in_which_the_link_breaks_is_held_too(pair, nginx, open_stream):
    pair.add_all("s", ["begin"])
    assert open_stream(nginx, "/s").next_block().id
    pair.cut()
    ids = pair.master.add_all("s", [f"{number}" for number in range(10)])
    fresh = pair.master.add_all("fresh", ["a", "b"])
    streams = [open_stream(nginx, "/s", cursor=each) for each in ids[:-1]]
    of_no_stream = open_stream(nginx, "/fresh", cursor=fresh[0])
    pair.mend()
    for begin, stream in enumerate(streams, 1):
        expect_events(stream, ids[begin:], [f"{number}" for number in range(begin, 10)])
    expect_events(of_no_stream, fresh[1:], ["b"])


def test_who_waits_for_a_replica_is_reset_when_it_is_made_the_master(pair, nginx, open_stream):
    pair.add_all("s", ["0", "1"])
    live = open_stream(nginx, "/s")
    assert live.next_block().id
    pair.cut()
    lost = pair.master.add_all("s", ["2"])
    fresh = pair.master.add_all("fresh", ["a"])
    ahead = open_stream(nginx, "/s", cursor=lost[0])
    of_no_stream = open_stream(nginx, "/fresh", cursor=fresh[0])
    expect_nothing([ahead, of_no_stream])
    pair.replica.command("REPLICAOF", "NO", "ONE")
    expect_reset(ahead, "ahead")
    expect_reset(of_no_stream, "deleted")
    ids = pair.replica.add_all("s", ["3"])
    expect_events(live, ids, ["3"])
    assert ahead.events_until(lambda event: event.data == "3")
    expect_one_line_of_it(nginx)


def test_a_lost_cursor_is_said_on_a_replica_that_has_its_master(pair, nginx, open_stream):
    pair.add_all("s", ["0", "1"])
    expect_reset(open_stream(nginx, "/s", cursor=f"{2**63}-0"), "ahead")
    expect_reset(open_stream(nginx, "/none", cursor="5-5"), "deleted")


def test_readers_of_a_replica_that_takes_everything_over_anew_go_on(pair, nginx, open_stream):
    pair.add_all("s", ["0", "1"])
    live = open_stream(nginx, "/s")
    assert live.next_block().id
    pair.replica.command("REPLICAOF", "127.0.0.1", "1")  # nobody is there
    ids = pair.master.add_all("s", ["2", "3"])
    ahead = open_stream(nginx, "/s", cursor=ids[0])
    pair.replica.command("REPLICAOF", "127.0.0.1", str(pair.master.port))
    expect_events(ahead, ids[1:], ["3"])
    expect_events(live, ids, ["2", "3"])
    assert "MASTER <-> REPLICA sync: Finished with success" in pair.replica.log()

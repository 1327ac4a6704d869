"""The tables of docs/durable-channels.md: what entries become, and when which `reset` comes."""

import json
import shlex

import pytest

from . import markdown

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 64; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    sse_channel_type stream;
    sse_retry off;
    sse_open_timeout 100ms;
    sse_max_message 1k;
    server {
        listen 127.0.0.1:@PORT@;
        location = / { sse_subscribe orders; }
        location = /two { sse_subscribe orders prices; }
        location = /little { sse_subscribe orders; sse_max_replay 2; }
    }
}
"""


@pytest.fixture
def nginx(redis, start_nginx):
    return start_nginx(CONF, BROKER=redis.url)


def test_every_entry_becomes_the_event_beside_it(redis, nginx, open_stream):
    rows = markdown.section("Entries").table("entry")
    assert len(rows) >= 4
    stream = open_stream(nginx, "/")
    wire = "id: 0-0\n\n"
    for number, (entry, event) in enumerate(rows, 1):
        (fields,) = markdown.code_lines(entry)
        words = shlex.split(fields.replace('"', '\\"'))
        redis.command("XADD", "orders", f"{number}-1", *words)
        wire += f"id: {number}-1\n" + "\n".join(markdown.code_lines(event)) + "\n\n"
    stream.events_until(lambda event: event.id == f"{len(rows)}-1")
    assert stream.body.decode() == wire


class Case:
    """A stream of five entries, and a client that comes to it."""

    def __init__(self, redis, nginx, open_stream):
        self.redis = redis
        self.nginx = nginx
        self.open_stream = open_stream
        self.add(*range(1, 6))

    def add(self, *numbers):
        for number in numbers:
            self.redis.command("XADD", "orders", f"{number}-0", "data", str(number))

    def come(self, cursor=None, path="/"):
        headers = [("Last-Event-ID", cursor)] if cursor else []
        return self.open_stream(self.nginx, path, headers=headers)


def trimmed(case):
    case.redis.command("XTRIM", "orders", "MAXLEN", "2")
    return case.come("2-0"), ["4", "5", "6"]


def ahead(case):
    return case.come("9-9"), ["1", "2", "3", "4", "5", "6"]


def deleted(case):
    case.redis.command("DEL", "orders")
    return case.come("2-0"), ["6"]


def too_far(case):
    return case.come("1-0", "/little"), ["6"]


def malformed(case):
    return case.come("yesterday"), ["6"]


def broker_away(case):
    case.redis.pause()
    stream = case.come()
    case.redis.resume()
    return stream, ["6"]


def too_large(case):
    stream = case.come("5-0")
    case.redis.command("XADD", "orders", "5-1", "data", "x" * 1100)
    return stream, ["6"]


PROVOKE = {
    "trimmed": trimmed,
    "ahead": ahead,
    "deleted": deleted,
    "too-far": too_far,
    "malformed": malformed,
    "broker-away": broker_away,
    "too-large": too_large,
}


@pytest.mark.parametrize("reason", PROVOKE)
def test_the_reset_comes_and_then_what_follows(redis, nginx, open_stream, reason):
    case = Case(redis, nginx, open_stream)
    stream, follows = PROVOKE[reason](case)
    *replayed, reset = stream.events_until(lambda event: event.name)
    assert [event.data for event in replayed] == (["2", "3"] if reason == "too-far" else [])
    data = json.loads(reset.data)
    assert (reset.name, list(data)) == ("reset", ["reason", "channel", "oldest", "newest"])
    assert (data["reason"], data["channel"]) == (reason, "orders")
    assert reset.id
    case.add(6)
    assert [event.data for event in stream.take(len(follows))] == follows


def test_every_reason_of_the_table_is_provoked():
    rows = markdown.section("Resets").table("reason")
    assert [reason.strip("`") for reason, _, _ in rows] == list(PROVOKE)

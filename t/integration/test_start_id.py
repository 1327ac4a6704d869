"""Where a client's last event id comes from."""

import json

import pytest

from harness import wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 64; }
http {
    @TEMP_PATHS@
    log_format start_id '$sse_start_id';
    access_log access.log start_id;
    sse_log streams.log;
    sse_broker @BROKER@;
    map $arg_last_event_id $mapped { nine 9-0; default ""; }
    server {
        listen 127.0.0.1:@PORT@;
        location = /default { sse_subscribe c; }
        location = /cookie { sse_subscribe c; sse_last_event_id $cookie_cursor; }
        location = /parts { sse_subscribe c; sse_last_event_id "$arg_ms-$arg_seq"; }
        location = /header { sse_subscribe c; sse_last_event_id $http_last_event_id; }
        location = /mapped { sse_subscribe c; sse_last_event_id $mapped; }
        location = /fixed { sse_subscribe c; sse_last_event_id 5-0; }
        location = /itself { sse_subscribe c; sse_last_event_id $sse_start_id; }
        location /inherited {
            sse_last_event_id $arg_outer;
            location = /inherited/inner { sse_subscribe c; }
            location = /inherited/not { sse_subscribe c; sse_last_event_id $arg_inner; }
        }
    }
}
"""

HEADER = ("Last-Event-ID", "1-1")
COOKIE = ("Cookie", "cursor=3-3")


@pytest.fixture
def start_id(redis, start_nginx, open_stream):
    """What a stream says of its start in the access log, and in the log of streams: start_id(path, *headers)."""
    nginx = start_nginx(CONF, BROKER=redis.url)
    logs = [nginx.directory / "access.log", nginx.directory / "streams.log"]

    def last_lines(count):
        lines = [log.read_text().splitlines() if log.exists() else [] for log in logs]
        return [each[-1] for each in lines] if all(len(each) == count for each in lines) else None

    def find(path, *headers):
        find.streams += 1
        open_stream(nginx, path, headers=headers).close()
        access, stream = wait_until(lambda: last_lines(find.streams), "both logs have the stream")
        assert json.loads(stream).get("start_id", "-") == access
        return access

    find.nginx = nginx
    find.streams = 0
    return find


def test_it_is_the_header_else_the_argument(start_id):
    assert start_id("/default?last_event_id=2-2", HEADER) == "1-1"
    assert start_id("/default?last_event_id=2-2") == "2-2"
    assert start_id("/default", COOKIE) == "-"


def test_sse_last_event_id_stands_for_both(start_id):
    assert start_id("/cookie?last_event_id=2-2", HEADER, COOKIE) == "3-3"
    assert start_id("/cookie?last_event_id=2-2", HEADER) == "-"
    assert start_id("/fixed?last_event_id=2-2", HEADER) == "5-0"
    assert start_id("/header?last_event_id=2-2") == "-"
    assert start_id("/header?last_event_id=2-2", HEADER) == "1-1"


def test_sse_last_event_id_may_be_made_of_variables(start_id):
    assert start_id("/parts?ms=7&seq=8") == "7-8"
    assert start_id("/mapped?last_event_id=nine", HEADER) == "9-0"
    assert start_id("/mapped?last_event_id=ten", HEADER) == "-"


def test_sse_last_event_id_comes_from_the_nearest_block(start_id):
    assert start_id("/inherited/inner?outer=6-6&inner=7-7", HEADER) == "6-6"
    assert start_id("/inherited/not?outer=6-6&inner=7-7", HEADER) == "7-7"


def test_an_sse_last_event_id_that_asks_for_itself_is_empty(start_id):
    assert start_id("/itself", HEADER) == "-"
    assert start_id.nginx.log_lines("cycle while evaluating variable")

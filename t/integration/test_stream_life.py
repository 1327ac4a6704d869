"""retry, greeting, keepalive, variables, and why a stream ended."""

import time

import pytest

from harness import http_request, wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    log_format stream '$sse_channel|$sse_events_sent|$sse_start_id|$sse_last_id|'
                      '$sse_stream_time|$sse_close_reason|$status|$uri';
    access_log access.log stream;
    sse_broker @BROKER@;
    sse_drain 200ms;
    server {
        listen 127.0.0.1:@PORT@;
        location = /default { sse_subscribe c; }
        location = /fixed { sse_subscribe c; sse_retry 1500ms; }
        location = /jitter { sse_subscribe c; sse_retry 1s jitter=500ms; }
        location = /silent { sse_subscribe c; sse_retry off; }
        location = /greeting {
            sse_subscribe c;
            sse_retry off;
            sse_greeting "hello $arg_name on $sse_channel";
        }
        location = /greeting-lines { sse_subscribe c; sse_retry off; sse_greeting "a\nb"; }
        location = /keepalive { sse_subscribe c; sse_retry off; sse_keepalive 300ms; }
        location = /keepalive-off { sse_subscribe c; sse_retry off; sse_keepalive off; }
        location = /keepalive-filtered {
            sse_subscribe c;
            sse_retry off;
            sse_keepalive 300ms;
            sse_direct off;
        }
        location = /two { sse_subscribe a b; }
        location = /list { sse_subscribe_list $arg_channels; }
        location = /ids { sse_subscribe c; sse_payload json; }
        location = /before { return 200 "[$sse_channel|$sse_events_sent|$sse_close_reason]"; }
    }
}
"""

FIELDS = (
    "channel",
    "events_sent",
    "start_id",
    "last_id",
    "stream_time",
    "close_reason",
    "status",
    "uri",
)


@pytest.fixture
def nginx(redis, start_nginx):
    return start_nginx(CONF, BROKER=redis.url)


def log_entry(nginx, uri):
    """The access log's fields of the only finished request of a URI."""

    def find():
        entries = [dict(zip(FIELDS, line.split("|"), strict=True)) for line in nginx.access_log()]
        return [entry for entry in entries if entry["uri"] == uri]

    (entry,) = wait_until(find, f"access log has {uri}")
    return entry


def first_retry(stream):
    return stream.next_block().retry


def test_a_stream_begins_with_the_configured_retry(nginx, open_stream):
    assert first_retry(open_stream(nginx, "/fixed")) == 1500


def test_the_retry_is_spread_over_its_jitter(nginx, open_stream):
    retries = [first_retry(open_stream(nginx, "/jitter")) for _ in range(100)]
    assert all(1000 <= retry <= 1500 for retry in retries)
    # 100 draws: all in one half of the range has a chance of 2 to the power of -99.
    assert min(retries) < 1250 < max(retries)


def test_the_default_retry_is_two_to_four_seconds(nginx, open_stream):
    retries = [first_retry(open_stream(nginx, "/default")) for _ in range(50)]
    assert all(2000 <= retry <= 4000 for retry in retries)
    assert len(set(retries)) > 1


def test_retry_off_begins_with_the_first_event(redis, nginx, open_stream):
    stream = open_stream(nginx, "/silent")
    redis.publish("c", "x")
    stream.next_event()
    assert stream.body == b"data: x\n\n"


def test_a_greeting_comes_first_with_its_variables(redis, nginx, open_stream):
    stream = open_stream(nginx, "/greeting?name=you")
    assert stream.next_event().data == "hello you on c"
    redis.publish("c", "x")
    stream.next_event()
    assert stream.body == b"data: hello you on c\n\ndata: x\n\n"


def test_a_greeting_of_several_lines_is_one_event(nginx, open_stream):
    assert open_stream(nginx, "/greeting-lines").next_event().data == "a\nb"


@pytest.mark.parametrize("path", ["/keepalive", "/keepalive-filtered"])
def test_a_keepalive_comes_after_each_interval_of_silence(nginx, open_stream, path):
    stream = open_stream(nginx, path)
    start = time.monotonic()
    times = []
    for _ in range(4):
        assert stream.next_block().comment == "keepalive"
        times.append(time.monotonic() - start)
    assert bytes(stream.body) == b": keepalive\n\n" * 4
    # Measured at the client, whose own start is a little late: 50 ms of tolerance below.
    for number, moment in enumerate(times, 1):
        assert 0.3 * number - 0.05 <= moment <= 0.3 * number + 0.6


def test_a_message_starts_the_interval_anew(redis, nginx, open_stream):
    stream = open_stream(nginx, "/keepalive")
    stream.next_block()
    middle = time.monotonic() + 0.2
    wait_until(lambda: time.monotonic() >= middle, "two thirds of an interval", timeout=1)
    redis.publish("c", "x")
    assert stream.next_block().data == "x"
    moment = time.monotonic()
    assert stream.next_block().comment == "keepalive"
    assert time.monotonic() - moment >= 0.25


def test_keepalive_off_writes_nothing(redis, nginx, open_stream):
    quiet = open_stream(nginx, "/keepalive-off")
    clock = open_stream(nginx, "/keepalive")
    for _ in range(3):
        clock.next_block()
    redis.publish("c", "x")
    assert quiet.next_block().data == "x"
    assert quiet.body == b"data: x\n\n"


def test_the_log_of_a_stream_says_what_it_was(redis, nginx, open_stream):
    stream = open_stream(nginx, "/two")
    start = time.monotonic()
    for channel in ("a", "b", "a"):
        redis.publish(channel, "x")
    stream.take(3)
    lived = time.monotonic() - start
    stream.close()
    entry = log_entry(nginx, "/two")
    assert entry["channel"] == "a,b"
    assert entry["events_sent"] == "3"
    assert entry["close_reason"] == "client"
    assert entry["status"] == "200"
    assert lived - 0.01 <= float(entry["stream_time"]) <= lived + 2


def test_the_log_has_the_clients_cursor_and_the_last_id_sent(redis, nginx, open_stream):
    stream = open_stream(nginx, "/ids", headers=[("Last-Event-ID", "41")])
    redis.publish("c", '{"data":"x","id":"42"}')
    redis.publish("c", '{"data":"y","id":"43"}')
    redis.publish("c", '{"data":"z"}')
    stream.take(3)
    stream.close()
    entry = log_entry(nginx, "/ids")
    assert (entry["start_id"], entry["last_id"]) == ("41", "43")


def test_an_unsent_variable_is_a_dash_or_zero(nginx, open_stream):
    open_stream(nginx, "/list?channels=x,y").close()
    entry = log_entry(nginx, "/list")
    assert entry["channel"] == "x,y"
    assert entry["events_sent"] == "0"
    assert entry["start_id"] == entry["last_id"] == "-"


def test_the_variables_exist_outside_of_streams(nginx):
    assert http_request(nginx.port, "GET", "/before").text == "[||]"


def test_a_stream_that_a_reload_ends_says_drain(nginx, open_stream):
    stream = open_stream(nginx, "/default")
    nginx.reload()
    stream.read_to_end()
    assert stream.end == "clean"
    assert log_entry(nginx, "/default")["close_reason"] == "drain"

"""Promise 5: a slow reader costs nobody else anything, and gets whole frames or none."""

import pytest

from harness import Http2Connection, wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    log_format reason '$uri $sse_close_reason';
    access_log access.log reason;
    sse_broker @BROKER@;
    sse_retry off;
    sse_buffer_size 128k;
    sse_max_message 32k;
    server {
        listen 127.0.0.1:@PORT@ sndbuf=16k;
        listen 127.0.0.1:@PORT2@ http2;
        listen 127.0.0.1:@PORT3@;
        location = /close { sse_subscribe c; }
        location = /close-filtered { sse_subscribe c; sse_direct off; }
        location = /skip { sse_subscribe c; sse_slow_subscriber skip; }
        location = /skip-filtered { sse_subscribe c; sse_slow_subscriber skip; sse_direct off; }
        location = /burst-close { sse_subscribe b; sse_buffer_size 32k; sse_max_message 8k; }
        location = /burst-skip {
            sse_subscribe b;
            sse_buffer_size 32k;
            sse_max_message 8k;
            sse_slow_subscriber skip;
        }
        location = /timeout { sse_subscribe c; sse_buffer_size 64m; sse_send_timeout 1s; }
        location = /timeout-filtered {
            sse_subscribe c;
            sse_buffer_size 64m;
            sse_send_timeout 1s;
            sse_direct off;
        }
    }
}
"""

# What makes loopback behave like a network: see design.md, "what loopback hides".
SLOW = {"receive_buffer": 4096, "max_segment": 536}


def message(number):
    """About a kilobyte that shows on its face which message it is and whether it is whole."""
    return f"{number:06d} " + "abcdefghij" * 100 + f" {number:06d}"


@pytest.fixture
def nginx(redis, start_nginx):
    return start_nginx(CONF, BROKER=redis.url)


def publish_while_others_read(redis, readers, numbers):
    """Publishes one by one, each only after every reader has the last: readers are never behind."""
    for number in numbers:
        redis.publish("c", message(number))
        for reader in readers:
            assert reader.next_event().data == message(number)


@pytest.mark.parametrize("path", ["/close", "/close-filtered"])
def test_who_falls_out_of_the_buffer_is_closed_and_others_get_everything(
    redis, nginx, open_stream, path
):
    readers = [open_stream(nginx, path) for _ in range(3)]
    slow = open_stream(nginx, path, **SLOW)
    publish_while_others_read(redis, readers, range(600))
    wait_until(lambda: nginx.access_log() == [f"{path} slow"], "the slow reader is closed")
    nginx.wait_for_log(r'\[info\].*slow subscriber closed by "sse_buffer_size", channels "c"')
    # What it did get is a beginning of the stream: whole frames, then at most one torn at the end.
    events = [block.data for block in slow.read_to_end()]
    assert events == [message(number) for number in range(len(events))]
    assert 0 < len(events) < 600
    assert slow.end in ("clean", "reset")
    if slow.end == "clean":
        assert slow.is_at_block_boundary and slow.is_at_chunk_boundary
    publish_while_others_read(redis, readers, range(600, 700))


@pytest.mark.parametrize("path", ["/skip", "/skip-filtered"])
def test_with_skip_it_stays_and_is_told_at_a_frame_boundary(redis, nginx, open_stream, path):
    readers = [open_stream(nginx, path) for _ in range(3)]
    slow = open_stream(nginx, path, **SLOW)
    publish_while_others_read(redis, readers, range(600))
    assert nginx.access_log() == []
    # It reads again: first what was on its way, then one reset, then what comes after.
    events = slow.events_until(lambda event: event.name == "reset")
    numbers = [event.data for event in events[:-1]]
    assert numbers == [message(number) for number in range(len(numbers))]
    assert 0 < len(numbers) < 600
    assert events[-1].data == '{"reason":"slow","channel":"c"}'
    redis.publish("c", message(1000))
    later = slow.events_until(lambda event: event.data == message(1000))
    assert not [event for event in later if event.name == "reset"]
    texts = [event.data for event in later[:-1]]
    assert texts == [message(number) for number in range(600 - len(texts), 600)]


def test_with_skip_a_reader_may_fall_behind_again_and_again(redis, nginx, open_stream):
    reader = open_stream(nginx, "/skip")
    slow = open_stream(nginx, "/skip", **SLOW)
    for turn in range(4):
        publish_while_others_read(redis, [reader], range(turn * 400, turn * 400 + 400))
        slow.events_until(lambda event: event.name == "reset")
        redis.publish("c", f"turn {turn}")
        assert reader.next_event().data == f"turn {turn}"
        assert slow.events_until(lambda event: event.data == f"turn {turn}")


def test_a_reader_within_the_buffer_is_only_late(redis, nginx, open_stream):
    late = open_stream(nginx, "/close", **SLOW)
    reader = open_stream(nginx, "/close")
    publish_while_others_read(redis, [reader], range(100))  # 100 KiB of 128
    assert [event.data for event in late.take(100)] == [message(number) for number in range(100)]


@pytest.mark.parametrize("path", ["/timeout", "/timeout-filtered"])
def test_a_byte_not_taken_within_sse_send_timeout_ends_the_stream(redis, nginx, open_stream, path):
    reader = open_stream(nginx, "/close")
    slow = open_stream(nginx, path, **SLOW)
    quick = open_stream(nginx, path)
    # The others keep the channel busy: a clock that every write re-arms would never run out.
    number = 0
    while nginx.access_log() == []:
        publish_while_others_read(redis, [reader, quick], [number])
        number += 1
        assert number < 60_000, "sse_send_timeout did not end the slow stream"
    assert nginx.access_log() == [f"{path} slow"]
    assert nginx.log_lines('slow subscriber closed by "sse_send_timeout", channels "c"')
    events = [block.data for block in slow.read_to_end()]
    assert events == [message(number) for number in range(len(events))]


@pytest.mark.parametrize("path", ["/skip", "/close"])
def test_one_slow_http_2_stream_does_not_stop_another_of_its_connection(redis, nginx, path):
    with Http2Connection(nginx.port_of("PORT2"), window=2000) as connection:
        slow = connection.open(path, acknowledges=False)
        quick = connection.open(path)
        publish_while_others_read(redis, [quick], range(400))
        body = b"".join(slow.received)
        whole = b"".join(f"data: {message(number)}\n\n".encode() for number in range(2))
        assert body and whole.startswith(body)


def test_a_client_that_never_reads_at_all_is_closed(redis, nginx, open_stream, send_request):
    reader = open_stream(nginx, "/close")
    send_request(nginx, "/close", **SLOW)
    wait_until(lambda: redis.subscribers("c") == 1, "the subscription")
    publish_while_others_read(redis, [reader], range(600))
    wait_until(lambda: nginx.access_log() == ["/close slow"], "the silent client is closed")


@pytest.mark.parametrize("path", ["/burst-close", "/burst-skip"])
def test_a_burst_larger_than_the_buffer_reaches_a_reader_that_keeps_up(
    redis, nginx, open_stream, path
):
    reader = open_stream(nginx, path, port=nginx.port_of("PORT3"))
    burst = [message(number) for number in range(100)]
    # One turn of Redis, so that the worker finds much at once; the socket behind PORT3 takes it.
    script = "for _, text in ipairs(ARGV) do redis.call('PUBLISH', KEYS[1], text) end"
    for _ in range(5):
        redis.command("EVAL", script, 1, "b", *burst)
        assert [event.data for event in reader.take(len(burst))] == burst
    redis.publish("b", "later")
    assert reader.next_event().data == "later"
    assert nginx.access_log() == []

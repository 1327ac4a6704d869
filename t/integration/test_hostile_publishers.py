"""Whatever a publisher writes: streams stay whole, and other channels go on."""

import subprocess

import pytest

from harness import Bystander, processes, wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log notice;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    server {
        listen 127.0.0.1:@PORT@;
        location = /bystander { sse_subscribe bystander; }
        location = /static { alias nginx.conf; }
        location = /flood { sse_subscribe flood; }
        location = /quiet { sse_subscribe quiet; }
    }
}
"""

MIB = 1 << 20


def test_a_hundred_thousand_messages_in_one_pipeline_arrive_in_order(
    redis, make_nginx, open_stream
):
    nginx = make_nginx(CONF, BROKER=redis.url).keep_no_freed_memory().start()
    (worker,) = nginx.worker_pids()
    count = 100_000
    commands = "".join(f"PUBLISH flood {number}\r\n" for number in range(count))
    with Bystander(nginx, redis) as bystander:
        reader = open_stream(nginx, "/flood")
        memory = processes.resident_bytes(worker)
        with subprocess.Popen(
            ["redis-cli", "-p", str(redis.port), "--pipe"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        ) as pipe:
            pipe.stdin.write(commands.encode())
            pipe.stdin.close()
            events = reader.take(count, timeout=20)
        bystander.expect_undisturbed()
    assert [event.data for event in events] == [str(number) for number in range(count)]
    assert processes.resident_bytes(worker) - memory < 8 * MIB


def test_every_byte_of_a_payload_is_data(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url)
    reader = open_stream(nginx, "/flood")
    for byte in range(256):
        redis.publish("flood", b"a" + bytes([byte]) + b"id: 7")
        separator = "\n" if byte in b"\r\n" else chr(byte) if byte < 128 else "\ufffd"
        event = reader.next_event()
        assert (event.data, event.id) == (f"a{separator}id: 7", None)


@pytest.mark.parametrize("mib", [40, 200])
def test_a_message_far_too_large_is_dropped_alone(make_redis, make_nginx, open_stream, mib):
    redis = make_redis("--client-output-buffer-limit", "pubsub 0 0 0")
    nginx = make_nginx(CONF, BROKER=redis.url).keep_no_freed_memory().start()
    (worker,) = nginx.worker_pids()
    streams = [open_stream(nginx, path) for path in ("/flood", "/quiet")]
    memory = processes.resident_bytes(worker)
    redis.publish("flood", b"x" * (mib * MIB))
    for stream, channel in zip(streams, ("flood", "quiet"), strict=True):
        redis.publish(channel, "after")
        assert stream.next_event().data == "after"
    assert nginx.log_lines(rf"\[warn\].*{mib * MIB} bytes.*dropped")
    assert processes.peak_resident_bytes(worker) - memory < 8 * MIB


def test_who_publishes_what_ends_the_connection_costs_everybody_a_reset_and_nothing_more(
    make_redis, make_nginx, open_stream
):
    redis = make_redis("--client-output-buffer-limit", "pubsub 32mb 8mb 60")
    nginx = make_nginx(CONF, BROKER=redis.url).keep_no_freed_memory().start()
    (worker,) = nginx.worker_pids()
    streams = [open_stream(nginx, path) for path in ("/flood", "/quiet")]
    memory = processes.resident_bytes(worker)
    redis.publish("flood", b"x" * (64 * MIB))
    for stream, channel in zip(streams, ("flood", "quiet"), strict=True):
        assert stream.next_event().name == "reset"
        redis.publish(channel, "after")
        assert stream.next_event().data == "after"
    assert len(nginx.log_lines(r"\[error\].*subscription connection lost")) == 1
    wait_until(lambda: processes.resident_bytes(worker) - memory < 8 * MIB, "memory comes back")

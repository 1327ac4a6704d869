"""A Redis is not dead because the worker was too slow to hear it."""

import os
import signal
import time

from harness import http_request, processes, wait_until

TIMEOUT = 1.0  # seconds of silence after which a probe is sent, and that it may take

CONF = f"""
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events {{ worker_connections 256; }}
http {{
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    sse_broker_read_timeout {TIMEOUT * 1000:.0f}ms;
    sse_max_message 16k;
    sse_retry off;
    server {{
        listen 127.0.0.1:@PORT@;
        location = /ping {{ return 200 pong; }}
        location = /durable {{ sse_subscribe durable; sse_channel_type stream; }}
        location ~ ^/(?<channel>new.*)$ {{ sse_subscribe $channel; }}
        location = /flood {{ sse_subscribe flood; }}
        location = /quiet {{ sse_subscribe quiet; }}
    }}
}}
"""

MIB = 1 << 20
STOP = 0.6  # seconds in which the worker stands still, again and again; less than the timeout

# Redis is busy for a while, in which the worker asks whether messages arrive; and when Redis gets
# to that, 96 MiB stand before it. Messages of this size cost the worker little: it drops them.
PILE_UP = """
local function now()
  local time = redis.call('TIME')
  return time[1] + time[2] / 1e6
end
local begin = now()
while now() - begin < tonumber(ARGV[1]) do end
local message = string.rep('x', 65536)
for _ = 1, 1536 do redis.call('PUBLISH', 'flood', message) end
"""


def stop(worker):
    os.kill(worker, signal.SIGSTOP)
    wait_until(lambda: processes.state(worker) == "T", "the worker stands still")


def go_on_after(worker, seconds):
    stopped = time.monotonic()
    wait_until(lambda: time.monotonic() - stopped > seconds, "it has stood still for long enough")
    os.kill(worker, signal.SIGCONT)


def test_a_probe_that_stands_behind_what_piled_up_kills_no_connection(
    make_redis, start_nginx, open_stream
):
    redis = make_redis("--client-output-buffer-limit", "pubsub 0 0 0")
    nginx = start_nginx(CONF, BROKER=redis.url)
    (worker,) = nginx.worker_pids()
    open_stream(nginx, "/flood")
    quiet = open_stream(nginx, "/quiet")

    def backlog():
        """Bytes that Redis could not send yet, to whom it has most for."""
        return max(int(each["omem"]) for each in redis.connections("pubsub"))

    with redis.make_client() as client, client.pubsub(ignore_subscribe_messages=True) as probes:
        probes.psubscribe("sse:probe:*")
        wait_until(lambda: probes.get_message(timeout=0.1), "a probe")
        # The next one comes after the timeout, or one tick later.
        redis.command("EVAL", PILE_UP, 0, 1.4 * TIMEOUT)
        wait_until(lambda: probes.get_message(timeout=0.1), "a probe behind what piled up")
        asked = time.monotonic()
        while time.monotonic() - asked < 2 * TIMEOUT:
            left = backlog()
            assert left > MIB, "the worker was too fast for the probe to be late"
            stop(worker)
            go_on_after(worker, STOP)
            wait_until(lambda before=left: backlog() < before, "the worker reads on")
    redis.publish("quiet", "after")
    assert quiet.next_event().data == "after"
    assert not nginx.log_lines(r"connection lost|\[error\]")


def test_a_worker_that_stood_still_does_not_take_redis_for_dead(
    redis, start_nginx, open_stream, send_request
):
    nginx = start_nginx(CONF, BROKER=redis.url)
    (worker,) = nginx.worker_pids()
    live, durable = (open_stream(nginx, path) for path in ("/quiet", "/durable"))
    assert durable.next_block().id == "0-0"
    for number in range(3):
        redis.pause()
        asking = send_request(nginx, f"/new{number}")  # for which the worker asks Redis
        # The only worker answers this after it has read the request above.
        assert http_request(nginx.port, "GET", "/ping").text == "pong"
        stop(worker)
        redis.resume()
        redis.publish("quiet", f"{number}")
        (entry_id,) = redis.add_all("durable", [f"{number}"])
        go_on_after(worker, 1.2 * TIMEOUT)
        assert live.next_event().data == f"{number}"
        event = durable.next_event()
        assert (event.name, event.id, event.data) == (None, entry_id, f"{number}")
        asking.open()
    assert not nginx.log_lines("connection lost")

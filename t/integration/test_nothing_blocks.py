"""Promise 10: while a worker writes to very many, it serves other requests in between."""

import statistics
import time

import pytest

from harness import Crowd, HttpConnection

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log notice;
pid nginx.pid;
events { worker_connections 19000; }
http {
    @TEMP_PATHS@
    access_log off;
    keepalive_requests 1000000;
    sse_broker @BROKER@;
    sse_retry off;
    sse_keepalive @KEEPALIVE@;
    server {
        listen 127.0.0.1:@PORT@ backlog=16384;
        location = /crowd { sse_subscribe crowd; }
        location / { root @DIR@; }
    }
}
"""

CROWD = 15_000
MESSAGES = 8
KEEPALIVE = 2  # seconds


@pytest.fixture
def nginx(redis, start_nginx):
    nginx = start_nginx(CONF, BROKER=redis.url, KEEPALIVE=f"{KEEPALIVE}s")
    (nginx.directory / "page.html").write_text("a page")
    return nginx


def latencies_until(nginx, is_over):
    """How long a static file took, again and again; ascending, in seconds."""
    seconds = []
    with HttpConnection(nginx.port) as connection:
        while not is_over():
            begin = time.monotonic()
            assert connection.request("GET", "/page.html").text == "a page"
            seconds.append(time.monotonic() - begin)
    return sorted(seconds)


@pytest.mark.timeout(180)
def test_a_static_file_is_quick_during_a_fan_out_to_15000(redis, nginx, open_stream):
    with Crowd(nginx.port, "/crowd", CROWD) as crowd:
        one_of_them = open_stream(nginx, "/crowd")
        during, spreads = [], []
        for number in range(MESSAGES):
            redis.publish("crowd", f"{number}".ljust(1000, "x") + "~")
            during += latencies_until(nginx, crowd.has_said_something)
            spread = crowd.spread_of_next()
            spreads.append(spread.last - spread.first)
        fan_out = statistics.median(spreads)
        assert len(during) > 5 * MESSAGES, "there was time for several requests in each fan-out"
        assert statistics.median(during) < fan_out / 10
        assert max(during) < fan_out / 2

        # All were written to at the same time, so they all get their keepalive at the same time.
        one_of_them.take(MESSAGES)
        end = time.monotonic() + 1.5 * KEEPALIVE
        during = latencies_until(nginx, lambda: time.monotonic() > end)
        assert one_of_them.next_block().comment == "keepalive"
        assert max(during) < fan_out / 2

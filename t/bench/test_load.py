"""The load generator against real servers: it counts what arrives, and notices what does not."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from comparison.contenders import ALL, Place
from comparison.load import LoadFailed, run_load
from comparison.rounds import Bench
from harness import HeldPort, processes, wait_until

BUILD = Path(__file__).resolve().parent.parent.parent / "build" / "bench"

CONF = """
    load_module @MODULE@;
    worker_processes 1;
    pid nginx.pid;
    events { worker_connections 200; }
    http {
        @TEMP_PATHS@
        access_log off;
        sse_broker @BROKER@;
        server {
            listen 127.0.0.1:@PORT@;
            location ~ ^/events/(?<channel>.+)$ { sse_subscribe $channel; }
            location ~ ^/twice/(?<channel>.+)$ { sse_subscribe $channel pattern:bench*; }
            location ~ ^/short/(?<channel>.+)$ { sse_subscribe $channel; sse_max_lifetime 1s; }
            location = /file.txt { return 200 file; }
            location ~ ^/deaf/(?<channel>.+)$ { sse_subscribe other-$channel; }
        }
    }
"""


class Running:
    """What run_load wants to know of a server."""

    options = ()

    def __init__(self, nginx, redis, path):
        self.url = f"http://127.0.0.1:{nginx.port}/{path}/{{}}"
        self.publish = redis.url
        self.pid = nginx.process.pid


@pytest.fixture
def server(start_nginx, redis):
    """server(path): an nginx that serves the generator."""
    nginx = start_nginx(CONF, BROKER=redis.url)
    return lambda path: Running(nginx, redis, path)


@pytest.fixture
def bench(make_redis, module_path, nginx_environment):
    place = Place(make_redis(), module_path, BUILD, environment=nginx_environment)
    return Bench(place, rounds=1, quick=True)


WITHOUT_LOSS = ["ours", "defaults", "tls", "http2", "gzip", "nchan-memory", "nchan-redis"]
WITHOUT_LOSS += ["express", "bare-send", "bare-batch", "bare-uring"]


@pytest.mark.parametrize("name", WITHOUT_LOSS)
def test_every_contender_delivers_everything_to_everybody(bench, name):
    result = bench.run(ALL[name], subscribers=20, mode="closed", messages=50)
    assert result["published"] == 50
    assert result["deliveries"] == result["expected"] == 20 * 50
    assert result["lost"] == result["duplicates"] == result["gaps"] == result["closed"] == 0
    assert result["latency_ms"]["count"] == 1000
    assert 0 < result["latency_ms"]["p50"] <= result["latency_ms"]["p99"]
    assert result["server"]["cpu_us_per_delivery"] > 0


def test_many_channels_of_one_connection_are_counted_one_by_one(bench):
    result = bench.run(
        ALL["channel-lists"],
        subscribers=5,
        channels=500,
        channels_each=100,
        mode="paced",
        rate=1000,
        seconds=1,
    )
    assert result["deliveries"] == 1000
    assert result["lost"] == result["gaps"] == 0


def test_several_readers_share_the_subscribers(server):
    options = dict(subscribers=50, processes=3, mode="bursts", burst=5, interval_ms=50, seconds=1)
    result = run_load(BUILD / "load", server("events"), **options)
    assert result["published"] == 100
    assert result["deliveries"] == 5000
    assert result["lost"] == 0


def test_repetitions_are_noticed(server):
    result = run_load(BUILD / "load", server("twice"), subscribers=10, messages=20)
    assert result["deliveries"] == 200
    assert result["duplicates"] > 150  # those of the last message may come too late to be counted


def test_losses_are_noticed(server):
    options = dict(subscribers=10, mode="paced", rate=100, seconds=2, quiet=0.5)
    result = run_load(BUILD / "load", server("short"), **options)
    assert result["closed"] == 10
    assert result["lost"] == result["expected"] - result["deliveries"] > 0
    assert result["gaps"] == 0  # nothing came after what is missing


def test_who_stops_reading_is_not_waited_for(server):
    result = run_load(BUILD / "load", server("events"), subscribers=20, stalled=0.1, messages=30)
    assert result["stalled"] == 2
    assert result["deliveries"] == result["expected"] == 18 * 30


def test_a_file_is_asked_for_beside_the_messages(server):
    load = dict(subscribers=5, mode="paced", rate=20, seconds=2)
    result = run_load(BUILD / "load", server("events"), probe="/file.txt", probe_rate=500, **load)
    assert result["deliveries"] == 5 * 40
    assert 900 <= result["probe_ms"]["count"] <= 5000
    assert 0 < result["probe_ms"]["p50"] <= result["probe_ms"]["max"]
    options = dict(subscribers=5, mode="idle", seconds=0.5, probe="/nowhere")
    with pytest.raises(LoadFailed, match=r"GET /nowhere at 127.0.0.1:\d+: status 404"):
        run_load(BUILD / "load", server("events"), **options)


def test_a_percentile_of_a_handful_is_not_told(server):
    result = run_load(BUILD / "load", server("events"), subscribers=9, messages=100)
    assert result["latency_ms"]["count"] == 900
    assert result["latency_ms"]["p50"] > 0
    assert result["latency_ms"]["p99"] is None


def test_a_server_that_never_delivers_is_refused(server):
    with pytest.raises(LoadFailed, match="2 of 2 subscriptions never got a message"):
        run_load(BUILD / "load", server("deaf"), subscribers=2, warm_up_limit=1)


def test_errors_say_what_and_where(server):
    running = server("nowhere")
    with pytest.raises(LoadFailed, match=r"subscriber \d+ of 3 at 127.0.0.1:\d+: HTTP/1.1 404"):
        run_load(BUILD / "load", running, subscribers=3)
    free = HeldPort()
    running.url = f"http://127.0.0.1:{free}/"
    with pytest.raises(LoadFailed, match=f"at 127.0.0.1:{free}: Connection refused"):
        run_load(BUILD / "load", running, subscribers=3)
    running = server("events")
    running.publish = f"redis://127.0.0.1:{free}"
    with pytest.raises(LoadFailed, match=f"Redis at 127.0.0.1:{free}: Connection refused"):
        run_load(BUILD / "load", running, subscribers=3)
    free.release()
    with pytest.raises(LoadFailed, match="open files"):
        run_load(BUILD / "load", running, subscribers=100_000_000)


def test_a_killed_generator_leaves_no_process_behind(server):
    running = server("events")
    command = [BUILD / "load", "--url", running.url, "--publish", running.publish]
    command += ["--mode", "paced", "--seconds", "600", "--subscribers", "10"]
    generator = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    children = wait_until(
        lambda: len(found := processes.children(generator.pid)) >= 2 and found, "its processes"
    )
    os.kill(generator.pid, signal.SIGKILL)
    generator.wait()
    wait_until(
        lambda: all(processes.state(pid) in (None, "Z") for pid in children), "they are gone"
    )

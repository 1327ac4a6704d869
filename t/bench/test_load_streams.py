"""The load generator on durable channels: it counts entries, and what a replay lacks or repeats."""

from pathlib import Path

import pytest

from comparison.contenders import ALL, Place, Running
from comparison.load import LoadFailed, run_load
from comparison.rounds import Bench
from harness import make_certificate, wait_until

LOAD = Path(__file__).resolve().parent.parent.parent / "build" / "bench" / "load"

CONF = """
    load_module @MODULE@;
    worker_processes 1;
    pid nginx.pid;
    events { worker_connections 200; }
    http {
        @TEMP_PATHS@
        log_format begins "$uri $sse_start_id";
        access_log begins.log begins;
        sse_broker @BROKER@;
        sse_channel_type stream;
        server {
            listen 127.0.0.1:@PORT@;
            listen 127.0.0.1:@PORT2@ ssl http2;
            ssl_certificate certificate.pem;
            ssl_certificate_key key.pem;
            location ~ ^/stream/(?<channel>.+)$ { sse_subscribe $channel; }
            # Whatever a client has had: all, the last ten entries, a reset.
            location ~ ^/again/(?<channel>.+)$ { sse_subscribe $channel; sse_last_event_id 0-0; }
            location ~ ^/newest/(?<channel>.+)$ {
                sse_subscribe $channel; sse_last_event_id ""; sse_start last=10;
            }
            location ~ ^/little/(?<channel>.+)$ { sse_subscribe $channel; sse_max_replay 10; }
        }
    }
"""

# 50 subscribers that have had the entries up to 0, 2, 4 … 98 of those with the numbers 0 to 100.
REPLAY = dict(mode="replay", subscribers=50, messages=100, quiet=0.5)
MISSED = sum(100 - had for had in range(0, 100, 2))


@pytest.fixture
def nginx(make_nginx, redis):
    nginx = make_nginx(CONF, BROKER=redis.url)
    make_certificate(nginx.directory)
    return nginx.start()


@pytest.fixture
def load(nginx, redis):
    """load(path, …): runs the generator; its result."""

    def run(path, **options):
        url = f"http://127.0.0.1:{nginx.port}/{path}/{{}}"
        pid = nginx.process.pid
        running = Running(url, redis.url, pid, options.pop("flags", ("--entries",)))
        return run_load(LOAD, running, broker_pid=redis.process.pid, **options)

    return run


def test_each_message_is_an_entry_and_comes_to_everybody_once(load, redis):
    result = load("stream", subscribers=20, messages=50, prefix="counted")
    assert result["published"] == 50
    assert result["deliveries"] == result["expected"] == 20 * 50
    assert result["lost"] == result["duplicates"] == result["gaps"] == result["resets"] == 0
    assert result["latency_ms"]["p99"] > 0
    entries = [fields[b"data"] for _, fields in redis.client.xrange("counted0")]
    measured = [data for data in entries if data.startswith(b"m")]
    assert [int(data[9:17], 16) for data in measured] == list(range(50))
    assert {len(data) for data in entries} == {100}


def test_the_broker_is_measured_by_itself(load):
    result = load("stream", subscribers=100, messages=100)
    broker, server = result["broker"], result["server"]
    assert 1 < broker["cpu_us_per_message"] < server["cpu_us_per_message"] / 2
    busy = broker["traffic_cpu_seconds"]
    assert broker["cpu_us_per_message"] == pytest.approx(busy * 1e6 / 100, rel=0.1)


def test_streams_are_trimmed_as_asked(load, redis):
    load("stream", subscribers=1, mode="paced", rate=2000, seconds=1, maxlen=200, prefix="short")
    assert 200 <= redis.client.xlen("short0") < 400  # a node of the stream more


def test_publishing_goes_on_for_as_long_as_the_warm_up_is_to_last(load, redis):
    load("stream", subscribers=1, messages=1, warm_up=1, prefix="warm")
    first, last = (redis.client.xrange("warm0", count=1), redis.client.xrevrange("warm0", count=1))
    milliseconds = [int(entries[0][0].split(b"-")[0]) for entries in (first, last)]
    assert milliseconds[1] - milliseconds[0] >= 700  # four rounds


@pytest.mark.parametrize("processes", [1, 3])
def test_subscribers_of_a_replay_have_had_different_entries_and_get_the_rest(
    load, nginx, processes
):
    result = load("stream", processes=processes, prefix="parts", **REPLAY)
    assert result["published"] == 101
    assert result["deliveries"] == result["expected"] == MISSED
    assert result["lost"] == result["duplicates"] == result["gaps"] == result["resets"] == 0
    assert result["caught_up_ms"]["count"] == 50
    server = result["server"]
    # Not more than before for certain: a page that others share too counts by its share.
    assert 0 < server["pss_bytes_before"] / 2 < server["pss_bytes_peak"]
    log = nginx.directory / "begins.log"
    lines = wait_until(
        lambda: len(found := log.read_text().splitlines()) == 50 and found, "all have ended"
    )
    had = [int(line.split("-")[-1]) for line in lines]
    assert sorted(had) == list(range(0, 100, 2))


def test_a_replay_over_http2_begins_where_each_was(load, nginx):
    url = f"https://127.0.0.1:{nginx.port_of('PORT2')}/stream/{{}}"
    result = load("stream", url=url, flags=("--http2",), **REPLAY)
    assert result["deliveries"] == result["expected"] == MISSED
    assert result["lost"] == result["duplicates"] == 0


def test_entries_that_come_again_in_a_replay_are_noticed(load):
    result = load("again", **REPLAY)
    assert result["duplicates"] == sum(had + 1 for had in range(0, 100, 2))
    assert result["lost"] == 0


def test_entries_that_a_replay_leaves_out_are_noticed(load):
    result = load("newest", **REPLAY)
    arrived = sum(min(10, 100 - had) for had in range(0, 100, 2))
    assert result["deliveries"] == arrived
    assert result["lost"] == MISSED - arrived
    assert result["gaps"] == MISSED - arrived  # before what came


def test_resets_of_a_replay_are_noticed(load):
    result = load("little", **REPLAY)
    assert result["resets"] == sum(100 - had > 10 for had in range(0, 100, 2))
    assert result["lost"] > 0


def test_what_cannot_be_published_is_said(load, redis):
    redis.client.set("wrong0", "a text")
    with pytest.raises(LoadFailed, match="XADD: WRONGTYPE"):
        load("stream", prefix="wrong", **REPLAY)
    with pytest.raises(LoadFailed, match="entries are published to redis://"):
        load("stream", publish="http://127.0.0.1:1/", subscribers=1)
    with pytest.raises(LoadFailed, match="mode replay: one channel each"):
        load("stream", channels=2, channels_each=2, **REPLAY)


@pytest.mark.parametrize("name", ["ours-stream", "ours-stream-notified"])
def test_durable_contenders_deliver_everything_in_the_way_that_they_are_named_after(
    make_redis, module_path, nginx_environment, name
):
    place = Place(make_redis(), module_path, LOAD.parent, environment=nginx_environment)
    bench = Bench(place, rounds=1, quick=True)
    place.redis.add_all("before", ["not counted"] * 1000)
    result = bench.run(ALL[name], subscribers=20, messages=300, warm_up=2)
    assert result["deliveries"] == result["expected"] == 20 * 300
    assert result["lost"] == result["duplicates"] == result["resets"] == 0
    calls = result["redis_calls"]
    assert 300 <= calls["xadd"] < 1000
    if name == "ours-stream":
        assert calls["xread"] >= 300
    else:
        assert calls["xread"] < 50
    assert place.redis.command("DBSIZE") == 0

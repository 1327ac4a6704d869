"""Reloads that come often, change the configuration, or meet a worker that is held."""

import os
import signal
import socket
import time

import pytest

from harness import HttpConnection, Publisher, http_request, processes, wait_until

CONF = """
load_module @MODULE@;
worker_processes 2;
error_log error.log info;
pid nginx.pid;
events { worker_connections 512; }
http {
    @TEMP_PATHS@
    log_format end '$arg_n $msec $sse_close_reason';
    access_log access.log end;
    sse_broker @BROKER@;
    sse_retry 1s jitter=1s;
    sse_drain @DRAIN@;
    server {
        listen 127.0.0.1:@PORT@;
        location = /events { add_header X-Worker $pid; sse_subscribe c; }
    }
}
"""

HELD_CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 512; }
http {
    @TEMP_PATHS@
    log_format end '$arg_n $msec $sse_close_reason';
    access_log access.log end;
    sse_broker @BROKER@;
    sse_retry 1s jitter=1s;
    sse_drain 1s;
    server {
        listen 127.0.0.1:@PORT@;
        location = /events { add_header X-Worker $pid; sse_subscribe c; }
        location = /download { access_log off; limit_rate 1k; root .; }
        location = /proxied { access_log off; proxy_pass http://127.0.0.1:@SILENT@; }
    }
}
"""

OTHER_CONF = """
load_module @MODULE@;
worker_processes 2;
error_log error.log info;
pid nginx.pid;
events { worker_connections 512; }
http {
    @TEMP_PATHS@
    server {
        listen 127.0.0.1:@PORT@;
        @LOCATION@
    }
}
"""


def numbered_streams(pool, nginx, count, first=0):
    streams = [pool.start(nginx, f"/events?n={n}") for n in range(first, first + count)]
    pool.run_until(lambda: all(stream.head for stream in streams), "open streams")
    return streams


def expect_drained(streams):
    for stream in streams:
        assert stream.end == "clean"
        assert stream.blocks[-1].data is None and 1000 <= stream.blocks[-1].retry <= 2000


def ends_by_the_workers_clock(nginx):
    """The argument n of each stream → when it ended; all of them were drained."""
    lines = [line.split() for line in nginx.access_log()]
    assert {reason for _, _, reason in lines} == {"drain"}
    return {int(n): float(moment) for n, moment, _ in lines}


def clients_of(redis, worker):
    return [c for c in redis.client.client_list() if c["name"] == f"nginx-sse-{worker}"]


def test_ten_reloads_one_right_after_the_other(redis, start_nginx, pool):
    nginx = start_nginx(CONF, BROKER=redis.url, DRAIN="2s")

    def descriptors():
        return processes.fd_count(nginx.process.pid)

    def generations_are_gone(count):
        nginx.wait_for_log(r"worker process \d+ exited with code 0", count=2 * count)

    nginx.reload()
    generations_are_gone(1)
    before = descriptors()
    streams, begins = [], {}
    with Publisher(redis, "c") as publisher:
        for _ in range(10):
            first = len(streams)
            streams += numbered_streams(pool, nginx, 10, first)
            begins.update(dict.fromkeys(range(first, len(streams)), time.time()))
            nginx.reload()
        assert not all(stream.end for stream in streams), "the drains follow each other"
        pool.run_until(lambda: all(stream.end for stream in streams), "all streams end")
    generations_are_gone(11)
    expect_drained(streams)
    ends = ends_by_the_workers_clock(nginx)
    for n, stream in enumerate(streams):
        assert publisher.missed(stream.texts(), begins[n], ends[n]) == []
    assert len(nginx.all_worker_pids()) == 2
    wait_until(lambda: descriptors() == before, "the master has as many descriptors as before")
    workers = sorted(f"nginx-sse-{pid}" for pid in nginx.worker_pids())
    wait_until(
        lambda: sorted({c["name"] for c in redis.client.client_list()} - {""}) == workers,
        "Redis sees the new workers alone",
    )


def test_ten_hups_at_once_are_one_or_more_quiet_reloads(redis, start_nginx, pool):
    nginx = start_nginx(CONF, BROKER=redis.url, DRAIN="200ms")
    old = set(nginx.worker_pids())
    streams = numbered_streams(pool, nginx, 20)
    for _ in range(10):
        os.kill(nginx.process.pid, signal.SIGHUP)
    pool.run_until(lambda: all(stream.end for stream in streams), "all streams end")
    expect_drained(streams)
    wait_until(lambda: len(nginx.all_worker_pids()) == 2, "no old worker is left")
    assert not old & set(nginx.all_worker_pids())


@pytest.mark.parametrize("path", ["/download", "/proxied"])
def test_streams_end_and_are_not_deaf_when_a_long_request_holds_the_old_worker(
    redis, start_nginx, pool, path
):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        nginx = start_nginx(HELD_CONF, BROKER=redis.url, SILENT=silent.getsockname()[1])
        (nginx.directory / "download").write_bytes(bytes(1 << 20))
        (old_worker,) = nginx.worker_pids()
        streams = numbered_streams(pool, nginx, 30)
        begin = time.time()
        with HttpConnection(nginx.port) as request, Publisher(redis, "c") as publisher:
            request.send_request("GET", path)
            if path == "/download":
                assert request.read_head().status == 200
            else:
                upstream, _ = silent.accept()  # and nothing is answered
            nginx.reload()
            (newcomer,) = pool.open(nginx, "/events?n=30", 1)
            new_begin = time.time()
            assert newcomer.head.get("X-Worker") != str(old_worker)
            pool.run_until(lambda: all(stream.end for stream in streams), "all streams end")
            assert old_worker in nginx.all_worker_pids()
            # It needs Redis no longer, and Redis need not send it anything.
            wait_until(lambda: clients_of(redis, old_worker) == [], "the old worker leaves Redis")
            assert old_worker in nginx.all_worker_pids()
        wait_until(lambda: old_worker not in nginx.all_worker_pids(), "the old worker ends")
        nginx.signal_quit()
        pool.run_until(lambda: newcomer.end, "the new worker drains")
        nginx.wait_ended()
    expect_drained([*streams, newcomer])
    ends = ends_by_the_workers_clock(nginx)
    for n, stream in enumerate(streams):
        assert ends[n] - begin < 2
        assert publisher.missed(stream.texts(), begin, ends[n]) == []
    assert publisher.missed(newcomer.texts(), new_begin, ends[30]) == []


@pytest.mark.parametrize(
    "location",
    ["location = /other { sse_broker @BROKER@; sse_subscribe c; }", "location = /other { }"],
    ids=["of two", "of one"],
)
def test_streams_of_a_location_that_vanishes_are_drained_as_any_others(
    redis, start_nginx, pool, location
):
    nginx = start_nginx(CONF, BROKER=redis.url, DRAIN="500ms")
    streams = numbered_streams(pool, nginx, 20)
    begin = time.time()
    with Publisher(redis, "c") as publisher:
        nginx.write_conf(OTHER_CONF.replace("@LOCATION@", location))
        nginx.reload()
        assert http_request(nginx.port, "GET", "/events").status == 404
        pool.run_until(lambda: all(stream.end for stream in streams), "all streams end")
    expect_drained(streams)
    wait_until(lambda: len(nginx.all_worker_pids()) == 2, "no old worker is left")
    for n, end in ends_by_the_workers_clock(nginx).items():
        assert publisher.missed(streams[n].texts(), begin, end) == []


def test_when_the_broker_changes_each_worker_keeps_to_its_own(make_redis, start_nginx, pool):
    first, second = make_redis(), make_redis()
    nginx = start_nginx(CONF, BROKER=first.url, DRAIN="1s")
    old = numbered_streams(pool, nginx, 20)
    nginx.write_conf(CONF, BROKER=second.url)
    nginx.reload()
    new = numbered_streams(pool, nginx, 10, first=20)
    first.publish("c", "of the first")
    second.publish("c", "of the second")
    pool.run_until(lambda: all(stream.end for stream in old), "the old streams end")
    pool.run_until(lambda: all(stream.events for stream in new), "messages of the second")
    expect_drained(old)
    assert {tuple(stream.texts()) for stream in old} <= {("of the first",), ()}
    assert sum(stream.texts() == ["of the first"] for stream in old) >= 10
    assert {tuple(stream.texts()) for stream in new} == {("of the second",)}
    wait_until(lambda: first.subscribers("c") == 0, "the first broker has no subscriber")

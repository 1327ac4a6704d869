"""sse_limit_conn: a key has at most so many streams over all workers, also when one dies."""

import contextlib
import os
import re
import signal
from pathlib import Path

import pytest

from harness import Block, Http2Connection, StreamEnded, WaitTimeout, wait_until

CONF = """
load_module @MODULE@;
worker_processes @WORKERS@;
error_log error.log info;
pid nginx.pid;
events { worker_connections 1024; }
http {
    @TEMP_PATHS@
    log_format reason '$uri $status $sse_close_reason';
    access_log access.log reason;
    sse_log streams.log;
    sse_broker @BROKER@;
    sse_retry 3s jitter=1s;
    sse_drain 300ms;
    sse_greeting here;  # which tells a stream from an answer that sends away
    @HTTP@
    server {
        listen 127.0.0.1:@PORT@ reuseport;
        listen 127.0.0.1:@PORT2@ http2;
        set_real_ip_from 127.0.0.0/8;
        real_ip_header X-Forwarded-For;
        add_header X-Worker $pid always;
        location = /events { sse_subscribe news; sse_limit_conn 3; }
        location = /filtered { sse_subscribe news; sse_limit_conn 3; sse_direct off; }
        location = /compact { sse_subscribe news; sse_limit_conn 3; sse_compact on; }
        location = /more { sse_subscribe news; sse_limit_conn 5; }
        location = /user { sse_subscribe news; sse_limit_conn 2 key=$arg_user; }
        location = /header { sse_subscribe news; sse_limit_conn 2 key=$http_user; }
        location = /all { sse_subscribe news; sse_limit_conn @ALL@ key=all; }
        location /short {
            sse_subscribe news;
            sse_limit_conn 3;
            sse_max_lifetime 100ms;
            location = /short-compact {
                sse_subscribe news;
                sse_compact on;
            }
        }
        location = /slow {
            sse_subscribe big;
            sse_limit_conn 1 key=slow;
            sse_buffer_size 64k;
            sse_max_message 32k;
        }
        location = /free { sse_subscribe news; }
        location = /one {
            sse_subscribe news;
            sse_limit_conn 1 key=one;
            sse_open_timeout 30s;
        }
    }
}
"""

ALL = 37


@pytest.fixture
def serve(redis, make_nginx):
    def start(workers=1, http="", limit=ALL, conf=CONF):
        nginx = make_nginx(conf, BROKER=redis.url, WORKERS=workers, HTTP=http, ALL=limit)
        return nginx.start()

    return start


def takes(client):
    """Whether a client got a stream; otherwise it got a pause and a clean end."""
    try:
        assert client.next_event().data == "here"
        return True
    except StreamEnded:
        assert client.end == "clean"
        return False


@pytest.fixture
def enter(send_request):
    """Asks for a stream: enter(nginx, path, …) -> the stream, or None when it was sent away."""

    def ask(nginx, path, **options):
        client = send_request(nginx, path, **options).open()
        return client if takes(client) else None

    return ask


def crowd(pool, nginx, path, count):
    """So many ask at once: (who got a stream, who was sent away)."""
    streams = [pool.start(nginx, path) for _ in range(count)]
    pool.run_until(lambda: all(stream.events or stream.end for stream in streams), "all answers")
    away = [stream for stream in streams if not stream.events]
    assert {stream.end for stream in away} <= {"clean"}
    return [stream for stream in streams if stream.events], away


def ended(nginx):
    """Streams that have ended, with or without a request."""
    return nginx.access_log("streams.log")


def leave(pool, nginx, streams):
    """They go, and nginx has seen it."""
    count = len(ended(nginx))
    pool.close_streams(streams)
    wait_until(lambda: len(ended(nginx)) == count + len(streams), "nginx has seen them go")


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_key_has_at_most_so_many_streams_over_all_workers(redis, serve, pool, workers):
    nginx = serve(workers)
    streams, away = crowd(pool, nginx, "/all", 120)
    assert len(streams) == ALL
    assert len({stream.head.get("X-Worker") for stream in streams + away}) == workers
    # Each place that becomes free, at whichever worker, is somebody else's.
    for gone in (20, 1, ALL):
        leave(pool, nginx, streams[:gone])
        more, _ = crowd(pool, nginx, "/all", gone + 10)
        assert len(more) == gone
        streams = streams[gone:] + more
    redis.publish("news", "hello")
    pool.run_until(lambda: all(s.texts() == ["here", "hello"] for s in streams), "they are served")


def test_who_is_over_it_gets_an_empty_stream_a_log_line_and_a_reason(serve, enter, send_request):
    nginx = serve()
    assert all([enter(nginx, "/events") for _ in range(3)])
    for _ in range(5):
        client = send_request(nginx, "/events").open()
        (pause,) = client.read_to_end()
        assert client.end == "clean" and pause == Block(retry=pause.retry)
        assert 3000 <= pause.retry <= 4000
    with Http2Connection(nginx.port_of("PORT2")) as connection:
        assert not takes(connection.open("/events"))
    wait_until(lambda: nginx.access_log().count("/events 200 limit") == 6, "the access log")
    line = nginx.log_lines("sse_limit_conn")[0]
    assert "[warn]" in line and '"news"' in line
    assert '"sse_limit_conn" 3 reached for client 127.0.0.1' in line
    assert len(nginx.log_lines("sse_limit_conn")) <= 2, "one a second"


def test_locations_with_the_same_key_count_together_each_with_its_own_limit(serve, enter):
    nginx = serve()
    assert enter(nginx, "/events") and enter(nginx, "/more") and enter(nginx, "/more")
    assert not enter(nginx, "/events")
    assert not enter(nginx, "/filtered")
    assert enter(nginx, "/more") and enter(nginx, "/more")
    assert not enter(nginx, "/more")
    assert enter(nginx, "/user?user=127.0.0.1"), "another key"
    assert enter(nginx, "/free"), "no limit"


def test_a_key_may_be_any_value_and_an_empty_one_is_not_counted(serve, enter):
    nginx = serve()
    for user in ("ann", "bob"):
        assert enter(nginx, f"/user?user={user}") and enter(nginx, f"/user?user={user}")
        assert not enter(nginx, f"/user?user={user}")
    for path in ("/user", "/user?user=") * 3:
        assert enter(nginx, path)
    assert enter(nginx, "/header", headers=[("User", "ann")]), "another key of the same value"
    for end in "12":  # long keys that differ at their end only
        headers = [("User", "x" * 900 + end)]
        assert enter(nginx, "/header", headers=headers)
        assert enter(nginx, "/header", headers=headers)
        assert not enter(nginx, "/header", headers=headers)


def test_the_client_is_who_realip_says(serve, enter):
    nginx = serve()
    for address in ("192.0.2.1", "2001:db8::1"):
        headers = [("X-Forwarded-For", address)]
        assert all([enter(nginx, "/events", headers=headers) for _ in range(3)])
        assert not enter(nginx, "/events", headers=headers)
    assert nginx.log_lines("reached for client 192.0.2.1,")
    assert enter(nginx, "/events")


@pytest.mark.parametrize("path", ["/events", "/filtered", "/compact"])
def test_a_place_is_given_back_when_the_client_goes(serve, enter, path):
    nginx = serve()
    streams = [enter(nginx, path) for _ in range(3)]
    streams[0].close()
    wait_until(lambda: enter(nginx, path), "room for another")
    streams[1].reset()
    wait_until(lambda: enter(nginx, path), "room for another")
    assert not enter(nginx, path)


@pytest.mark.parametrize("path", ["/short", "/short-compact"])
def test_a_place_is_given_back_at_the_end_of_a_lifetime(serve, enter, path):
    nginx = serve()
    for stream in [enter(nginx, path) for _ in range(3)]:
        stream.read_to_end()
    assert all([enter(nginx, "/events") for _ in range(3)])
    assert not enter(nginx, "/events")


def test_a_place_is_given_back_by_who_is_too_slow(redis, serve, enter):
    nginx = serve()
    slow = enter(nginx, "/slow", receive_buffer=4096, max_segment=536)
    assert not enter(nginx, "/slow")
    redis.publish_all("big", ["x" * 30_000] * 200)
    wait_until(lambda: '"reason":"slow"' in "".join(ended(nginx)), "it is disconnected")
    assert enter(nginx, "/slow")
    slow.close()


def test_a_place_is_given_back_by_an_http2_reset(serve, enter):
    nginx = serve()
    with Http2Connection(nginx.port_of("PORT2")) as connection:
        streams = [connection.open("/events") for _ in range(3)]
        assert all([takes(stream) for stream in streams])
        assert not enter(nginx, "/events")
        connection.reset(streams[0])
        wait_until(lambda: enter(nginx, "/events"), "room for another")
        assert not enter(nginx, "/events")
    wait_until(lambda: len(ended(nginx)) == 3, "the connection's other streams go")
    wait_until(lambda: enter(nginx, "/events") and enter(nginx, "/events"), "room for two")
    assert not enter(nginx, "/events")


def test_who_waits_for_redis_has_a_place_and_gives_it_back(redis, serve, send_request, enter):
    nginx = serve()
    redis.pause()
    waiting = send_request(nginx, "/one")

    def is_sent_away():
        other = send_request(nginx, "/one")
        with contextlib.suppress(WaitTimeout):
            return wait_until(other.connection.has_bytes, "an answer", timeout=0.5)
        other.close()
        return False

    assert wait_until(is_sent_away, "the first has the place")
    waiting.close()
    redis.resume()
    wait_until(lambda: enter(nginx, "/one"), "room")


@pytest.mark.parametrize("compact", ["off", "on"])
def test_a_killed_worker_leaves_no_counts_behind(redis, serve, pool, compact):
    nginx = serve(workers=2, conf=CONF.replace("key=all;", f"key=all; sse_compact {compact};"))
    nginx.expect_fault("exited on signal 9")
    for _ in range(3):
        workers = nginx.worker_pids()
        streams, _ = crowd(pool, nginx, "/all", ALL + 10)
        assert len(streams) == ALL
        victim = workers[0]
        mine = [stream for stream in streams if stream.head.get("X-Worker") == str(victim)]
        assert mine
        os.kill(victim, signal.SIGKILL)
        pool.run_until(lambda: all(stream.end for stream in mine), "its streams end")
        wait_until(lambda: len(set(nginx.worker_pids()) - set(workers)) == 1, "a new worker")
        again, _ = crowd(pool, nginx, "/all", len(mine) + 10)
        assert len(again) == len(mine)
        leave(pool, nginx, [s for s in streams if s not in mine] + again)


def test_a_killed_worker_of_an_old_configuration_leaves_none_either(serve, pool):
    nginx = serve(limit=10, conf=CONF.replace("sse_drain 300ms", "sse_drain 1m"))
    nginx.expect_fault("exited on signal 9")
    (old,) = nginx.worker_pids()
    streams, _ = crowd(pool, nginx, "/all", 10)
    nginx.write_conf(CONF)
    nginx.reload()
    os.kill(old, signal.SIGKILL)  # nobody takes its slot over
    pool.run_until(lambda: all(stream.end for stream in streams), "its streams end")
    wait_until(lambda: old not in nginx.all_worker_pids(), "the master has seen it")
    again, away = crowd(pool, nginx, "/all", 12)
    assert len(again) == 10 and len(away) == 2


def test_streams_of_old_workers_count_until_they_end(serve, pool):
    nginx = serve(workers=2, limit=10, conf=CONF.replace("sse_drain 300ms", "sse_drain 1m"))
    old_workers = nginx.worker_pids()
    old, _ = crowd(pool, nginx, "/all", 10)
    nginx.reload()
    new, _ = crowd(pool, nginx, "/all", 20)
    # As many as have ended by now, one or two of them.
    pool.run_until(lambda: sum(stream.end == "clean" for stream in old) >= len(new), "the drain")
    for pid in old_workers:
        os.kill(pid, signal.SIGTERM)
    pool.run_until(lambda: all(stream.end for stream in old), "the others are cut")
    wait_until(lambda: not set(old_workers) & set(nginx.all_worker_pids()), "they are gone")
    more, _ = crowd(pool, nginx, "/all", 20)
    assert len(new) + len(more) == 10


def test_a_zone_that_is_full_lets_nobody_in_uncounted(serve, pool, enter):
    nginx = serve(http="sse_zone 32k;")
    streams = [pool.start(nginx, f"/user?user={i}") for i in range(600)]
    pool.run_until(lambda: all(stream.events or stream.end for stream in streams), "all answers")
    assert "[warn]" in nginx.wait_for_log('"sse_zone" is full for client 127.0.0.1')[0]
    assert len(nginx.log_lines("sse_zone")) <= 4, "one a second"
    assert not nginx.log_lines("no memory")
    assert not enter(nginx, "/user?user=new")
    assert enter(nginx, "/user?user=0"), "a key that is counted already"
    assert enter(nginx, "/user"), "not counted"
    leave(pool, nginx, [stream for stream in streams if stream.events][:50])
    assert enter(nginx, "/user?user=new")


def test_another_size_makes_another_zone(serve, pool):
    conf = CONF.replace("sse_drain 300ms", "sse_drain 1m")
    nginx = serve(http="sse_zone 1m;", limit=10, conf=conf)
    old_worker = nginx.worker_pids()
    old, _ = crowd(pool, nginx, "/all", 10)
    nginx.write_conf(CONF, HTTP="sse_zone 2m;")
    nginx.reload()
    new, _ = crowd(pool, nginx, "/all", 12)
    assert len(new) == 10
    assert not any(stream.end for stream in old[:5])
    os.kill(old_worker[0], signal.SIGTERM)
    pool.run_until(lambda: all(stream.end for stream in old), "the old ones end")
    _, away = crowd(pool, nginx, "/all", 2)
    assert len(away) == 2


def test_there_is_no_zone_where_nothing_is_counted(serve):
    size = {"http": "sse_zone 77m;"}
    assert has_mapping(serve(**size), 77 << 20)
    off = re.sub(r"sse_limit_conn [^;]+;", "sse_limit_conn off;", CONF)
    assert not has_mapping(serve(**size, conf=off), 77 << 20)


def has_mapping(nginx, size):
    """Whether a worker has a mapping of this size."""
    (worker,) = nginx.worker_pids()
    lines = Path(f"/proc/{worker}/maps").read_text().splitlines()
    ranges = [line.split()[0].split("-") for line in lines]
    return any(int(end, 16) - int(begin, 16) == size for begin, end in ranges)

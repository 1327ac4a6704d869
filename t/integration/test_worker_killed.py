"""A worker that dies takes its own connections with it and nothing else: promise 8."""

import os
import signal
import time

import pytest

from harness import Publisher, make_certificate, wait_until

CONF = """
load_module @MODULE@;
worker_processes 2;
error_log error.log info;
pid nginx.pid;
events { worker_connections 512; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    sse_drain 100ms;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    server {
        listen 127.0.0.1:@PORT@ reuseport;
        listen 127.0.0.1:@PORT2@ ssl reuseport;
        add_header X-Worker $pid;
        location = /events { sse_subscribe c; }
    }
}
"""


@pytest.fixture
def nginx(redis, make_nginx):
    nginx = make_nginx(CONF, BROKER=redis.url)
    make_certificate(nginx.directory)
    nginx.expect_fault("exited on signal 9")
    return nginx.start()


def of_worker(streams, pid):
    return [stream for stream in streams if stream.head.get("X-Worker") == str(pid)]


def open_at_both(pool, nginx, count, **options):
    """Streams, at least `count` of them at each worker."""
    workers = nginx.worker_pids()
    streams = []
    while min(len(of_worker(streams, pid)) for pid in workers) < count:
        assert len(streams) < 400, "the kernel does not spread the connections"
        streams += pool.open(nginx, "/events", 10, **options)
    return streams


def kill_one(nginx):
    """Returns who died and who did not."""
    victim, survivor = nginx.worker_pids()
    os.kill(victim, signal.SIGKILL)
    return victim, survivor


def wait_for_the_new_worker(nginx, victim, survivor):
    def new_workers():
        return set(nginx.worker_pids()) - {victim, survivor}

    (pid,) = wait_until(new_workers, "a new worker")
    return pid


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_streams_of_the_other_worker_lose_nothing(redis, nginx, pool, tls):
    port = nginx.port_of("PORT2" if tls else "PORT")
    streams = open_at_both(pool, nginx, 10, port=port, tls=tls)
    begin = time.time()
    with Publisher(redis, "c", interval=0.002) as publisher:
        pool.run_until(lambda: all(stream.events for stream in streams), "messages flow")
        victim, survivor = kill_one(nginx)
        gone, alive = of_worker(streams, victim), of_worker(streams, survivor)
        pool.run_until(lambda: all(stream.end for stream in gone), "the victim's streams end")
        wait_for_the_new_worker(nginx, victim, survivor)
        seen = len(alive[0].events)
        pool.run_until(lambda: len(alive[0].events) > seen + 100, "messages flow on")
    last = str(publisher.taken())
    redis.publish("c", last)
    pool.run_until(lambda: all(s.events[-1].data == last for s in alive), "the last message")
    assert {stream.end for stream in gone} <= {"cut", "reset"}
    for stream in alive:
        assert stream.end is None
        assert [event.name for event in stream.events] == [None] * len(stream.events), "no reset"
        assert publisher.missed(stream.texts()[:-1], begin, time.time()) == []


def test_forty_new_subscribers_get_everything_after_each_of_three_kills(redis, nginx, pool):
    for i in range(3):
        victim, survivor = kill_one(nginx)
        # At once: some are accepted by the survivor, some wait for the worker that is to come.
        at_once = pool.open(nginx, "/events", 40)
        redis.publish("c", f"first {i}")
        new_worker = wait_for_the_new_worker(nginx, victim, survivor)
        # A worker that has not come to it yet would give it to those who open now, too.
        pool.run_until(lambda: all(s.events for s in at_once), "the first message")
        later = open_at_both(pool, nginx, 10)
        assert len(of_worker(at_once + later, new_worker)) >= 10
        redis.publish("c", f"second {i}")
        pool.run_until(lambda: all(len(s.events) == 2 for s in at_once), "both messages")
        pool.run_until(lambda: all(s.events for s in later), "the second message")
        assert {tuple(stream.texts()) for stream in at_once} == {(f"first {i}", f"second {i}")}
        assert {tuple(stream.texts()) for stream in later} == {(f"second {i}",)}
        pool.close_streams(at_once + later)
        assert len(nginx.all_worker_pids()) == 2


def test_after_a_kill_a_reload_is_as_quiet_as_ever(nginx, pool):
    victim, survivor = kill_one(nginx)
    wait_for_the_new_worker(nginx, victim, survivor)
    streams = open_at_both(pool, nginx, 5)
    nginx.reload()
    pool.run_until(lambda: all(stream.end for stream in streams), "all streams end")
    assert {stream.end for stream in streams} == {"clean"}
    assert all(stream.blocks[-1].retry is not None for stream in streams)
    wait_until(lambda: len(nginx.all_worker_pids()) == 2, "no old worker is left")


def test_a_worker_killed_while_it_drains_is_not_replaced(redis, nginx, pool):
    nginx.write_conf(CONF.replace("sse_drain 100ms", "sse_drain 1m"))
    nginx.reload()
    wait_until(lambda: len(nginx.all_worker_pids()) == 2, "the long drain is in force")
    old = open_at_both(pool, nginx, 5)
    draining, _ = nginx.worker_pids()
    nginx.write_conf(CONF)
    nginx.reload()
    new = open_at_both(pool, nginx, 5)
    assert len(nginx.all_worker_pids()) == 4
    os.kill(draining, signal.SIGKILL)
    pool.run_until(lambda: all(s.end for s in of_worker(old, draining)), "its streams end")
    wait_until(lambda: len(nginx.all_worker_pids()) == 3, "it is gone")
    redis.publish("c", "x")
    others = [stream for stream in old + new if not stream.end]
    pool.run_until(lambda: all(stream.events for stream in others), "the others get messages")
    for pid in set(nginx.all_worker_pids()) - set(nginx.worker_pids()):
        os.kill(pid, signal.SIGTERM)  # it would take a minute

"""A new nginx takes over from a running one (USR2), or has to give back: promise 8."""

import os
import signal
import time

import pytest

from harness import Publisher, processes, wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
env LD_PRELOAD;  # a sanitizer build needs its environment in the new binary too
env ASAN_OPTIONS;
env LSAN_OPTIONS;
env UBSAN_OPTIONS;
events { worker_connections 512; }
http {
    @TEMP_PATHS@
    log_format end '$arg_n $msec $sse_close_reason';
    access_log access.log end;
    sse_broker @BROKER@;
    sse_retry 1s jitter=1s;
    sse_drain 500ms;
    server {
        listen 127.0.0.1:@PORT@;
        add_header X-Worker $pid;
        location = /events { sse_subscribe c; }
    }
}
"""


@pytest.fixture
def nginx(redis, make_nginx):
    return make_nginx(CONF, BROKER=redis.url).start(daemon=True)


def workers_of(master):
    return [pid for pid in processes.children(master.pid) if "worker" in processes.title(pid)]


class Streams:
    """Streams with the moment from which nothing may be missing."""

    def __init__(self, pool, nginx):
        self.pool = pool
        self.nginx = nginx
        self.all = []
        self.begins = []

    def open_at(self, worker, count=10):
        """Opens streams until a worker has `count`; returns those of this worker."""
        mine = []
        while len(mine) < count:
            assert len(self.all) < 400, f"worker {worker} takes no connections"
            stream = self.pool.start(self.nginx, f"/events?n={len(self.all)}")
            self.pool.run_until(lambda stream=stream: stream.head, "an open stream")
            self.all.append(stream)
            self.begins.append(time.time())
            if stream.head.get("X-Worker") == str(worker):
                mine.append(stream)
        return mine

    def expect_ended_by(self, worker):
        """A worker's streams end, and only those."""
        mine = [stream for stream in self.all if stream.head.get("X-Worker") == str(worker)]
        others = [stream for stream in self.all if stream not in mine and not stream.end]
        self.pool.run_until(lambda: all(stream.end for stream in mine), "the worker's streams end")
        assert not any(stream.end for stream in others)

    def expect_complete(self, publisher):
        """Each was drained and had every message until then."""
        lines = [line.split() for line in self.nginx.access_log()]
        assert sorted(int(n) for n, _, _ in lines) == list(range(len(self.all)))
        for n, end, reason in lines:
            stream = self.all[int(n)]
            assert (stream.end, reason) == ("clean", "drain")
            assert stream.blocks[-1].data is None and 1000 <= stream.blocks[-1].retry <= 2000
            assert publisher.missed(stream.texts(), self.begins[int(n)], float(end)) == []


def test_the_old_binary_drains_and_the_new_one_serves(redis, nginx, pool):
    (old_worker,) = nginx.worker_pids()
    streams = Streams(pool, nginx)
    with Publisher(redis, "c") as publisher:
        streams.open_at(old_worker)
        old = nginx.upgrade()
        (new_worker,) = nginx.worker_pids()
        streams.open_at(new_worker)  # while the old one serves too
        assert not any(stream.end for stream in streams.all)
        os.kill(old.pid, signal.SIGQUIT)
        streams.expect_ended_by(old_worker)
        old.wait(15)
        streams.open_at(new_worker)
        nginx.reload()  # it is a master like any other
        streams.expect_ended_by(new_worker)
        (newest_worker,) = nginx.worker_pids()
        streams.open_at(newest_worker)
        nginx.signal_quit()
        streams.expect_ended_by(newest_worker)
        nginx.wait_ended()
    streams.expect_complete(publisher)
    wait_until(lambda: redis.subscribers("c") == 0, "nobody is subscribed")


def test_the_old_binary_takes_over_again_when_the_new_one_is_not_wanted(redis, nginx, pool):
    (old_worker,) = nginx.worker_pids()
    streams = Streams(pool, nginx)
    with Publisher(redis, "c") as publisher:
        streams.open_at(old_worker)
        old = nginx.upgrade()
        os.kill(old.pid, signal.SIGWINCH)  # its workers go, it stays
        streams.expect_ended_by(old_worker)
        wait_until(lambda: workers_of(old) == [], "the old workers have gone")
        (new_worker,) = nginx.worker_pids()
        streams.open_at(new_worker)
        os.kill(old.pid, signal.SIGHUP)
        (old_worker,) = wait_until(lambda: workers_of(old), "the old master has workers again")
        streams.open_at(old_worker)
        nginx.signal_quit()
        streams.expect_ended_by(new_worker)
        nginx.wait_ended()
        nginx.process = old
        streams.open_at(old_worker)
        nginx.signal_quit()
        streams.expect_ended_by(old_worker)
        nginx.wait_ended()
    streams.expect_complete(publisher)

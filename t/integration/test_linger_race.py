"""Promise 1 where subscriptions end: who comes just then gets all that is published after `open`.

A subscription outlives its last subscriber by some seconds (5), or until its place is needed.
"""

import heapq
import random
import threading
import time

from harness import http_request

CONF = """
load_module @MODULE@;
worker_processes @WORKERS@;
error_log error.log info;
pid nginx.pid;
events { worker_connections 1024; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    sse_retry off;
    sse_open_timeout 30s;
    sse_max_worker_channels @CHANNELS@;
    server {
        listen 127.0.0.1:@PORT@ reuseport;
        location = /ping { return 200 pong; }
        location ~ ^/(?<channel>.+)$ { sse_subscribe $channel; }
    }
}
"""

LINGER = 5  # seconds
HAMMERED = 2 * LINGER + 1.5  # seconds: who left in the beginning can come back twice
FLOW_INTERVAL = 0.01  # seconds between two messages of a channel
STAY = 2  # messages beyond the first after which a visitor may leave
LONG_STAY = 300


class Flow:
    """A thread that publishes 0, 1, 2, … on each of many channels."""

    def __init__(self, redis, channels):
        self._client = redis.make_client()
        self._next = dict.fromkeys(channels, 0)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def next_number(self, channel):
        """Neither this nor a later one has been published yet."""
        return self._next[channel]

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._thread.join()
        self._client.close()

    def _run(self):
        while not self._stopped.wait(FLOW_INTERVAL):
            with self._client.pipeline(transaction=False) as pipeline:
                for channel, number in self._next.items():
                    self._next[channel] = number + 1
                    pipeline.execute_command("PUBLISH", channel, number)
                pipeline.execute()


class Visits:
    """Streams that have to get, from `open` on, every message of their channel."""

    def __init__(self, pool, nginx, flow):
        self.completed = []  # streams that got what they came for, to be closed by the test
        self.opened = 0
        self.under_way = 0
        self._pool = pool
        self._nginx = nginx
        self._flow = flow
        self._stay = {}  # how many messages each waits for
        self._due = {}  # what each has to have
        self._last = {}  # what each got last

    def begin(self, channel, stay=STAY):
        self.under_way += 1
        stream = self._pool.start(
            self._nginx, f"/{channel}", on_open=self._on_open, on_block=self._on_block
        )
        self._stay[stream] = stay

    def _on_open(self, stream):
        self.opened += 1
        self._due[stream] = self._flow.next_number(stream.path[1:])

    def _on_block(self, stream, block):
        if block.data is None:
            return
        assert block.name is None, f"{stream.path}: {block}"
        number = int(block.data)
        due = self._due[stream]
        last = self._last.get(stream)
        if last is None:
            assert number <= due, f"{stream.path}: {due} is missing, the first is {number}"
        else:
            assert number == last + 1, f"{stream.path}: {number} after {last}"
        self._last[stream] = number
        if number == due + self._stay[stream]:
            self.under_way -= 1
            self.completed.append(stream)


def calls(redis, command):
    """How often a command was called."""
    return redis.client.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"]


def test_channels_that_are_left_and_taken_again_miss_nothing_on_two_workers(
    redis, start_nginx, pool
):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=2, CHANNELS=1000)
    channels = [f"c{number}" for number in range(80)]
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    end = time.monotonic() + HAMMERED
    with Flow(redis, ["always", *channels]) as flow:
        visits = Visits(pool, nginx, flow)
        pool.open(nginx, "/always", 1)  # so that something happens all the time
        comings = [(0, channel) for channel in channels]

        def is_something_due():
            return visits.completed or (comings and comings[0][0] <= time.monotonic())

        while time.monotonic() < end:
            pool.run_until(is_something_due, "visits", timeout=30)
            while comings and comings[0][0] <= time.monotonic():
                visits.begin(heapq.heappop(comings)[1], rng.choice((STAY, STAY, LONG_STAY)))
            leaving, visits.completed = visits.completed, []
            pool.close_streams(leaving)
            for stream in leaving:
                away = rng.choice((0, 0, rng.uniform(0, 1), LINGER + rng.uniform(-0.1, 0.7)))
                heapq.heappush(comings, (time.monotonic() + away, stream.path[1:]))
        pool.run_until(lambda: visits.under_way == 0, "the last visits", timeout=30)
    print(f"{visits.opened} visits, {calls(redis, 'unsubscribe')} subscriptions ended")
    assert visits.opened > 300
    assert calls(redis, "unsubscribe") > 50


def test_subscriptions_that_end_while_somebody_comes_miss_nothing(redis, start_nginx, pool):
    nginx = start_nginx(CONF, BROKER=redis.url, WORKERS=1, CHANNELS=64)
    kept = [f"kept{number}" for number in range(30)]
    with Flow(redis, kept) as flow:
        for number in range(10):
            ended = calls(redis, "unsubscribe")
            visits = Visits(pool, nginx, flow)
            visit_all(visits, kept, pool)
            redis.pause()
            # More channels than there is room for: the worker gives up those that nobody reads.
            others = [pool.start(nginx, f"/other{number}-{each}") for each in range(50)]
            for channel in kept:
                visits.begin(channel)
            # The only worker answers this after it has read the requests above.
            assert http_request(nginx.port, "GET", "/ping").text == "pong"
            redis.resume()
            pool.run_until(lambda: len(visits.completed) == len(kept), "all are there again")
            pool.close_streams([*visits.completed, *others])
            assert calls(redis, "unsubscribe") - ended >= 10


def visit_all(visits, channels, pool):
    """All come, get what is theirs, and leave."""
    for channel in channels:
        visits.begin(channel)
    pool.run_until(lambda: len(visits.completed) == len(channels), "all are there")
    pool.close_streams(visits.completed)
    visits.completed = []

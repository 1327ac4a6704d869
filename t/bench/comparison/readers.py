"""What it costs Redis that many workers read its streams, by lanes and by notifications."""

import contextlib
import threading
import time
from functools import partial

from .listeners import Listeners
from .result import Result, Table
from .rounds import spread
from .scenarios import title

NAMES = ["redis-alone", "ours-readers", "ours-readers-notified"]
CPU = "redis.cpu_us_per_message"
CONNECTIONS = "redis.connections"
PING = ("ping_ms.p50", "ping_ms.p99")
LATENCY = ("latency_ms.p50", "latency_ms.p99")
PING_PAUSE = 0.005  # seconds
OWN = 3  # connections: the publisher's, the bystander's, and the one that counts them


def readers(bench):
    """Workers that each read all of some channels: lanes, notifications, and Redis by itself."""
    rate, seconds = bench.pick((200, 5), (200, 1))
    result = Result(
        "readers",
        f"Durable channels in many workers: what reading costs Redis, at {rate} messages/s",
    )
    table = Table(["workers × channels", "", "Redis CPU per message and worker, µs"])
    table.head += ["delivery p50, ms", "p99, ms", "PING of a bystander p50, ms", "p99, ms"]
    table.head += ["connections of a worker"]
    sizes = bench.pick(((1, 1), (16, 1), (64, 1), (16, 64), (1, 10_000)), ((2, 4),))
    for workers, channels in sizes:
        name = f"{workers} × {channels:,}"
        # A worker sees notifications within a second; a lane that is left waits ten for a reply.
        load = partial(_publish, bench.place.redis, bench.pick(15, 2))
        options = dict(channels=channels, rate=rate, seconds=seconds)
        case = bench.alternate(name, NAMES, load=load, workers=workers, **options)
        result.raw.append(case.raw([CPU, CONNECTIONS, *PING, *LATENCY, "lost"]))
        for contender in case.results:
            cost = _per_worker(case, contender, workers)
            connections = [count / workers for count in case.values(contender, CONNECTIONS)]
            row = [name, title(contender), spread(cost, 1)]
            row += [spread(case.values(contender, metric), 1) for metric in (*LATENCY, *PING)]
            table.rows.append([*row, spread(connections, 0)])
            if cost:
                most = max(case.values(contender, "lost"))
                result.target(f"{name}, {title(contender)}, lost", most, 0, 0)
    result.tables.append(table)
    return result


def _per_worker(case, contender, workers):
    """Beyond what Redis needs for the same messages when nobody reads, in the same round."""
    if contender == NAMES[0]:
        return []
    return [(busy - alone) / workers for busy, alone in case.pairs(contender, NAMES[0], CPU)]


def _publish(redis, settling, running, channels, rate, seconds, workers):
    """A message after the other, to one channel after the other, while somebody sends PING."""
    listeners = contextlib.nullcontext()
    if running.url:
        listeners = Listeners(running.url, channels, workers)
    with listeners, redis.make_client() as client:
        if running.url:  # a worker relies on notifications once it has seen one
            client.execute_command("XADD", "c0", "*", "data", f"{time.monotonic():.6f}")
            listeners.latencies(workers)
            time.sleep(settling)
        pings = _Pings(redis)
        messages = int(rate * seconds)
        cpu = _cpu_seconds(client)
        begin = time.monotonic()
        for number in range(messages):
            time.sleep(max(0, begin + number / rate - time.monotonic()))
            sent = f"{time.monotonic():.6f}"
            client.execute_command("XADD", f"c{number % channels}", "*", "data", sent)
        latencies = listeners.latencies(messages * workers) if running.url else []
        cpu = _cpu_seconds(client) - cpu
        connections = len(redis.connections("normal")) + len(redis.connections("pubsub"))
        return {
            "redis": {"cpu_us_per_message": cpu / messages * 1e6, "connections": connections - OWN},
            "ping_ms": _percentiles(pings.end()),
            "latency_ms": _percentiles(latencies),
            "lost": messages * workers - len(latencies) if running.url else 0,
        }


def _cpu_seconds(client):
    cpu = client.info("cpu")
    return cpu["used_cpu_user"] + cpu["used_cpu_sys"]


def _percentiles(seconds):
    if not seconds:
        return None
    ordered = sorted(value * 1000 for value in seconds)
    return {"p50": ordered[len(ordered) // 2], "p99": ordered[len(ordered) * 99 // 100]}


class _Pings:
    """Sends PING over a connection of its own until end(), which gives the seconds each took."""

    def __init__(self, redis):
        self._client = redis.make_client()
        self._client.ping()
        self._took = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self):
        self._ended.set()
        self._thread.join()
        self._client.close()
        return self._took

    def _run(self):
        while not self._ended.wait(PING_PAUSE):
            begin = time.monotonic()
            self._client.ping()
            self._took.append(time.monotonic() - begin)

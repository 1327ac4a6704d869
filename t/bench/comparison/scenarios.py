"""The scenarios whose runs are all alike: contenders in alternation under one load."""

from .contenders import ALL
from .result import Result, Table
from .rounds import median, spread

PEERS = ["nchan-memory", "nchan-redis", "express"]
CPU = "server.cpu_us_per_delivery"
CONNECT = "server.connect_cpu_us_per_subscriber"
IDLE = "server.pss_bytes_per_idle_subscriber"
AFTER = "server.pss_bytes_per_subscriber_after"


def title(name):
    return ALL[name].title


def rows_of(result, case, table, columns):
    """A row per contender: its title and, per column, (metric, digits, factor)."""
    for name in case.results:
        cells = [
            spread([value * factor for value in case.values(name, metric)], digits)
            for metric, digits, factor in columns
        ]
        table.rows.append([title(name), *cells])
    for name, reason in case.failures.items():
        table.rows.append([title(name), f"failed: {reason}"] + [""] * (len(columns) - 1))


def faultless(result, case, name):
    """Everybody is to get every message once and whole, in every round."""
    most = max(case.faults(name), default=None)
    result.target(f"{case.name}, {title(name)}, lost, damaged or repeated", most, 0, 0)


def against(result, case, metric, what):
    """Says what another build of ours costs in the same rounds."""
    ratios = case.ratios("ours", "against", metric)
    if ratios:
        result.targets.append(f"{what}, this build / the other: {spread(ratios, 3)}")


def closed(bench):
    """CPU per delivery when the next message is sent after everybody has the last."""
    result = Result(
        "closed", "Closed loop: server CPU per delivery, µs", unit="µs CPU per delivery"
    )
    table = Table(["", "1,000 subscribers", "10,000 subscribers"])
    columns = {}
    sizes = bench.pick([(1000, 200), (10_000, 30)], [(100, 200), (300, 100)])
    for subscribers, messages in sizes:
        case = bench.alternate(
            f"{subscribers} subscribers",
            ["ours", *PEERS, "bare-send", "bare-uring"],
            mode="closed",
            subscribers=subscribers,
            messages=messages,
        )
        result.raw.append(case.raw([CPU, "lost"]))
        for name in {**case.results, **case.failures}:
            columns.setdefault(name, []).append(spread(case.values(name, CPU)))
        for other, limit in (("bare-send", 1.10), ("nchan-redis", 0.8)):
            ratio = median(case.ratios("ours", other, CPU))
            result.target(f"{subscribers} subscribers, ours / {title(other)}", ratio, limit)
        faultless(result, case, "ours")
        against(result, case, CPU, f"{subscribers} subscribers")
        result.bars = {title(n): median(case.values(n, CPU)) for n in case.results}
    table.head[1:] = [f"{subscribers:,} subscribers" for subscribers, _ in sizes]
    table.rows = [[title(name), *cells] for name, cells in columns.items()]
    result.tables.append(table)
    return result


def overload(bench):
    """More than one send per message and subscriber can carry."""
    subscribers, rate, seconds = bench.pick((1000, 1000, 3), (100, 200, 1))
    result = Result(
        "overload",
        f"{subscribers:,} subscribers × {rate:,} messages/s for {seconds} s",
        unit="s until all had arrived",
    )
    case = bench.alternate(
        "overload",
        ["ours", *PEERS, "bare-send", "bare-batch"],
        mode="paced",
        subscribers=subscribers,
        rate=rate,
        seconds=seconds,
    )
    arrived, p50, p99 = "seconds_until_all_arrived", "latency_ms.p50", "latency_ms.p99"
    metrics = [arrived, p50, p99, "lost", "closed", CPU]
    result.raw.append(case.raw(metrics))
    table = Table(
        ["", "all arrived after, s", "p50, ms", "p99, ms", "lost", "CPU per delivery, µs"]
    )
    columns = [(arrived, 2, 1), (p50, 1, 1), (p99, 1, 1), ("lost", 0, 1), (CPU, 2, 1)]
    rows_of(result, case, table, columns)
    result.tables.append(table)
    result.target("all arrived after, s", median(case.values("ours", arrived)), 1.1 * seconds)
    faultless(result, case, "ours")
    ratio = median(case.ratios("ours", "bare-batch", p99))
    result.target("p99, ours / bare loop with one send per turn", ratio, 2.5)
    against(result, case, CPU, "CPU per delivery")
    result.bars = {title(n): median(case.values(n, arrived)) for n in case.results}
    return result


MEMORY = ["defaults", "ours", "compact", "tls", "tls-compact", "http2"]


def memory(bench):
    """What an idle subscriber costs, and what it costs after it has had many messages."""
    result = Result("memory", "Memory per subscriber, KiB (PSS)", unit="KiB per idle subscriber")
    rounds = min(bench.rounds, 3)  # it hardly varies
    names = [*MEMORY, *PEERS]
    subscribers = bench.pick(5000, 200)
    idle = bench.alternate("idle", names, rounds, mode="connect", subscribers=subscribers)
    kernel = "kernel_both_ends_bytes_per_subscriber"
    result.raw.append(idle.raw([IDLE, f"{kernel}.slab_idle", f"{kernel}.socket_buffers_idle"]))
    table = Table(["", "server, idle", "kernel, both ends"])
    rows_of(result, idle, table, [(IDLE, 2, 1 / 1024), (f"{kernel}.slab_idle", 1, 1 / 1024)])
    result.tables.append(table)
    result.bars = {title(n): median(idle.values(n, IDLE)) / 1024 for n in idle.results}

    messages = 1000
    after = bench.alternate(
        f"after {messages} messages",
        names,
        rounds,
        mode="closed",
        subscribers=bench.pick(3000, 50),  # few would share what a server needs once
        messages=messages,
    )
    result.raw.append(after.raw([IDLE, AFTER, "lost"]))
    table = Table(["", "idle", f"after {messages:,} messages"])
    rows_of(result, after, table, [(IDLE, 2, 1 / 1024), (AFTER, 2, 1 / 1024)])
    result.tables.append(table)

    def kib(name):
        value = median(idle.values(name, IDLE))
        return None if value is None else value / 1024

    result.target("KiB as recommended", kib("ours"), 8.5)
    result.target("KiB with sse_compact", kib("compact"), 1)
    keepalive = _idle_tls_connection(bench, subscribers)
    if keepalive is not None:
        result.targets.append(f"an idle TLS keepalive connection: {keepalive:.2f} KiB")
        if kib("tls-compact") is not None:
            beyond = kib("tls-compact") - keepalive
            result.target("KiB beyond it with TLS and sse_compact", beyond, 1)
    return result


def _idle_tls_connection(bench, subscribers):
    """KiB of a connection that asked for a file and waits."""

    def file_of(running, **options):
        url = running.url.rpartition("/events")[0] + "/file.txt"
        return bench.load(running, url=url, **options)

    for contender in bench.chosen(["tls"]):
        result = bench.run(contender, load=file_of, mode="connect", subscribers=subscribers)
        return result["server"]["pss_bytes_per_idle_subscriber"] / 1024
    return None


def connect(bench):
    """What it costs to accept a subscriber."""
    result = Result(
        "connect", "Server CPU per accepted subscriber, µs", unit="µs CPU per accepted subscriber"
    )
    subscribers = bench.pick(10_000, 200)
    table = Table(["", "on one channel", "each on a channel of its own"])
    columns = {}
    for channels in (1, subscribers):
        case = bench.alternate(
            f"{channels} channels",
            ["ours", *PEERS],
            mode="connect",
            subscribers=subscribers,
            channels=channels,
        )
        result.raw.append(case.raw([CONNECT, "connect_seconds"]))
        for name in {**case.results, **case.failures}:
            columns.setdefault(name, []).append(spread(case.values(name, CONNECT), 1))
        ratio = median(case.ratios("ours", "nchan-redis", CONNECT))
        result.target(f"{channels} channels, ours / nchan with Redis", ratio, 1)
        against(result, case, CONNECT, f"{channels} channels")
        result.bars = {title(n): median(case.values(n, CONNECT)) for n in case.results}
    table.rows = [[title(name), *cells] for name, cells in columns.items()]
    result.tables.append(table)
    return result


def channels(bench):
    """Publishing to one of many channels."""
    result = Result("channels", "Server CPU per message to a channel with one subscriber, µs")
    many = bench.pick(100_000, 1000)
    metric = "server.cpu_us_per_message"
    spread_out = dict(subscribers=many // 10, channels=many, channels_each=10)
    cases = {
        "10 channels": dict(subscribers=1, channels=10, channels_each=10),
        f"{many:,} channels, published to 10": dict(spread_out, publish_channels=10),
        f"{many:,} channels, published to all": spread_out,
    }
    table = Table(["", "this module"])
    found = {}
    for _ in range(bench.rounds):  # a round has each of them: they are compared with one another
        for name, load in cases.items():
            options = dict(mode="paced", rate=2000, seconds=3, **load)
            one = bench.alternate(name, ["channel-lists"], 1, prefix="c", **options)
            found.setdefault(name, []).append(one)
    values = {
        name: [next(iter(case.values("channel-lists", metric)), None) for case in list_]
        for name, list_ in found.items()
    }
    table.rows = [[name, spread(list_, 1)] for name, list_ in values.items()]
    result.tables.append(table)
    result.raw = [{"case": name, "load": cases[name], metric: values[name]} for name in cases]
    few, elsewhere, everywhere = values.items()
    for (name, other), limit in ((elsewhere, 1.15), (everywhere, 2)):  # all: nothing is in a cache
        ratios = [a / b for a, b in zip(other, few[1]) if None not in (a, b)]
        result.target(f"{name} / 10 channels", median(ratios), limit)
    return result


def transports(bench):
    """CPU per delivery over each transport."""
    result = Result(
        "transports",
        "Server CPU per delivery over each transport, µs",
        unit="µs CPU per delivery",
    )
    names = ["ours", "tls", "gzip", "http2", "compact", "tls-compact"]
    subscribers = bench.pick(1000, 50)
    table = Table(["", "closed loop", "at 500 messages/s"])
    columns = {}
    for case in (
        bench.alternate(
            "closed", names, mode="closed", subscribers=subscribers, messages=bench.pick(100, 50)
        ),
        bench.alternate(
            "paced", names, mode="paced", subscribers=subscribers, rate=500, seconds=3
        ),
    ):
        result.raw.append(case.raw([CPU, "lost", "latency_ms.p99"]))
        for name in {**case.results, **case.failures}:
            columns.setdefault(name, []).append(spread(case.values(name, CPU)))
            faultless(result, case, name)
        if case.name == "closed":
            result.bars = {title(n): median(case.values(n, CPU)) for n in case.results}
    table.rows = [[title(name), *cells] for name, cells in columns.items()]
    result.tables.append(table)
    return result

"""The scenarios of durable channels: beside live ones, and when clients come back."""

from .result import Result, Table
from .rounds import median, spread
from .scenarios import CPU, against, rows_of, title

NAMES = ["ours", "ours-stream", "ours-stream-notified"]
REDIS = "broker.cpu_us_per_message"
REDIS_ENTRY = "broker.cpu_us_per_delivery"
ARRIVED = "seconds_until_all_arrived"
RATE = "deliveries_per_second"
LATENCIES = ("latency_ms.p50", "latency_ms.p99")
MEMORY = ("server.pss_bytes_before", "server.pss_bytes_peak", "server.pss_bytes_after")
PAGES = "redis_calls.xrange"
MIB = 1 / 2**20

WARM_UP = 2  # seconds: within the first, a worker finds out that there are notifications


def durable(bench):
    """The same messages by PUBLISH and by XADD."""
    subscribers, messages, seconds = bench.pick((1000, 200, 3), (50, 100, 1))
    result = Result(
        "durable",
        f"Durable channels beside live ones: {subscribers:,} subscribers on one channel",
        unit="µs CPU per delivery",
    )
    load = dict(subscribers=subscribers, warm_up=bench.pick(WARM_UP, 1))
    case = bench.alternate("closed loop", NAMES, mode="closed", messages=messages, **load)
    result.raw.append(case.raw([CPU, REDIS, "lost", "redis_calls.xread"]))
    table = Table(["closed loop", "server CPU per delivery, µs", "Redis CPU per message, µs"])
    rows_of(result, case, table, [(CPU, 2, 1), (REDIS, 1, 1)])
    result.tables.append(table)
    _compare(result, case, CPU, "closed loop, server CPU per delivery")
    _compare(result, case, REDIS, "closed loop, Redis CPU per message")
    against(result, case, CPU, "CPU per delivery")
    result.bars = {title(name): median(case.values(name, CPU)) for name in case.results}

    p50, p99 = LATENCIES
    for rate in bench.pick((1000, 100), (200,)):
        options = dict(mode="paced", rate=rate, seconds=seconds, **load)
        case = bench.alternate(f"{rate:,} messages/s", NAMES, **options)
        metrics = [ARRIVED, RATE, p50, p99, "lost", "resets", CPU, REDIS, "redis_calls.xread"]
        result.raw.append(case.raw(metrics))
        table = Table([f"{rate:,} messages/s for {seconds} s", "deliveries/s", "p50, ms"])
        table.head += ["p99, ms", "lost"]
        table.head += ["server CPU per delivery, µs", "Redis CPU per message, µs"]
        columns = [(RATE, 0, 1), (p50, 1, 1), (p99, 1, 1), ("lost", 0, 1)]
        columns += [(CPU, 2, 1), (REDIS, 1, 1)]
        rows_of(result, case, table, columns)
        result.tables.append(table)
        _compare(result, case, CPU, f"{rate:,} messages/s, server CPU per delivery")
        _compare(result, case, p99, f"{rate:,} messages/s, p99")
        for name in NAMES[1:]:
            _none_in_any_round(result, case, name, "lost")
    return result


def _none_in_any_round(result, case, name, metric):
    most = max(case.values(name, metric), default=None)
    result.target(f"{case.name}, {title(name)}, {metric}", most, 0, 0)


def _compare(result, case, metric, what):
    """Says what durable channels cost of what live ones do in the same rounds."""
    for name in NAMES[1:]:
        ratios = case.ratios(name, "ours", metric)
        if ratios:
            line = f"{what}, {title(name)} / {title('ours')}: {spread(ratios)}"
            result.targets.append(line)


def replay(bench):
    """Clients come back with ids from long ago: one, and thousands at once."""
    result = Result("replay", "Replay: what durable channels give to clients that come back")
    speed = [(RATE, 0, 1), (ARRIVED, 2, 1), (CPU, 3, 1), (REDIS_ENTRY, 3, 1)]
    columns = ["entries/s", "caught up after, s", "server CPU per entry, µs"]
    columns += ["Redis CPU per entry, µs"]
    entries = bench.pick(100_000, 2000)
    one = _replay(bench, result, "one client", subscribers=1, messages=entries)
    table = Table([f"one client, {entries:,} entries", *columns])
    rows_of(result, one, table, speed)
    result.tables.append(table)

    clients, entries = bench.pick((5000, 10_000), (100, 500))
    options = dict(subscribers=clients, messages=entries, processes=2, connecting=1000)
    many = _replay(bench, result, f"{clients:,} clients", **options)
    table = Table([f"{clients:,} clients at once, ids spread over {entries:,} entries", *columns])
    rows_of(result, many, table, speed)
    result.tables.append(table)
    table = Table(["the same", "XRANGE commands in all"])
    table.head += ["server memory before, MiB", "at most", "afterwards"]
    rows_of(result, many, table, [(PAGES, 0, 1), *((metric, 1, MIB) for metric in MEMORY)])
    result.tables.append(table)
    for case in (one, many):
        for metric in ("lost", "duplicates", "resets"):
            _none_in_any_round(result, case, "ours-stream", metric)
    pages = max(many.values("ours-stream", PAGES), default=None)
    result.target(f"{many.name}, XRANGE commands", pages, 100, 0)
    return result


def _replay(bench, result, name, **options):
    case = bench.alternate(name, ["ours-stream"], mode="replay", **options)
    metrics = [RATE, ARRIVED, "caught_up_ms.p50", CPU, REDIS_ENTRY, PAGES, *MEMORY]
    result.raw.append(case.raw([*metrics, "lost", "duplicates", "resets"]))
    return case

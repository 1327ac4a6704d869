"""The scenarios that look for a limit first: what a server does at a share of what it can."""

from .contenders import ALL
from .result import Result, Table
from .rounds import median, say, spread

SHARE = "cpu_share_while_publishing"


def breaking_rate(bench, name, subscribers, start):
    """The highest rate, messages/s, at which messages arrive in time; within a tenth.

    Doubles it until latency grows, then halves the interval.
    """

    def holds(rate):
        result = bench.run(
            ALL[name],
            mode="paced",
            subscribers=subscribers,
            rate=rate,
            seconds=bench.pick(4, 2),
            quiet=2,
        )
        p99 = result["latency_ms"]["p99"] or 0
        late = result["seconds_until_all_arrived"] - result["publishing_seconds"]
        fine = result["lost"] == 0 and p99 < 1000 and late < 1
        say(f"  {name}, {subscribers} subscribers, {rate:.0f}/s: p99 {p99:.0f} ms")
        return fine

    good, rate = 0, start
    while rate < 40_000 and holds(rate):
        good, rate = rate, rate * 2
    bad = rate
    if good == 0:
        while bad > 1 and not holds(bad / 2):
            bad /= 2
        good = bad / 2
    while bad / good > 1.1:
        middle = (bad * good) ** 0.5
        good, bad = (middle, bad) if holds(middle) else (good, middle)
    return good


def breaking(bench):
    """Where each server can follow no longer."""
    result = Result(
        "breaking",
        "Highest rate that is followed, messages/s",
        unit="messages/s, 1,000 subscribers",
    )
    sizes = bench.pick((1000, 10_000), (50,))
    table = Table(["", *(f"{subscribers:,} subscribers" for subscribers in sizes)])
    names = [c.name for c in bench.chosen(["ours", "nchan-memory", "nchan-redis", "bare-batch"])]
    found = {name: [] for name in names}
    for subscribers in sizes:
        for name in names:
            rates = []
            for _ in range(min(bench.rounds, 3)):
                start = 500_000 / subscribers if name in ("ours", "against", "bare-batch") else 50
                rates.append(breaking_rate(bench, name, subscribers, start))
            found[name].append(rates)
            result.raw.append({"case": subscribers, "contender": name, "rates": rates})
    table.rows = [
        [ALL[name].title, *(spread(rates, 0) for rates in lists)] for name, lists in found.items()
    ]
    result.tables.append(table)
    result.bars = {ALL[name].title: median(lists[0]) for name, lists in found.items()}
    return result


def slices(bench):
    """An ordinary file beside broadcasts, on the same worker."""
    result = Result("slices", "A static file on the same worker, ms")
    subscribers = bench.pick(5000, 200)
    contender = ALL["ours"]
    load = dict(subscribers=subscribers, probe="/file.txt", probe_rate=300)
    paced = dict(load, mode="paced", seconds=5)

    # Broadcasts get cheaper when they come together: the rate for a share is approached, not
    # computed.
    rate = 20_000 / subscribers
    for _ in range(3):
        share = bench.run(contender, **{**paced, "rate": rate})["server"][SHARE]
        rate *= 0.6 / share
    rates = {"idle": 0, "60 %": rate, "as much as it can": 4 * rate}
    p99 = {name: [] for name in rates}
    used = {name: [] for name in rates}
    for _ in range(bench.rounds):
        for name, rate in rates.items():
            options = {**paced, "rate": rate} if rate else {**load, "mode": "idle", "seconds": 5}
            one = bench.run(contender, **options)
            p99[name].append(one["probe_ms"]["p99"])
            used[name].append(one["server"][SHARE])
        say(f"  round: {[lists[-1] for lists in p99.values()]}")
    table = Table(["load", "messages/s", "CPU share", "p99 of the file, ms"])
    table.rows = [
        [name, f"{rates[name]:.1f}", spread(used[name]), spread(p99[name])] for name in rates
    ]
    result.tables.append(table)
    result.raw = [
        {"case": name, "rate": rates[name], "p99_ms": p99[name], "cpu_share": used[name]}
        for name in rates
    ]
    pairs = [pair for pair in zip(p99["60 %"], p99["idle"]) if None not in pair]
    beyond = median([busy - idle for busy, idle in pairs])
    result.target("p99 at 60 % beyond the idle p99, ms", beyond, 10)
    return result


def mixed(bench):
    """One subscriber in a hundred stops reading: what others notice, here and of a bare loop."""
    result = Result("mixed", "1 % of the subscribers stop reading, at half the breaking rate")
    subscribers = bench.pick(1000, 100)
    rate = breaking_rate(bench, "ours", subscribers, bench.pick(500, 50)) / 2
    pairs = max(bench.rounds, bench.pick(7, 1))
    contenders = bench.chosen(["ours", "bare-batch"])
    p99 = {contender.name: {0: [], 0.01: []} for contender in contenders}
    memory = []
    for number in range(pairs):
        for contender in contenders if number % 2 == 0 else reversed(contenders):
            of_both = p99[contender.name]
            for share in of_both if number % 2 == 0 else reversed(of_both):
                one = bench.run(
                    contender,
                    mode="paced",
                    subscribers=subscribers,
                    rate=rate,
                    seconds=bench.pick(5, 2),
                    stalled=share,
                )
                of_both[share].append(one["latency_ms"]["p99"])
                if share and contender.name == "ours":
                    server = one["server"]
                    memory.append(server["pss_bytes_per_subscriber_after"] * subscribers / 2**20)
            say(f"  pair {number + 1} at {rate:.0f}/s: {contender.name} {_last(of_both)}")
    ratios = {name: _ratios(of_both) for name, of_both in p99.items()}
    table = Table(["", *(ALL[name].title for name in p99)])
    rows = {
        "p99 when all read, ms": [spread(of_both[0], 1) for of_both in p99.values()],
        "p99 of the others when 1 % do not, ms": [spread(both[0.01], 1) for both in p99.values()],
        "ratio of pairs": [spread(values) for values in ratios.values()],
        "memory above the start, MiB": [
            spread(memory, 1) if name == "ours" else "" for name in p99
        ],
    }
    table.rows = [[name, *cells] for name, cells in rows.items()]
    result.tables.append(table)
    result.raw = [
        {"contender": name, "rate": rate, "p99_ms": both[0], "p99_ms_stalled": both[0.01]}
        for name, both in p99.items()
    ]
    result.raw.append({"memory_mib": memory})
    for name, values in ratios.items():
        what = f"{ALL[name].title}, median ratio of {len(values)} pairs"
        if name == "ours":
            result.target(what, median(values), 1.10)
        else:
            result.targets.append(f"{what}: {spread(values)}")
    return result


def _last(of_both):
    return ", ".join(f"{values[-1]} ms" for values in of_both.values())


def _ratios(of_both):
    pairs = [pair for pair in zip(of_both[0.01], of_both[0]) if None not in pair]
    return [with_ / without for with_, without in pairs]

"""An access log as it would be without sse_compact, for tests of how streams end.

With sse_compact nginx writes its line when a stream opens. How it ended stands in sse_log: the lines of that are told in the
format of the test's own access log, as far as sse_log knows what the format asks for.
"""

import json
import re
from collections import Counter
from datetime import datetime

FILE = "ends.json"

# What sse_log says of a variable.
FIELDS = {
    "uri": lambda end: end["location"],
    "status": lambda _: "200",
    "remote_addr": lambda end: end["client"],
    "realip_remote_addr": lambda _: "127.0.0.1",
    "msec": lambda end: f"{datetime.fromisoformat(end['time']).timestamp():.3f}",
    "sse_channel": lambda end: ",".join(end["channels"]),
    "sse_close_reason": lambda end: end["reason"],
    "sse_events_sent": lambda end: str(end["events"]),
    "sse_stream_time": lambda end: f"{end['duration']:.3f}",
    "sse_start_id": lambda end: end.get("start_id", "-"),
    "sse_last_id": lambda end: end.get("last_id", "-"),
}


def lines(conf, access_lines, ends):
    """Of those who were sent away or kept their request, then of each other stream that has ended."""
    text = format_of(conf)
    names = re.findall(r"\$(\w+)", text)
    if "sse_close_reason" not in names:
        return access_lines
    pattern = re.compile(re.sub(r"\\\$(\w+)", r"(?P<\1>.*?)", re.escape(text)))
    logged = [pattern.fullmatch(line).groupdict() for line in access_lines]
    logged = [fields for fields in logged if fields["sse_close_reason"] != "-"]
    unknown = [name for name in names if name not in FIELDS]
    told = Counter(without_time(fields) for fields in logged)
    for end in map(json.loads, ends):
        fields = {name: FIELDS[name](end) if name in FIELDS else "" for name in names}
        if told[without_time(fields)]:  # it kept its request
            told[without_time(fields)] -= 1
            continue
        assert not unknown, f"sse_compact gives up the access log at the end: {unknown}"
        logged.append(fields)
    return [re.sub(r"\$(\w+)", lambda name, of=fields: of[name[1]], text) for fields in logged]


def without_time(fields):
    return tuple(
        value for name, value in fields.items() if name in FIELDS and name not in ("msec", "sse_stream_time")
    )


def format_of(conf):
    """The text of the first log_format; nginx's own without one."""
    found = re.search(r"log_format \w+((?:\s+'[^']*')+);", conf)
    return "".join(re.findall(r"'([^']*)'", found[1])) if found else ""

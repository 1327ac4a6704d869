"""A strict reader of text/event-stream bodies.

It follows the WHATWG rules and, beyond them, raises on whatever this module must never write:
a CR, invalid UTF-8, an unknown field, fields out of order, a blank line too many. So foreign or
torn bytes in a stream cannot pass as an event.
"""

from typing import NamedTuple

FIELDS = ("id", "event", "retry", "data")  # in the order in which the module writes them


class EventStreamError(AssertionError):
    """The body breaks the rules of an event stream."""


class Block(NamedTuple):
    """What stands between two blank lines. With data it is an event, else it dispatches nothing."""

    data: str | None = None
    name: str | None = None
    id: str | None = None
    retry: int | None = None
    comment: str | None = None


class EventStreamParser:
    """Bytes in any pieces in, blocks out."""

    def __init__(self):
        self.pending = b""  # of a block that is not complete

    @property
    def is_at_boundary(self):
        """Whether no block has begun that is not complete."""
        return not self.pending

    def feed(self, data):
        """Returns the blocks that these bytes complete."""
        complete, separator, rest = (self.pending + data).rpartition(b"\n\n")
        if not separator:
            self.pending = rest
            return []
        self.pending = rest
        return [parse_block(block) for block in complete.split(b"\n\n")]


def parse_block(raw):
    if raw.startswith(b"data: ") and raw.find(b"\n") < 0 and raw.find(b"\r") < 0:
        return Block(_decoded(raw[6:], raw))
    if not raw or raw[:1] == b"\n":
        raise EventStreamError(f"a blank line too many before {raw!r}")
    if b"\r" in raw:
        raise EventStreamError(f"a CR in {raw!r}")
    values = {}
    data_lines = []
    for line in _decoded(raw, raw).split("\n"):
        name, colon, value = line.partition(":")
        if not colon or (name and name not in FIELDS):
            raise EventStreamError(f"not a field: {line!r} in {raw!r}")
        if value[:1] != " ":
            raise EventStreamError(f"no space after the colon: {line!r} in {raw!r}")
        if name == "data":
            data_lines.append(value[1:])
        elif name in values or data_lines:
            raise EventStreamError(f"field repeated or after data: {line!r} in {raw!r}")
        else:
            values[name] = _checked(name, value[1:], raw)
    present = [name for name in FIELDS if name in values]
    if present != [name for name in values if name]:
        raise EventStreamError(f"fields out of order in {raw!r}")
    return Block(
        data="\n".join(data_lines) if data_lines else None,
        name=values.get("event"),
        id=values.get("id"),
        retry=values.get("retry"),
        comment=values.get(""),
    )


def _checked(name, value, raw):
    if name == "retry":
        if not (value.isascii() and value.isdigit()):
            raise EventStreamError(f"retry is not a number in {raw!r}")
        return int(value)
    if "\0" in value:
        raise EventStreamError(f"NUL in {name} of {raw!r}")
    return value


def _decoded(text, raw):
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise EventStreamError(f"invalid UTF-8 in {raw!r}") from error

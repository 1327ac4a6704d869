"""The append-only file of a Redis ≥ 7 that does not run: what stands in it; cutting its tail."""

from pathlib import Path
from typing import NamedTuple


class Command(NamedTuple):
    name: bytes
    arguments: list
    end: int  # where it ends in its file


class AppendOnlyFile:
    """The newest incremental part; what came before it stands in a base that is left alone."""

    def __init__(self, directory):
        parts = Path(directory, "appendonlydir").glob("*.incr.aof")
        self.path = max(parts, key=lambda part: int(part.name.split(".")[-3]))

    def commands(self):
        """All complete commands; a crash may have torn the last one."""
        data = self.path.read_bytes()
        commands, position = [], 0
        while position < len(data):
            try:
                arguments, position = _read_command(data, position)
            except (IndexError, ValueError):
                break
            commands.append(Command(arguments[0].upper(), arguments[1:], position))
        return commands

    def entries(self):
        """What was added: (key, id, fields) in Redis' order."""
        return [_entry(command) for command in self.commands() if command.name == b"XADD"]

    def cut(self, count):
        """Ends the file before the last `count` XADDs."""
        starts = [0]  # of each XADD, and of the one that would come next
        for command in self.commands():
            if command.name == b"XADD":
                starts.append(command.end)
            else:
                starts[-1] = command.end
        with open(self.path, "r+b") as file:
            file.truncate(starts[max(0, len(starts) - 1 - count)])


def _read_command(data, position):
    if data[position : position + 1] != b"*":
        raise ValueError(f"not a command at {position}")
    count, position = _read_number(data, position)
    arguments = []
    for _ in range(count):
        length, position = _read_number(data, position)
        if position + length + 2 > len(data):
            raise IndexError(position)
        arguments.append(data[position : position + length])
        position += length + 2
    return arguments, position


def _read_number(data, position):
    end = data.index(b"\r\n", position)
    return int(data[position + 1 : end]), end + 2


def _entry(command):
    """Redis writes the id that it gave, and rewrites how it trimmed; ours have no options."""
    key, entry_id, *fields = command.arguments
    return key.decode(), entry_id.decode(), dict(zip(fields[::2], fields[1::2]))

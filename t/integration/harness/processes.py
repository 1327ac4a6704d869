"""What /proc says about a process."""

import os
import select
import subprocess
from pathlib import Path

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class Stranger:
    """A process that is not a child of ours, with what the tests use of subprocess.Popen."""

    def __init__(self, pid):
        self.pid = pid
        self._fd = os.pidfd_open(pid)

    def __del__(self):
        os.close(self._fd)

    def poll(self):
        """None while it runs, else 0: its exit code is its parent's to know."""
        return self._end_within(0)

    def wait(self, timeout=None):
        if self._end_within(timeout) is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        return 0

    def _end_within(self, timeout):
        ended, _, _ = select.select([self._fd], [], [], timeout)
        return 0 if ended else None


def children(pid):
    """The pids of the living children of a process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat_fields(int(entry.name))
            if fields and fields[0] != "Z" and int(fields[1]) == pid:
                found.append(int(entry.name))
    return found


def state(pid):
    """The state letter of a process (R, S, T, Z, …), or None when it is gone."""
    fields = _stat_fields(pid)
    return fields[0] if fields else None


def title(pid):
    """The command line of a process; nginx writes its role there."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0 ").decode(errors="replace")
    except OSError:
        return ""


def fd_count(pid):
    """The number of open file descriptors."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu_seconds(pid):
    """User and system time a process has used."""
    fields = _stat_fields(pid)
    assert fields, f"process {pid} is gone"
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def resident_bytes(pid):
    """Memory of a process that is in RAM."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_resident_bytes(pid):
    """The most memory of a process that ever was in RAM."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no peak of process {pid}")


def proportional_bytes(pid):
    """Memory of a process in RAM; of a page that several share, its part (PSS)."""
    return _rollup_bytes(pid, "Pss")


def anonymous_bytes(pid):
    """Memory of a process that stands in no file: what it has allocated, whoever shares it."""
    return _rollup_bytes(pid, "Anonymous") + _rollup_bytes(pid, "Swap")


def _rollup_bytes(pid, field):
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no {field} of process {pid}")


def _stat_fields(pid):
    # The second field is the name in parentheses, which may itself contain anything.
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()

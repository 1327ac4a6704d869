"""What the figures were measured with."""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path


def _first_line(*command):
    if not shutil.which(command[0]):
        return None
    done = subprocess.run(command, capture_output=True, text=True)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else None


def _package(name):
    return _first_line("dpkg-query", "-W", "-f", "${Version}", name)


def describe():
    """Machine and versions, as text by name."""
    cpu = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    nginx = _first_line("nginx", "-v") or ""
    redis = re.search(r"v=(\S+)", _first_line("redis-server", "--version") or "")
    return {
        "cpu": cpu.group(1) if cpu else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": re.match(r"\d+\.\d+", platform.release()).group(),
        "nginx": nginx.rpartition("/")[2],
        "redis": redis.group(1) if redis else None,
        "nchan": _package("libnginx-mod-nchan"),
        "node": _first_line("node", "--version"),
    }


def sentence(machine, command):
    """The line below the table."""
    return (
        f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}; "
        f"nginx {machine['nginx']} with one worker unless said, Redis {machine['redis']}, "
        f"nchan {machine['nchan']}, Node {machine['node']}. `{command}`"
    )

"""One nginx with the test's own configuration, in the test's own folder."""

import contextlib
import os
import re
import signal
import subprocess

from . import ends_log, processes
from .network import LOOPBACK
from .ports import HeldPort
from .waiting import WaitTimeout, wait_until

# What no test may leave in the error log.
SANITIZER_FAULTS = r"Sanitizer|runtime error:"
FAULTS = (
    SANITIZER_FAULTS
    + r"|\[alert\]|\[emerg\]|exited on signal|exited with code [1-9]|bad write retry"
)

# Debian's compiled-in paths for temporary files are writable for root only.
TEMP_PATHS = " ".join(
    f"{name}_temp_path temp/{name};"
    for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)

QUIT_TIMEOUT = 15.0  # seconds


class Nginx:
    """Writes a whole nginx.conf and runs it.

    Placeholders: @PORT@, @PORT2@, … (free ports), @TEMP_PATHS@ (directives for http {}), @DIR@
    (nginx's folder), and whatever the test passes, e.g. @MODULE@ and @BROKER@. Paths in the
    configuration are relative to the folder; the error log is error.log.
    """

    def __init__(self, directory, conf, binary, environment, values, http_extra=""):
        self.directory = directory
        self.binary = binary
        self.environment = {**os.environ, **environment}
        self.network = LOOPBACK  # where it runs
        self.process = None  # the master
        self._masters = []  # all that were ever started; they share a process group
        self._group = None
        self.expected_faults = []  # patterns of log lines that the test provokes
        self._ports = {}
        self._http_extra = http_extra  # directives for every http block without them
        self._values = {"DIR": str(directory), "TEMP_PATHS": TEMP_PATHS, **values}
        (directory / "temp").mkdir()
        self.write_conf(conf)

    @property
    def port(self):
        """The port behind @PORT@."""
        return self._ports["PORT"].number

    def port_of(self, placeholder):
        return self._ports[placeholder].number

    def write_conf(self, conf, **values):
        """Replaces the configuration; reload() takes it over."""
        self._values.update(values)
        text = re.sub(r"@([A-Z][A-Z0-9_]*)@", self._value, conf)
        text = self._with_http_extra(text)
        (self.directory / "nginx.conf").write_text(text)
        workers = re.search(r"^\s*worker_processes\s+(\d+)", text, re.MULTILINE)
        self._workers = int(workers.group(1)) if workers else 1

    def add_sanitizer_option(self, option):
        """For a sanitizer build; any other ignores it."""
        options = self.environment.get("ASAN_OPTIONS", "")
        self.environment["ASAN_OPTIONS"] = f"{options}:{option}".lstrip(":")

    def keep_no_freed_memory(self):
        """For tests of memory: a sanitizer build would keep much of it for a while."""
        self.add_sanitizer_option("quarantine_size_mb=1:thread_local_quarantine_size_kb=64")
        self.add_sanitizer_option("allocator_release_to_os_interval_ms=0")
        return self

    def test_conf(self):
        """Runs nginx -t: (whether it passed, what it said)."""
        # After a wrong configuration nginx exits without freeing its pools.
        self.add_sanitizer_option("detect_leaks=0")
        command = self._command("-t")
        result = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=30
        )
        assert result.returncode in (0, 1), result
        assert not re.search(SANITIZER_FAULTS, result.stderr), result.stderr
        return result.returncode == 0, result.stderr

    def start(self, daemon=False):
        """Starts it in the foreground; as a daemon, it can be upgraded."""
        with open(self.directory / "stderr.log", "ab") as stderr:
            self.process = subprocess.Popen(
                self._command(daemon=daemon),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
            )
        if daemon:
            self.process.wait()
            self.process = processes.Stranger(wait_until(self._pid_in_file, "the daemon's pid"))
        self._masters.append(self.process)
        self._group = self.process.pid  # a daemon makes itself a leader too
        wait_until(self._is_up, "nginx listens and has its workers")
        return self

    def upgrade(self):
        """Starts a new binary beside the old one, which goes on; returns the old master.

        From then on `process` is the new one. The configuration has to name nginx.pid, and to pass
        a sanitizer build's variables on: env LD_PRELOAD; env ASAN_OPTIONS; and so on.
        """
        old = self.process
        os.kill(old.pid, signal.SIGUSR2)

        def new_pid():
            pid = self._pid_in_file()
            return pid if pid != old.pid else None

        self.process = processes.Stranger(wait_until(new_pid, "a new master"))
        self._masters.append(self.process)
        wait_until(self._is_up, "the new master has its workers")
        return old

    def reload(self):
        """Sends HUP and waits until every worker is a new one; old ones may still shut down."""
        old = set(self.worker_pids())
        os.kill(self.process.pid, signal.SIGHUP)

        def is_replaced():
            new = set(self.worker_pids())
            return len(new) == self._workers and not new & old

        wait_until(is_replaced, "reload replaced the workers")

    def quit(self, timeout=QUIT_TIMEOUT):
        """Ends it gracefully."""
        self.signal_quit()
        self.wait_ended(timeout)

    def signal_quit(self):
        os.kill(self.process.pid, signal.SIGQUIT)

    def wait_ended(self, timeout=QUIT_TIMEOUT):
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise WaitTimeout(
                f"nginx did not end within {timeout:g} s\n{self.error_log()}"
            ) from None
        self.process = None

    def worker_pids(self):
        """Workers in service; those of an old configuration that shut down are not among them."""
        return [
            pid
            for pid in processes.children(self.process.pid)
            if processes.title(pid) == "nginx: worker process"
        ]

    def all_worker_pids(self):
        """Workers in service and those that shut down."""
        return processes.children(self.process.pid)

    def error_log(self):
        """error.log, and what nginx said before it had opened that."""
        parts = (self.directory / name for name in ("stderr.log", "error.log"))
        return "".join(part.read_text(errors="replace") for part in parts if part.exists())

    def log_lines(self, pattern):
        """The lines of the error log that a pattern is found in."""
        return [line for line in self.error_log().splitlines() if re.search(pattern, line)]

    def wait_for_log(self, pattern, count=1, **options):
        """Waits until at least `count` lines match; returns them."""

        def matching_lines():
            lines = self.log_lines(pattern)
            return lines if len(lines) >= count else None

        try:
            return wait_until(matching_lines, f"error log matches {pattern!r}", **options)
        except WaitTimeout as timeout:
            raise WaitTimeout(f"{timeout}\n{self.error_log()}") from None

    def _with_http_extra(self, text):
        if "load_module" not in text:
            return text
        added = [
            directive
            for directive in re.findall(r"\S[^;]*;", self._http_extra)
            if directive.split()[0] not in text
        ]
        has_log = re.search(r"^ {4}\b.*\bsse_log|sse_log (?!off)", text, re.MULTILINE)
        self._is_compact = "sse_compact on;" in added and not has_log
        if self._is_compact:
            added.append(f"sse_log {ends_log.FILE};")
        return re.sub(r"^http \{", " ".join(["\\g<0>", *added]), text, flags=re.MULTILINE)

    def _file_lines(self, name):
        path = self.directory / name
        return path.read_text(errors="replace").splitlines() if path.exists() else []

    def access_log(self, name="access.log"):
        """The lines of an access log; of streams, when they have ended."""
        lines = self._file_lines(name)
        if not self._is_compact:
            return lines
        conf = (self.directory / "nginx.conf").read_text()
        return ends_log.lines(conf, lines, self._file_lines(ends_log.FILE))

    def expect_fault(self, pattern):
        """Allows log lines that would fail the test: what the test itself provokes."""
        self.expected_faults.append(re.compile(pattern))

    def close(self):
        """Teardown: quits if it still runs, and fails on any fault in its log."""
        try:
            if self.process is not None and self.process.poll() is None:
                self.quit()
        finally:
            left = [master for master in self._masters if master.poll() is None]
            if left:
                with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
                    os.killpg(self._group, signal.SIGKILL)
            for master in left:
                master.wait()
            for port in self._ports.values():
                port.release()
        if not self._masters:
            return
        faults = [
            line
            for line in self.log_lines(FAULTS)
            if not any(expected.search(line) for expected in self.expected_faults)
        ]
        assert not faults, "faults in the error log:\n" + "\n".join(faults)

    def _command(self, *arguments, daemon=False):
        directives = "daemon on;" if daemon else "daemon off;"
        if os.geteuid() == 0:
            # Otherwise the workers could not enter the test's folder.
            directives += " user root;"
        command = [*self.network.server_command, self.binary]
        command += ["-p", str(self.directory), "-c", "nginx.conf"]
        return [*command, "-e", "error.log", "-g", directives, *arguments]

    def _pid_in_file(self):
        try:
            return int((self.directory / "nginx.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _value(self, match):
        name = match.group(1)
        if re.fullmatch(r"PORT\d*", name):
            return str(self._ports.setdefault(name, HeldPort()))
        assert name in self._values, f"no value for @{name}@"
        return str(self._values[name])

    def _is_up(self):
        assert self.process.poll() is None, f"nginx ended:\n{self.error_log()}"
        if len(self.worker_pids()) != self._workers:
            return False
        try:
            for port in self._ports.values():
                with self.network.make_socket() as client:
                    client.settimeout(1)
                    client.connect((self.network.address, port.number))
        except ConnectionRefusedError:
            return False
        return True

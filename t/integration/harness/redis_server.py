"""One redis-server in the test's own folder."""

import itertools
import os
import signal
import subprocess

import redis as redis_package
from redis.backoff import NoBackoff
from redis.retry import Retry

from . import processes
from .ports import HeldPort
from .waiting import wait_until


class Redis:
    """A redis-server that can be stopped, killed, paused and started again on the same port."""

    def __init__(self, directory, *arguments):
        self.directory = directory
        self.arguments = arguments
        self.socket_path = directory / "redis.sock"
        self.process = None
        self._port = HeldPort()
        self.port = self._port.number
        self.client = self.make_client()

    @property
    def url(self):
        """What sse_broker takes."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def unix_url(self):
        return f"unix:{self.socket_path}"

    def make_client(self, **options):
        # No retries: a test that talks to a dead Redis wants to know.
        retry = Retry(NoBackoff(), 0)
        return redis_package.Redis(port=self.port, socket_timeout=10, retry=retry, **options)

    def start(self):
        self._launch()
        wait_until(self._answers, "redis-server answers")
        return self

    def start_loading(self):
        """Starts it with a file that takes a while; returns while it refuses commands for that."""
        self._launch()
        wait_until(self._is_loading, "redis-server loads")

    def stop(self):
        """Ends it as a service manager would."""
        self._end(signal.SIGTERM)

    def kill(self):
        """Ends it as a crash would."""
        self._end(signal.SIGKILL)

    def restart(self):
        self.kill()
        self.start()

    def pause(self):
        """Stops it while its sockets stay open: to others it looks hung."""
        os.kill(self.process.pid, signal.SIGSTOP)
        wait_until(lambda: processes.state(self.process.pid) == "T", "redis-server is stopped")

    def resume(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def command(self, *arguments):
        return self.client.execute_command(*arguments)

    def publish(self, channel, payload):
        """Returns how many subscriptions got it: one for each worker and matching name or pattern."""
        return self.client.execute_command("PUBLISH", channel, payload)

    def publish_all(self, channel, payloads):
        """Publishes many messages with one write."""
        with self.client.pipeline(transaction=False) as pipeline:
            for payload in payloads:
                pipeline.execute_command("PUBLISH", channel, payload)
            return pipeline.execute()

    def add(self, stream, *fields, entry_id="*"):
        """Adds an entry to a stream; returns its id."""
        return self.client.execute_command("XADD", stream, entry_id, *fields).decode()

    def add_all(self, stream, texts, *options, ids=None):
        """Adds an entry with the field `data` for each text, all with one write; returns the ids."""
        with self.client.pipeline(transaction=False) as pipeline:
            for text, entry_id in zip(texts, ids or itertools.repeat("*")):
                pipeline.execute_command("XADD", stream, *options, entry_id, "data", text)
            return [entry_id.decode() for entry_id in pipeline.execute()]

    def subscribers(self, channel):
        """How many connections are subscribed to a channel by its name."""
        return self.client.pubsub_numsub(channel)[0][1]

    def connections(self, kind):
        """The CLIENT LIST entries of a type: normal or pubsub."""
        return self.client.client_list(_type=kind)

    def log(self):
        return (self.directory / "redis.log").read_text(errors="replace")

    def close(self):
        self.client.close()
        if self.process is not None:
            self.kill()
        self._port.release()

    def _launch(self):
        assert self.process is None, "redis-server runs already"
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--unixsocket", str(self.socket_path), "--dir", str(self.directory)]
        command += ["--save", "", "--appendonly", "no", *self.arguments]
        with open(self.directory / "redis.log", "ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def _is_loading(self):
        assert self.process.poll() is None, f"redis-server ended:\n{self.log()}"
        try:
            with self.make_client() as probe:
                probe.ping()
        except redis_package.BusyLoadingError:
            return True
        except redis_package.ConnectionError:
            pass
        return False

    def _answers(self):
        assert self.process.poll() is None, f"redis-server ended:\n{self.log()}"
        try:
            with self.make_client() as probe:
                return probe.ping()
        except redis_package.AuthenticationError:
            return True
        except redis_package.ConnectionError:
            return False

    def _end(self, number):
        os.kill(self.process.pid, number)
        if number != signal.SIGKILL:
            os.kill(self.process.pid, signal.SIGCONT)
        self.process.wait(timeout=10)
        self.process = None
        self.client.connection_pool.disconnect()

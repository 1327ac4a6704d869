"""What the README says of the container, without one.

The Dockerfile's files lie in the test's folder as they would in the image; its entrypoint and its
health check run there. scripts/image builds and runs the image itself.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess

import pytest

from harness import HeldPort, SseClient, http_request, wait_until

from . import markdown
from .console import commands

DOCKERFILE = (markdown.REPOSITORY / "Dockerfile").read_text()
FINAL_STAGE = DOCKERFILE.rpartition("\nFROM ")[2]
FOLDERS = ("/run/nginx-sse", "/usr/share/nginx-sse", "/usr/lib/nginx/modules", "/etc/nginx-sse")
PASSWORD = "s3cret"


def instruction(name):
    """The rest of the final stage's line that begins so."""
    (found,) = re.findall(rf"^{name} (.*)$", FINAL_STAGE, re.MULTILINE)
    return found


class Container:
    """The image's files below a folder, and its entrypoint with that folder before every path."""

    def __init__(self, root, module, environment):
        self.root = root
        self.environment = {"PATH": os.environ["PATH"] + ":/usr/sbin", **environment}
        self.port = HeldPort()
        self.process = None
        for sources, target in re.findall(r"^COPY (.+) (\S+)$", FINAL_STAGE, re.MULTILINE):
            source = (
                module if sources.startswith("--from=build ") else markdown.REPOSITORY / sources
            )
            self._copy(source, target)
        (root / "run/nginx-sse").mkdir(parents=True)
        self.entrypoint = root / "usr/local/bin" / instruction("ENTRYPOINT").strip('[]"')
        self.entrypoint.write_text(self._placed(self.entrypoint.read_text()))

    @property
    def conf(self):
        return self.root / "run/nginx-sse/nginx.conf"

    @property
    def log(self):
        return (self.root / "log").read_text()

    def run(self, *arguments, **environment):
        """Runs the entrypoint to its end."""
        return subprocess.run(
            self._command(*arguments),
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=30,
        )

    def start(self, **environment):
        with open(self.root / "log", "wb") as log:
            self.process = subprocess.Popen(
                self._command(),
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def is_healthy(self):
        command = self._placed(instruction("HEALTHCHECK").partition(" CMD ")[2])
        return subprocess.run(command, shell=True, timeout=30).returncode == 0

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=10)
        self.port.release()

    def _command(self, *arguments):
        if os.geteuid() == 0:  # otherwise the workers could not enter the test's folder
            arguments = ("-g", "daemon off; user root;", *arguments)
        return [str(self.entrypoint), *arguments]

    def _placed(self, text):
        for folder in FOLDERS:
            text = text.replace(folder, f"{self.root}{folder}")
        return text.replace(instruction("EXPOSE"), str(self.port))

    def _copy(self, source, target):
        place = self.root / target.lstrip("/")
        if target.endswith("/"):
            place = place / os.path.basename(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if os.path.isdir(source) else shutil.copy
        copy(source, place)


@pytest.fixture
def container(tmp_path, module_path, nginx_environment):
    (tmp_path / "image").mkdir()
    started = Container(tmp_path / "image", module_path, nginx_environment)
    yield started
    started.close()


def test_what_the_readme_runs_serves_what_is_published(container, redis):
    (block,) = markdown.section("In a container").blocks("console")
    build, run = (shlex.split(command.line) for command in commands(block.text))
    assert build[:3] == ["docker", "build", "-t"] and build[3] == run[-1]
    port = instruction("EXPOSE")
    assert run[run.index("-p") + 1] == f"{port}:{port}"
    name, _, broker = run[run.index("-e") + 1].partition("=")
    container.start(**{name: re.sub(r"redis://.*", redis.url, broker), "SSE_WORKERS": "1"})
    wait_until(container.is_healthy, "the health check passes")
    with SseClient(container.port.number, "/events/news") as stream:
        stream.open()
        redis.publish("news", "hello")
        assert stream.next_event().data == "hello"
    assert "<title>" in http_request(container.port.number, "GET", "/").text
    container.process.send_signal(signal.Signals[instruction("STOPSIGNAL")])
    assert container.process.wait(timeout=10) == 0
    assert not container.is_healthy()
    assert not re.search(r"\[(warn|error|crit|alert|emerg)\]", container.log), container.log


@pytest.mark.parametrize(
    "broker",
    [
        "redis://127.0.0.1",
        "redis://[::1]:6380/2",
        f"redis://nginx:{PASSWORD}&|,%20%24%3B()@127.0.0.1",
        "unix:/run/redis.sock",
        "redis://nginx@127.0.0.1 password_file=@PASSWORD_FILE@",
    ],
)
def test_the_broker_stands_in_a_configuration_that_nginx_accepts(container, tmp_path, broker):
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    broker = broker.replace("@PASSWORD_FILE@", str(tmp_path / "password"))
    result = container.run("-t", SSE_BROKER=broker)
    assert result.returncode == 0, result.stderr
    assert f"    sse_broker {broker};\n" in container.conf.read_text()
    assert container.conf.stat().st_mode & 0o077 == 0
    assert not re.search(r"@[A-Z]+@", container.conf.read_text())
    assert PASSWORD not in result.stderr + result.stdout


@pytest.mark.parametrize(
    "broker, reason",
    [
        (None, "SSE_BROKER is not set"),
        ("", "SSE_BROKER is not set"),
        ("redis", '"sse_broker"'),
        (f"redis://nginx:{PASSWORD}@127.0.0.1:63x9", "port must be a number"),
        (f"redis://nginx:x;{PASSWORD}@127.0.0.1", "percent-encode"),
        (f"redis://nginx:x {PASSWORD}@127.0.0.1", "percent-encode"),
        (f"redis://nginx:x\n{PASSWORD}@127.0.0.1", "percent-encode"),
        (f"redis://nginx:x'{PASSWORD}@127.0.0.1", "percent-encode"),
        (f'redis://nginx:x"{PASSWORD}@127.0.0.1', "percent-encode"),
        (f"redis://nginx:x${PASSWORD}@127.0.0.1", "percent-encode"),
        (f"redis://nginx:x\\{PASSWORD}@127.0.0.1", "percent-encode"),
        (f"redis://nginx:x{{{PASSWORD}}}@127.0.0.1", "percent-encode"),
        ("redis://nginx@127.0.0.1 password_file=/nowhere;", "percent-encode"),
        ("redis://nginx@127.0.0.1 password_file=/nowhere", "cannot read a password"),
    ],
)
def test_a_broker_that_cannot_be_used_is_explained_without_the_password(container, broker, reason):
    result = container.run(**({} if broker is None else {"SSE_BROKER": broker}))
    assert result.returncode == 1
    assert reason in result.stderr
    assert PASSWORD not in result.stderr + result.stdout


def test_the_number_of_workers_is_a_number(container):
    result = container.run(SSE_BROKER="redis://127.0.0.1", SSE_WORKERS="1; user root")
    assert result.returncode == 1 and "SSE_WORKERS" in result.stderr
    assert container.run("-t", SSE_BROKER="redis://127.0.0.1", SSE_WORKERS="3").returncode == 0
    assert "worker_processes 3;" in container.conf.read_text()


def test_a_configuration_of_ones_own_takes_the_place_of_the_demo(container):
    (place,) = re.findall(r"of your own goes to `(.+?)`", markdown.section("In a container").text)
    (container.root / place.lstrip("/")).write_text(
        "load_module @MODULE@; pid @DIR@/nginx.pid; events {} "
        "http { access_log off; sse_broker @BROKER@; server { listen 1234; } }"
    )
    result = container.run("-T", SSE_BROKER="redis://127.0.0.1:6380")
    assert result.returncode == 0, result.stderr
    assert "sse_broker redis://127.0.0.1:6380; server { listen 1234; }" in result.stdout


def test_what_the_build_needs_is_let_through_to_it():
    kept = re.findall(r"^!(.+)$", (markdown.REPOSITORY / ".dockerignore").read_text(), re.MULTILINE)
    needed = {"config", "config.make", "src", "module", "scripts"}
    needed |= {
        source.split("/")[0]
        for source in re.findall(r"^COPY ([^-.]\S*) ", DOCKERFILE, re.MULTILINE)
    }
    assert set(kept) == needed

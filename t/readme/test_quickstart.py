"""The README's first two commands."""

import os
import re
import shutil
import signal
import subprocess

import pytest

from harness import HeldPort, wait_until

from . import markdown
from .console import commands


@pytest.fixture
def checkout(tmp_path):
    """A checkout of its own, so that nobody's running quickstart is stopped; what is built stays built."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in ("config", "config.make", "src", "module"):
        (copy / name).symlink_to(markdown.REPOSITORY / name)
    shutil.copytree(markdown.REPOSITORY / "scripts", copy / "scripts", symlinks=True)
    (copy / "build").mkdir()
    for name in ("nginx-release", "ngx_http_sse_module.so"):
        built = markdown.REPOSITORY / "build" / name
        if built.exists():
            subprocess.run(["cp", "-a", built, copy / "build"], check=True)
    return copy


@pytest.fixture
def free_ports():
    """Ports that no test beside this one takes while quickstart starts."""
    ports = {"PORT": HeldPort(), "REDIS_PORT": HeldPort()}
    yield {name: str(port) for name, port in ports.items()}
    for port in ports.values():
        port.release()


def with_any_ports(text):
    return re.sub(r"localhost:\d+|-p \d+", "PORT", text)


@pytest.mark.timeout(300)  # it may have to build
def test_quickstart_says_what_the_readme_shows_and_what_it_says_works(checkout, free_ports):
    (quickstart, *_) = (commands(block.text)[0] for block in markdown.section("Try it").blocks("console"))
    output = checkout / "output.txt"
    with open(output, "wb") as file:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {quickstart.line}"],
            cwd=checkout,
            env={**os.environ, **free_ports},
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            # Ctrl-C must reach it also when these tests run in the background, where it is ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def is_up_or_gone():
        return "Ctrl-C stops it." in output.read_text() or process.poll() is not None

    try:
        wait_until(is_up_or_gone, "quickstart is up", timeout=250)
        said = output.read_text()
        assert with_any_ports(said).endswith(with_any_ports(quickstart.output)), said
        check_what_it_says(said, checkout)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=30)
    assert list((checkout / "build" / "quickstart").glob("*.pid")) == []
    assert process.returncode == 0


def check_what_it_says(said, checkout):
    page = re.search(r"http://localhost:\d+/", said).group()
    html = subprocess.run(["curl", "-sf", page], capture_output=True, text=True, check=True).stdout
    assert html == (checkout / "scripts" / "demo" / "index.html").read_text()
    subscribe = re.search(r"curl -N \S+", said).group()
    publish = re.search(r"redis-cli .*", said).group()
    with subprocess.Popen(subscribe.split(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as stream:
        assert stream.stdout.readline().startswith("retry: ")
        assert stream.stdout.readline() == "\n"
        subprocess.run(publish, shell=True, check=True, capture_output=True)
        assert stream.stdout.readline() == "data: hello\n"
        stream.terminate()


def test_the_command_that_runs_the_tests_exists():
    (_, test) = (commands(block.text)[0] for block in markdown.section("Try it").blocks("console"))
    result = subprocess.run([test.line, "--help"], cwd=markdown.REPOSITORY, capture_output=True, text=True)
    assert result.returncode == 0 and "runs every test" in result.stdout

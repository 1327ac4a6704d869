"""The servers that are compared. Each run gets a fresh one."""

import contextlib
import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from harness import HeldPort, Nginx, make_certificate, wait_until

BENCH = Path(__file__).resolve().parent.parent
NCHAN = "/usr/lib/nginx/modules/ngx_nchan_module.so"


@dataclass(frozen=True)
class Running:
    """A server in service: where it is, where to publish, and the process to measure."""

    url: str
    publish: str
    pid: int
    options: tuple = ()  # what the load generator needs to know about it


@dataclass(frozen=True)
class Contender:
    """How a server is called in tables, and how it is started: start(place, directory)."""

    name: str
    title: str
    start: object = field(repr=False)


@dataclass(frozen=True)
class Place:
    """What all servers share."""

    redis: object
    module: str
    build: Path  # of the bare loops
    extra: str = ""  # for our configurations
    against: str = ""  # another build of our module
    environment: dict = field(default_factory=dict)  # of an nginx with our module
    workers: int = 1  # of it, where its configuration does not say


@contextlib.contextmanager
def _nginx(
    place, directory, conf, publish, scheme="http", path="/events/{}", options=(), **values
):
    binary = shutil.which("nginx")
    assert binary, "no nginx on the path"
    values |= {"BROKER": place.redis.url, "EXTRA": place.extra, "NCHAN": NCHAN}
    values |= {"WORKERS": place.workers}
    text = (BENCH / "conf" / f"{conf}.conf").read_text()
    if "ssl_certificate" in text:
        make_certificate(directory)
    (directory / "file.txt").write_text("a" * 1000)
    environment = place.environment if "MODULE" in values else {}
    server = Nginx(directory, text, binary, environment, values)
    try:
        server.start()
        url = f"{scheme}://127.0.0.1:{server.port}"
        target = place.redis.url if publish == "redis" else f"{url}/pub/{{}}"
        yield Running(url + path, target, server.process.pid, tuple(options))
    finally:
        # Streams do not end by themselves in time, and what nginx says about that is no news.
        if server.process is not None:
            server.process.terminate()
            server.process.wait(30)
        server.expect_fault("open socket")
        server.close()


def ours(conf, title, **options):
    def start(place, directory):
        return _nginx(place, directory, conf, "redis", MODULE=place.module, **options)

    return Contender("ours" if conf == "recommended" else conf, title, start)


def _against(place, directory):
    return _nginx(place, directory, "recommended", "redis", MODULE=place.against)


def ours_stream(name, title, events, conf="stream"):
    """Durable channels; `events`: Redis' notify-keyspace-events."""

    @contextlib.contextmanager
    def start(place, directory):
        place.redis.command("CONFIG", "SET", "notify-keyspace-events", events)
        options = ["--entries"]
        with _nginx(
            place, directory, conf, "redis", options=options, MODULE=place.module
        ) as running:
            yield running
        place.redis.command("CONFIG", "SET", "notify-keyspace-events", "")
        place.redis.command("FLUSHALL")  # or the next one's Redis has its memory to bear

    return Contender(name, title, start)


@contextlib.contextmanager
def _redis_alone(place, directory):
    yield Running("", place.redis.url, place.redis.process.pid)
    place.redis.command("FLUSHALL")


def _nchan(store):
    def start(place, directory):
        return _nginx(place, directory, f"nchan-{store}", "http")

    return start


@contextlib.contextmanager
def _process(command, port, directory, publish):
    with open(directory / "output.log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:

        def listens():
            said = (directory / "output.log").read_text()
            assert process.poll() is None, f"{command[0]} ended: {said}"
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port.number), 1).close()
                return True

        wait_until(listens, f"{command[0]} listens", timeout=20)
        yield Running(f"http://127.0.0.1:{port}/events/{{}}", publish, process.pid)
    finally:
        process.kill()
        process.wait()
        port.release()


def _bare(mode):
    def start(place, directory):
        port = HeldPort()
        command = [place.build / "bare", "--mode", mode]
        command += ["--port", str(port), "--redis-port", str(place.redis.port)]
        return _process(command, port, directory, place.redis.url)

    return start


def _express(place, directory):
    node = shutil.which("node")
    assert node, "no node on the path: Debian's package is nodejs"
    port = HeldPort()
    command = [node, str(place.build / "express" / "server.js"), str(port), place.redis.url]
    return _process(command, port, directory, place.redis.url)


ALL = {
    contender.name: contender
    for contender in (
        ours("recommended", "this module"),
        ours("defaults", "this module, nginx's defaults"),
        ours("compact", "this module, sse_compact"),
        ours("tls", "this module, TLS", scheme="https"),
        ours("tls-compact", "this module, TLS, sse_compact", scheme="https"),
        ours("http2", "this module, HTTP/2", scheme="https", options=["--http2"]),
        ours("gzip", "this module, gzip"),
        ours("channel-lists", "this module, lists of channels", path="/events?channels={}"),
        ours_stream("ours-stream", "this module, durable", ""),
        ours_stream("ours-stream-notified", "this module, durable, with notifications", "Ktgx"),
        Contender("redis-alone", "nobody reads", _redis_alone),
        ours_stream("ours-readers", "lanes", "", "readers"),
        ours_stream("ours-readers-notified", "notifications", "Ktgx", "readers"),
        Contender("against", "the other build", _against),
        Contender("nchan-memory", "nchan, memory", _nchan("memory")),
        Contender("nchan-redis", "nchan, Redis", _nchan("redis")),
        Contender("express", "Express and redis", _express),
        Contender("bare-send", "bare send() loop", _bare("send")),
        Contender("bare-batch", "bare loop, one send per turn", _bare("batch")),
        Contender("bare-uring", "bare loop, io_uring", _bare("uring")),
    )
}

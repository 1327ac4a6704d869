"""Each log line in the README's table of what goes wrong is provoked, and seen."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness import HeldPort, HttpConnection, SseClient, wait_until

from . import markdown

CONF = """
load_module @MODULE@;
worker_processes 1;
worker_rlimit_nofile @FILES@;
error_log error.log info;
pid nginx.pid;
events { worker_connections @CONNECTIONS@; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_zone 32k;
    sse_broker @BROKER@;
    sse_open_timeout 300ms;
    server {
        listen 127.0.0.1:@PORT@;
        location ~ ^/events/(?<channel>.+)$ { sse_subscribe $channel; }
        location = /limited { sse_subscribe news; sse_limit_conn 1 key=$arg_user; }
        location = /unlogged { sse_subscribe news; sse_log /dev/full; }
        location ~ ^/durable/(?<channel>.+)$ {
            sse_subscribe $channel;
            sse_channel_type stream;
            sse_max_message 64k;
        }
        location /small { sse_subscribe news; sse_buffer_size 128k; sse_max_message 64k; }
    }
}
"""


class Trouble:
    """An nginx with CONF, not started, and what the troubles below need."""

    def __init__(self, nginx, module, redis, stack):
        self.nginx = nginx
        self.module = module
        self.redis = redis
        self.stack = stack

    def start(self, **values):
        if values:
            self.nginx.write_conf(CONF, **values)
        self.nginx.start()

    def refuse(self, conf=CONF, **values):
        """What nginx -t says of a configuration it does not take."""
        self.nginx.write_conf(conf, **values)
        passed, said = self.nginx.test_conf()
        assert not passed
        (self.nginx.directory / "error.log").write_text(said)

    def open(self, path="/events/news", **options):
        return self.stack.enter_context(SseClient(self.nginx.port, path, **options)).open()


def module_not_loaded(trouble):
    trouble.refuse(conf=CONF.replace("load_module @MODULE@;", ""))


def module_of_another_nginx(trouble):
    built = Path(trouble.module).read_bytes()
    signature = b"8,4,8,"  # how nginx was configured; begins with the sizes of types
    assert built.count(signature) == 1
    module = trouble.nginx.directory / "module.so"
    module.write_bytes(built.replace(signature, b"4,4,4,"))
    trouble.refuse(MODULE=module)


def unknown_host(trouble):
    trouble.refuse(BROKER="redis://no.such.host.invalid")


def redis_elsewhere(trouble):
    port = HeldPort()
    trouble.stack.callback(port.release)
    trouble.start(BROKER=f"redis://127.0.0.1:{port}")
    trouble.open()


def wrong_password(trouble):
    trouble.redis.command("CONFIG", "SET", "requirepass", "right")
    trouble.start(BROKER=f"redis://default:wrong@127.0.0.1:{trouble.redis.port}")
    trouble.open()


def forbidden_channel(trouble):
    trouble.redis.command(
        "ACL", "SETUSER", "reader", "on", ">secret", "+@all", "resetchannels", "&news"
    )
    trouble.start(BROKER=f"redis://reader:secret@127.0.0.1:{trouble.redis.port}")
    trouble.open("/events/news")
    trouble.open("/events/secret")


def limit_reached(trouble):
    trouble.start(CONNECTIONS=20)
    for _ in range(20):
        trouble.open()


def connections_used_up(trouble):
    trouble.nginx.expect_fault("worker_connections are not enough")
    trouble.start(CONNECTIONS=10)
    connect(trouble)


def files_used_up(trouble):
    trouble.nginx.expect_fault("Too many open files")
    # nginx pauses accepting; when it quits meanwhile, it goes on with a socket it has closed.
    trouble.nginx.expect_fault(r"accept4\(\) failed \(9: Bad file descriptor\)")
    trouble.start(FILES=24)
    connect(trouble)


def connect(trouble):
    for _ in range(30):
        trouble.stack.enter_context(HttpConnection(trouble.nginx.port))


def redis_cuts_the_worker(trouble):
    trouble.redis.command("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 0 0")
    trouble.start()
    trouble.open()
    (worker,) = trouble.nginx.worker_pids()
    os.kill(worker, signal.SIGSTOP)
    trouble.redis.publish_all("news", [bytes(1 << 16)] * 400)
    wait_until(
        lambda: "overcoming of output buffer limits" in trouble.redis.log(),
        "Redis has cut the worker",
    )
    os.kill(worker, signal.SIGCONT)


def slow_reader(trouble):
    trouble.start()
    trouble.open("/small", receive_buffer=4096, max_segment=1400)
    trouble.redis.publish_all("news", ["x" * 60_000] * 200)


def large_message(trouble):
    trouble.start()
    trouble.open("/small")
    trouble.redis.publish("news", "x" * 70_000)


def key_of_another_type(trouble):
    trouble.redis.command("SET", "orders", "not a stream")
    trouble.start()
    trouble.open("/durable/orders")


def forbidden_key(trouble):
    trouble.redis.command(
        "ACL", "SETUSER", "reader", "on", ">secret", "+@all", "allchannels", "%R~events:*"
    )
    trouble.start(BROKER=f"redis://reader:secret@127.0.0.1:{trouble.redis.port}")
    trouble.open("/durable/orders")


def large_entry(trouble):
    trouble.start()
    trouble.open("/durable/orders")
    trouble.redis.command("XADD", "orders", "*", "data", "x" * 70_000)


def zone_full(trouble):
    trouble.start(CONNECTIONS=512)
    for user in range(400):
        trouble.open(f"/limited?user={user}")


def log_disk_full(trouble):
    trouble.start()
    trouble.open("/unlogged").close()


# How each line of the table is provoked.
PROVOKE = {
    'unknown directive "sse_': module_not_loaded,
    "is not binary compatible": module_of_another_nginx,
    "host not found": unknown_host,
    "Connection refused": redis_elsewhere,
    "login refused: WRONGPASS": wrong_password,
    "refused: NOPERM": forbidden_channel,
    "sent away": limit_reached,
    "worker_connections are not enough": connections_used_up,
    "Too many open files": files_used_up,
    "closed by the server": redis_cuts_the_worker,
    "slow subscriber closed": slow_reader,
    "dropped: over sse_max_message": large_message,
    "cannot be read: WRONGTYPE": key_of_another_type,
    "cannot be read: NOPERM": forbidden_key,
    "left out: over sse_max_message": large_entry,
    '"sse_zone" is full': zone_full,
    'lines of "sse_log" lost': log_disk_full,
}


@pytest.fixture
def trouble(make_nginx, module_path, redis):
    nginx = make_nginx(CONF, BROKER=redis.url, FILES=512, CONNECTIONS=256)
    with ExitStack() as stack:
        yield Trouble(nginx, module_path, redis, stack)


@pytest.mark.parametrize("line", PROVOKE)
def test_the_log_says_what_the_table_says(trouble, line):
    PROVOKE[line](trouble)
    assert trouble.nginx.wait_for_log(line.replace("(", r"\("))


def test_every_log_line_of_the_table_is_provoked():
    rows = markdown.section("When something goes wrong").table("what you see")
    lines = [said.strip("`") for _, said, _ in rows if said]
    assert sorted(lines) == sorted(PROVOKE)

"""The user of Redis with the least rights: what works with all of them, and without each."""

import pytest

from harness import wait_until

from . import markdown
from .console import commands

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 512; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker redis://nginx:secret@127.0.0.1:@REDIS_PORT@/1;
    sse_broker_read_timeout 1s;
    sse_open_timeout 500ms;
    server {
        listen 127.0.0.1:@PORT@;
        location = /live { sse_subscribe events:live; }
        location = /pattern { sse_subscribe pattern:events:*; }
        location /durable/ {
            sse_channel_type stream;
            location = /durable/orders { sse_subscribe events:orders; }
            location = /durable/prices { sse_subscribe events:prices; }
            location ~ ^/durable/others/(?<channel>.+)$ { sse_subscribe events:$channel; }
            location = /durable/last { sse_subscribe events:orders; sse_start last=1; }
        }
    }
}
"""

SECTION = markdown.section("A user with the least rights")


def acl():
    """The words of the rule that the section shows."""
    (command,) = commands(SECTION.blocks("console")[0].text)
    return command.line.replace("'", "").split()[4:]


def rows():
    """The table: (words of the rule without which it is tried, what is logged or "")."""
    table = SECTION.table("without")
    return [(list(map(as_word, names.split(", "))), said.strip("`")) for names, _, said in table]


def as_word(name):
    name = name.strip("`").replace(" ", "|")
    return name if name[0] in "&%" else f"+{name}"


LEFT_OUT = [(word, said) for words, said in rows() for word in words]


@pytest.fixture
def serve(redis, start_nginx):
    """Serves as a user with these words of the rule: serve(words) -> Nginx."""

    def start(words):
        redis.command("ACL", "SETUSER", "nginx", *words)
        return start_nginx(CONF, REDIS_PORT=redis.port)

    return start


def complaints(nginx):
    """What the log says of Redis, but that it is connected."""
    lines = nginx.log_lines(r"\[(notice|warn|error|crit)\].*sse broker")
    return [line for line in lines if ": connected, version" not in line]


class Everything:
    """Every kind of stream, and what makes the module use every command."""

    def __init__(self, redis, nginx, open_stream):
        self.redis = redis
        self.writer = redis.make_client(db=1)
        self.first = self.add("orders", "first")
        self.nginx = nginx
        self.open_stream = open_stream
        self.others = 0
        self.live = open_stream(nginx, "/live")
        self.pattern = open_stream(nginx, "/pattern")
        self.last = open_stream(nginx, "/durable/last")
        self.orders = open_stream(nginx, "/durable/orders")
        self.prices = open_stream(nginx, "/durable/prices")
        self.unknown = self.resume("5-5")  # only a transaction tells what has become of that

    def add(self, channel, data):
        return self.writer.execute_command("XADD", f"events:{channel}", "*", "data", data).decode()

    def resume(self, cursor):
        return self.open_stream(self.nginx, "/durable/orders", headers=[("Last-Event-ID", cursor)])

    def open_another_channel(self):
        self.others += 1
        self.open_stream(self.nginx, f"/durable/others/{self.others}")

    def publish(self):
        self.redis.publish("events:live", "live")
        self.add("orders", "order")
        self.add("prices", "price")

    def check(self):
        """Everything that was published arrives."""
        self.publish()
        assert self.live.next_event().data == "live"
        assert self.pattern.next_event().data == "live"
        assert [event.data for event in self.last.take(2)] == ["first", "order"]
        assert self.orders.next_event().data == "order"
        assert self.prices.next_event().data == "price"
        assert '"trimmed"' in self.unknown.next_event().data
        assert [event.data for event in self.resume(self.first).take(1)] == ["order"]

    def leave(self):
        """Waits until the worker has unsubscribed, some seconds later."""
        for stream in (self.live, self.pattern):
            stream.close()

        def is_unsubscribed():
            return not self.redis.subscribers("events:live") and not self.redis.client.pubsub_numpat()

        wait_until(is_unsubscribed, "nothing is subscribed to", timeout=20)

    def wait_for_probe(self):
        """Waits until the worker has published something to itself."""

        def count():
            return self.redis.client.info("commandstats").get("cmdstat_publish", {}).get("calls", 0)

        before = count()
        wait_until(lambda: count() > before, "delivery was probed")


@pytest.fixture
def use_everything(redis, open_stream):
    return lambda nginx: Everything(redis, nginx, open_stream)


def test_with_all_rights_everything_works_and_the_log_is_quiet(redis, serve, use_everything):
    nginx = serve(acl())
    everything = use_everything(nginx)
    everything.check()
    everything.wait_for_probe()
    everything.leave()
    assert complaints(nginx) == []
    assert redis.command("ACL", "LOG") == []


@pytest.mark.parametrize("word", [word for word, said in LEFT_OUT if not said])
def test_without_this_nothing_is_missed(serve, use_everything, word):
    nginx = serve([each for each in acl() if each != word])
    everything = use_everything(nginx)
    everything.check()
    if "unsubscribe" not in word:
        everything.leave()
    assert complaints(nginx) == []


@pytest.mark.parametrize("word, said", [row for row in LEFT_OUT if row[1]])
def test_without_this_the_log_says_what_is_refused(serve, use_everything, word, said):
    nginx = serve([each for each in acl() if each != word])
    everything = use_everything(nginx)
    everything.publish()

    def is_said():
        everything.open_another_channel()  # who waits for the entries of others has to take it in
        return nginx.log_lines(said)

    wait_until(is_said, f"the log says {said}")


@pytest.mark.parametrize("word", ["+publish", "&sse:probe:*", "+client|unblock"])
def test_without_this_everything_arrives_all_the_same(serve, use_everything, word):
    use_everything(serve([each for each in acl() if each != word])).check()


def test_the_table_is_about_every_right_of_the_rule():
    rule = [word for word in acl() if word[0] in "+&%"]
    assert sorted(word for word, _ in LEFT_OUT) == sorted(rule)

"""Promise 5 under the hammer: readers of every pace, messages of every size, each byte checked."""

import json
import random
from contextlib import ExitStack

import pytest

from harness import Http2Connection, make_certificate, wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    sse_retry off;
    sse_payload json;
    sse_default_event channel;
    sse_reset_event lost;
    sse_max_message 400k;
    sse_buffer_size 800k;
    sse_send_timeout off;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    server {
        listen 127.0.0.1:@PORT@ sndbuf=16k;
        listen 127.0.0.1:@PORT2@ sndbuf=16k ssl;
        listen 127.0.0.1:@PORT3@ http2;
        gzip_types text/event-stream;
        location /skip/ {
            sse_slow_subscriber skip;
            location = /skip/direct { sse_subscribe_list $arg_channels; }
            location = /skip/filtered { sse_subscribe_list $arg_channels; sse_direct off; }
            location = /skip/gzip { sse_subscribe_list $arg_channels; gzip on; }
        }
        location /close/ {
            location = /close/direct { sse_subscribe_list $arg_channels; }
            location = /close/filtered { sse_subscribe_list $arg_channels; sse_direct off; }
            location = /close/gzip { sse_subscribe_list $arg_channels; gzip on; }
        }
    }
}
"""

CHANNELS = "abc"
MESSAGES = 300
LARGEST = 300 * 1024
WINDOW = 10_000  # of an HTTP/2 stream


class Publisher:
    """Messages of all channels in one order: the id of an event is its place in that order."""

    def __init__(self, redis, dice):
        self.redis = redis
        self.dice = dice
        self.messages = []  # (channel, data)

    def publish_some(self):
        with self.redis.client.pipeline(transaction=False) as pipeline:
            for _ in range(self.dice.randint(1, 4)):
                size = int(LARGEST ** self.dice.random())  # as many small ones as large ones
                self._publish(pipeline, self.dice.choice(CHANNELS), size)
            pipeline.execute()

    def publish_to_all(self):
        for channel in CHANNELS:
            self._publish(self.redis.client, channel, 1)

    def _publish(self, client, channel, size):
        number = len(self.messages)
        data = self.dice.randbytes(size // 2 + 1).hex()[:size]  # gzip makes it half as large
        self.messages.append((channel, data))
        client.publish(channel, json.dumps({"data": data, "id": str(number)}))


class Reader:
    """Checks all that one stream gets against what was published since it opened."""

    def __init__(self, stream, publisher, channels, may_skip):
        self.stream = stream
        self.publisher = publisher
        self.channels = channels
        self.may_skip = may_skip
        self.last = -1  # the number of the last event
        self.lost = set()  # channels that said so, and had no event since
        self.skips = 0

    def __repr__(self):
        return f"{self.stream!r} of {self.channels}"

    def read_on(self):
        """Reads once what is there; false when there is nothing."""
        if self.stream.end is not None or not self.stream.connection.has_bytes():
            return False
        self.stream.read_some()
        self.check()
        return True

    def check(self):
        for block in self.stream.received_blocks():
            assert block.data is not None, f"{self!r}: {block}"
            if block.name == "lost":
                self._check_reset(block)
            else:
                self._check_event(block)
        self.stream.body.clear()

    def check_end(self):
        """Of a stream that was closed: what it got last is the beginning of what was next."""
        assert not self.may_skip and self.stream.end in ("reset", "cut", "clean"), self
        torn = self.stream.torn_block
        channel, data = self.publisher.messages[self._next(self.last)]
        frame = f"id: {self._next(self.last)}\nevent: {channel}\ndata: {data}\n\n"
        assert frame.encode().startswith(torn), f"{self!r}: {torn!r}"

    def has_all(self):
        return self._next(self.last) is None

    def _check_reset(self, block):
        told = json.loads(block.data)
        assert self.may_skip and told["reason"] == "slow", f"{self!r}: {block}"
        self.lost.add(told["channel"])
        self.skips += 1

    def _check_event(self, block):
        number = int(block.id)
        expected = self._next(self.last)
        while expected != number:  # in order, and only what was said to be lost is missing
            assert expected is not None and expected < number, f"{self!r}: {number} came twice"
            assert self.publisher.messages[expected][0] in self.lost, f"{self!r}: no {expected}"
            expected = self._next(expected)
        assert self.publisher.messages[number] == (block.name, block.data), self
        self.lost.discard(block.name)
        self.last = number

    def _next(self, number):
        """The number of the next message of its channels; None when there is none."""
        messages = self.publisher.messages
        rest = range(number + 1, len(messages))
        return next((i for i in rest if messages[i][0] in self.channels), None)


class Pace:
    """Stops and goes by chance, and reads now little, now much."""

    def __init__(self, dice):
        self.dice = dice
        self.rest = 0

    def step(self, reader):
        if self.rest:
            self.rest -= 1
            return
        self.rest = self.dice.choice((0, 0, 0, 3, 10, 60))
        for _ in range(self.dice.randint(1, 6)):
            if isinstance(reader.stream.connection, Http2Connection):
                reader.stream.connection.acknowledge(reader.stream)
            else:
                reader.stream.connection.receive_size = self.dice.choice((1, 100, 3000, 100_000))
            reader.read_on()


@pytest.fixture
def nginx(redis, make_nginx):
    server = make_nginx(CONF, BROKER=redis.url)
    make_certificate(server.directory)
    return server.start()


@pytest.mark.parametrize("seed", [1, 2])
def test_every_reader_gets_whole_frames_in_order_and_is_told_of_gaps(
    redis, nginx, open_stream, seed
):
    dice = random.Random(seed)
    publisher = Publisher(redis, dice)

    def reader(kind, policy, channels, options):
        path = f"/{policy}/{kind}?channels={','.join(channels)}"
        headers = [("Accept-Encoding", "gzip")]
        stream = open_stream(nginx, path, headers=headers, **options)
        return Reader(stream, publisher, channels, policy == "skip")

    ways = [
        (kind, {"port": nginx.port_of(port), "tls": port == "PORT2"})
        for kind in ("direct", "filtered", "gzip")
        for port in ("PORT", "PORT2")
    ]
    fast = [reader(kind, "close", CHANNELS, options) for kind, options in ways]
    slow = []
    for kind, options in ways:
        small = {"receive_buffer": dice.choice((4096, 30_000)), "max_segment": 1400}
        for policy in ("close", "skip", "skip"):
            channels = "".join(dice.sample(CHANNELS, dice.randint(1, 3)))
            slow.append(reader(kind, policy, channels, {**options, **small}))
    with ExitStack() as stack:
        for policy in ("close", "skip", "skip"):
            port = nginx.port_of("PORT3")
            connection = stack.enter_context(Http2Connection(port, window=WINDOW))
            path = f"/{policy}/direct?channels={','.join(CHANNELS)}"
            stream = connection.open(path, acknowledges=False)
            slow.append(Reader(stream, publisher, CHANNELS, policy == "skip"))
        paces = [Pace(dice) for _ in slow]

        while len(publisher.messages) < MESSAGES:
            publisher.publish_some()
            for pace, each in zip(paces, slow, strict=True):
                pace.step(each)
            for each in fast:  # they are never behind, and so lose nothing
                while not each.has_all():
                    assert each.stream.read_some(), each
                    each.check()

        alive = [each for each in slow if each.may_skip]
        for each in slow:
            each.stream.connection.receive_size = 100_000
            if isinstance(each.stream.connection, Http2Connection):
                each.stream.acknowledges = True
                each.stream.connection.acknowledge(each.stream)

        def behind():
            # Who was told of a gap needs a message after it, to show where it goes on.
            publisher.publish_to_all()
            for each in slow:
                while each.read_on():
                    pass
            return [each for each in alive if not each.has_all()]

        wait_until(lambda: not behind(), "all who were not closed catch up", timeout=20)
        closed = [each for each in slow if each.stream.end is not None]
        for each in closed:
            each.check_end()
        # Most were too slow, each at a place of its own.
        assert len(closed) >= 3 and sum(each.skips > 0 for each in alive) >= len(alive) / 2

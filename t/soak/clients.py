"""Clients of every kind: those that read, those that read slowly, those that do not read at all."""

import time

from harness import Http2Connection, SseClient
from harness.waiting import DEFAULT_TIMEOUT, Deadline

from .messages import JSON_CHANNELS, TEXT_CHANNELS, Ear

BEHAVIOURS = {"reader": 88, "slow": 6, "stuck": 6}  # of a hundred
SLOW_BYTES = 4096  # at once,
SLOW_PACE = 0.1  # every so many seconds
STREAMS_OF_HTTP_2 = 3


class Client:
    """One connection with its streams. The load says when there is something to read."""

    def __init__(self, world, messages, rng, lifetime, *, witness=None):
        """By chance, or a witness: one that reads a kind of messages well, over plain HTTP."""
        self.transport = rng.choice(world.transports) if witness is None else world.transports[0]
        self.behaviour = "reader"
        if witness is None:
            (self.behaviour,) = rng.choices(list(BEHAVIOURS), weights=BEHAVIOURS.values())
        self.born = time.monotonic()
        self.dies = self.born + (lifetime if witness else rng.expovariate(1 / lifetime))
        self.is_rude = rng.random() < 0.4  # ends by a TCP reset
        self.ended = False  # by the server
        self.is_gone = False
        options = {"tls": self.transport.tls}
        if self.behaviour != "reader":
            options["receive_buffer"] = SLOW_BYTES
        port = world.nginx.port_of(self.transport.port)
        requests = [self._request(rng, witness)]
        if self.transport.http2:
            requests += [self._request(rng) for _ in range(rng.randrange(STREAMS_OF_HTTP_2))]
            self._connection = Http2Connection(port, **options)
            self._raw = self._connection.raw
            self._streams = [self._connection.start(path) for path, _ in requests]
        else:
            ((path, _),) = requests
            stream = SseClient(port, path, headers=self.transport.headers, **options)
            self._connection = self._raw = stream.connection
            self._streams = [stream]
        if self.behaviour != "reader":
            self._raw.receive_size = SLOW_BYTES
        self.ears = [
            Ear(f"{self.transport.name} {path}", channels, messages) for path, channels in requests
        ]
        self._is_open = [False] * len(requests)

    def _request(self, rng, witness=None):
        kind = witness or rng.choice(("text", "text", "json", "skip"))
        names = JSON_CHANNELS if kind == "json" else TEXT_CHANNELS
        channels = rng.sample(names, len(names) if witness else rng.randint(1, len(names)))
        # A channel of its own, that the worker has to learn and to forget.
        own = [f"own{rng.randrange(10**9)}"] if rng.random() < 0.1 else []
        return f"{self.transport.path}/{kind}?c={','.join(channels + own)}", channels + own

    def __repr__(self):
        return f"{self.behaviour} over {self.transport.name}"

    @property
    def streams(self):
        return len(self._streams)

    def fileno(self):
        return self._raw.socket.fileno()

    def on_readable(self):
        """Reads what is there; slow ones read once."""
        while not self.ended and self._raw.has_bytes():
            self._read_once()
            if self.behaviour == "slow":
                break

    def _read_once(self):
        if self.transport.http2:
            try:
                self._connection.pump(Deadline(DEFAULT_TIMEOUT, f"bytes of {self!r}"))
            except ConnectionResetError:
                for stream in self._streams:
                    stream.end = stream.end or "reset"
        elif self._is_open[0]:
            self._streams[0].read_some()
        else:
            self._streams[0].read_head()
        for i, stream in enumerate(self._streams):
            if stream.head is not None and not self._is_open[i]:
                stream.open() if self.transport.http2 else _expect_ok(stream)
                self._is_open[i] = True
                self.ears[i].on_open()
            while self.transport.http2 and stream.received:
                stream.read_some()
            for block in stream.received_blocks():
                self.ears[i].hear(block)
            _forget_bytes(stream)
        self._raw.wire.clear()
        self.ended = all(stream.end is not None for stream in self._streams)

    @property
    def events(self):
        return sum(ear.events for ear in self.ears)

    @property
    def is_open(self):
        return all(self._is_open)

    @property
    def ends(self):
        """How its streams ended, as far as they have."""
        return [stream.end for stream in self._streams if stream.end is not None]

    def leave(self):
        """Goes away; who reads well must have had everything."""
        if self.behaviour == "reader" and not self.ended:
            self.on_readable()
        if self.behaviour == "reader" and not self.ends:
            for ear in self.ears:
                ear.expect_all()
        if self.is_rude:
            self._raw.reset()
        else:
            self._connection.close()

    def take_faults(self):
        return [fault for ear in self.ears for fault in ear.faults]


def _expect_ok(stream):
    assert stream.head.status == 200, f"{stream!r}: {stream.head}"


def _forget_bytes(stream):
    stream.body.clear()
    stream.comments.clear()
    stream.retries.clear()

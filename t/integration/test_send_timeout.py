"""Promise 5's clock: it starts when a byte is due, and only that byte's acceptance stops it."""

import time
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
    log_format ends '$uri@$server_port $msec $sse_close_reason';
    access_log access.log ends;
    sse_broker @BROKER@;
    sse_retry off;
    sse_keepalive 100ms;
    sse_buffer_size 64m;
    sse_send_timeout @TIMEOUT@s;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    server {
        listen 127.0.0.1:@PORT@ sndbuf=4k;
        listen 127.0.0.1:@PORT2@ sndbuf=4k ssl;
        listen 127.0.0.1:@PORT3@ http2;
        listen 127.0.0.1:@PORT4@ http2 ssl;
        listen 127.0.0.1:@PORT5@;
        location = /direct { sse_subscribe c; }
        location = /filtered { sse_subscribe c; sse_direct off; }
        location = /gzip { sse_subscribe c; gzip on; gzip_types text/event-stream; }
        location = /greeted { sse_subscribe c; sse_keepalive off; sse_greeting hello; }
        location = /witness { sse_subscribe c; }
    }
}
"""

# What makes loopback behave like a network: see design.md, "what loopback hides".
SLOW = {"receive_buffer": 4096, "max_segment": 536}
WINDOW = 2000  # of an HTTP/2 stream
SLACK = 0.02  # seconds between a worker's cached time and the test's


class Readers:
    """One slow reader on every way to a client, and a witness that is not slow."""

    def __init__(self, redis, nginx, open_stream, stack):
        self.redis = redis
        self.nginx = nginx
        self.witness = open_stream(nginx, "/witness")
        self.slow = {}
        gzip = [("Accept-Encoding", "gzip")]
        for path, headers in (("/direct", ()), ("/filtered", ()), ("/gzip", gzip)):
            for name in ("PORT", "PORT2"):
                port = nginx.port_of(name)
                self.slow[f"{path}@{port}"] = open_stream(
                    nginx, path, port=port, tls=name == "PORT2", headers=headers, **SLOW
                )
        for name in ("PORT3", "PORT4"):
            port = nginx.port_of(name)
            connection = Http2Connection(port, tls=name == "PORT4", window=WINDOW)
            stack.enter_context(connection)
            self.slow[f"/direct@{port}"] = connection.open("/direct", acknowledges=False)

    def publish(self, texts):
        """Returns between which moments they became due."""
        before = time.time()
        self.redis.publish_all("c", texts)
        while self.witness.next_event().data != texts[-1]:
            pass
        return before, time.time()

    def ends(self):
        """What the access log says: reader → (when it ended, why)."""
        lines = (line.split() for line in self.nginx.access_log())
        return {name: (float(moment), reason) for name, moment, reason in lines}

    def assert_closed_in_time(self, due, timeout):
        """All were closed, and each within the second after its byte's time was over."""
        first, last = due
        ends = self.ends()
        late = {
            name: f"{moment - first:.3f} s: {reason}"
            for name, (moment, reason) in ends.items()
            if reason != "slow"
            or not first + timeout - SLACK <= moment <= last + timeout + 1 + SLACK
        }
        assert ends.keys() == self.slow.keys() and not late


def incompressible(name, size):
    """Messages of about a kilobyte whose text gzip cannot make much smaller, and `name` as last."""
    numbers = (hash((name, i)) % 10**18 for i in range(size * 60))
    digits = "".join(f"{number:018}" for number in numbers)
    return [digits[i * 1000 : (i + 1) * 1000] for i in range(size)] + [name]


@pytest.fixture
def make_readers(redis, make_nginx, open_stream):
    with ExitStack() as stack:

        def make(timeout):
            nginx = make_nginx(CONF, BROKER=redis.url, TIMEOUT=timeout)
            make_certificate(nginx.directory)
            return Readers(redis, nginx.start(), open_stream, stack)

        yield make


@pytest.mark.parametrize("is_busy", [True, False], ids=["busy", "quiet"])
def test_a_stuck_reader_is_closed_when_a_byte_has_waited_so_long(make_readers, is_busy):
    readers = make_readers(timeout=1)
    due = readers.publish(incompressible("much", 200))
    # Neither later messages nor keepalives make it wait anew.
    while len(readers.ends()) < len(readers.slow):
        assert time.time() < due[1] + 10, readers.ends()
        if is_busy:
            readers.publish(["more"])
        else:
            readers.witness.next_block()  # a keepalive
    readers.assert_closed_in_time(due, 1)


def test_bytes_taken_just_in_time_do_not_count_against_those_behind_them(make_readers):
    readers = make_readers(timeout=2)
    start = time.time()
    readers.publish(incompressible("first", 60))
    readers.publish(incompressible("second", 10))
    wait_until(lambda: time.time() > start + 1, "half the time is over")
    due = readers.publish(incompressible("third", 40))
    # Everything that was due early is taken now, and then nothing more.
    for stream in readers.slow.values():
        if isinstance(getattr(stream, "connection", None), Http2Connection):
            stream.acknowledges = True
            stream.connection.acknowledge(stream)
        stream.events_until(lambda event: event.data == "second")
        stream.acknowledges = False
    wait_until(lambda: len(readers.ends()) == len(readers.slow), "all are closed")
    readers.assert_closed_in_time(due, 2)




def test_a_reader_that_never_has_much_room_but_takes_bytes_stays(make_readers, open_stream):
    readers = make_readers(timeout=1)
    # All is with the kernel at once, so nothing of it waits in nginx.
    port = readers.nginx.port_of("PORT5")
    slow = open_stream(readers.nginx, "/direct", port=port, **SLOW)
    texts = incompressible("much", 60)
    readers.publish(texts)
    slow.connection.receive_size = 2000
    while len(slow.body) < 60_000:
        readers.witness.next_block()  # a keepalive: another 100 ms
        assert slow.read_some()
    assert [event.data for event in slow.take(len(texts))] == texts
    # Its window closes once more, but not for long.
    readers.publish(texts)
    for _ in range(6):
        readers.witness.next_block()
    assert [event.data for event in slow.take(len(texts))] == texts
    assert f"/direct@{port}" not in readers.ends()


def test_an_http_2_client_that_never_opens_its_window_is_closed_in_time(
    redis, make_nginx, open_stream
):
    nginx = make_nginx(CONF, BROKER=redis.url, TIMEOUT=1)
    make_certificate(nginx.directory)
    nginx.start()
    with Http2Connection(nginx.port_of("PORT3"), window=0) as connection:
        start = time.time()
        connection.open("/greeted")
        wait_until(nginx.access_log, "it is closed")
        uri, moment, reason = nginx.access_log()[0].split()
        assert (uri, reason) == (f"/greeted@{nginx.port_of('PORT3')}", "slow")
        assert start + 1 - SLACK <= float(moment) <= time.time()
        assert float(moment) - start < 2 + SLACK

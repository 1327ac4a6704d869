"""Every way to the client is the right one, beside nginx's filters or through them, and delivers
the same bytes, to a quick reader and to a slow one."""

import random
import ssl
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from harness import Http2Connection, WireError, make_certificate

# Only nginx's debug log tells the ways apart.
CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log debug;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    sse_payload json;
    sse_retry 7s;
    sse_keepalive 50ms;
    sse_drain 2s;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    server {
        listen 127.0.0.1:@PORT@;
        listen 127.0.0.1:@PORT2@ ssl;
        listen 127.0.0.1:@PORT3@ http2;
        listen 127.0.0.1:@PORT4@ ssl http2;
        listen 127.0.0.1:@PORT5@ proxy_protocol;
        listen 127.0.0.1:@PORT6@ proxy_protocol ssl;

        # The same for slow readers: small buffers on the server's side too.
        listen 127.0.0.1:@PORT11@ sndbuf=16k;
        listen 127.0.0.1:@PORT12@ ssl sndbuf=16k;
        listen 127.0.0.1:@PORT13@ http2 sndbuf=16k;
        listen 127.0.0.1:@PORT14@ ssl http2 sndbuf=16k;
        listen 127.0.0.1:@PORT15@ proxy_protocol sndbuf=16k;
        listen 127.0.0.1:@PORT16@ proxy_protocol ssl sndbuf=16k;

        location = /plain { sse_subscribe c; }
        location = /direct-off { sse_subscribe c; sse_direct off; }
        location = /not-chunked { sse_subscribe c; chunked_transfer_encoding off; }

        location = /gzip { sse_subscribe c; gzip on; gzip_types text/event-stream; }
        location = /gzip-of-html { sse_subscribe c; gzip on; }
        location = /sub_filter {
            sse_subscribe c;
            sub_filter_types text/event-stream;
            sub_filter "{never in a message}" "";
        }
        location = /sub_filter-of-html { sse_subscribe c; sub_filter "e" "x"; }
        location = /ssi { sse_subscribe c; ssi on; ssi_types text/event-stream; }
        location = /ssi-of-html { sse_subscribe c; ssi on; }
        location = /added {
            sse_subscribe c;
            add_before_body /empty;
            addition_types text/event-stream;
        }
        location = /added-after {
            sse_subscribe c;
            add_after_body /empty;
            addition_types text/event-stream;
        }
        location = /added-to-html { sse_subscribe c; add_before_body /empty; }
        location = /charset { sse_subscribe c; charset utf-8; charset_types text/event-stream; }
        location = /trailer { sse_subscribe c; add_trailer X-Events $sse_events_sent; }
        location = /headers { sse_subscribe c; add_header X-Y 1; expires 1h; }
        location = /userid { sse_subscribe c; userid on; }
        location = /output {
            sse_subscribe c;
            sendfile on;
            tcp_nopush on;
            aio threads;
            postpone_output 0;
            output_buffers 1 1k;
        }

        location = /limit_rate { sse_subscribe c; limit_rate 1m; }
        location = /limit_rate-after { sse_subscribe c; limit_rate 8m; limit_rate_after 16m; }
        location = /limit_rate-none { sse_subscribe c; limit_rate 0; limit_rate_after 1k; }
        location = /limit_rate-variable { sse_subscribe c; limit_rate $arg_rate; }
        location = /limit_rate-set { set $limit_rate 8m; sse_subscribe c; }
        location = /limit_rate-set-none { limit_rate 8m; set $limit_rate 0; sse_subscribe c; }
        location = /limit_rate-if { sse_subscribe c; if ($arg_x) { limit_rate 8m; } }
        location = /limit_rate-upstream {
            proxy_pass http://127.0.0.1:@PORT8@/redirect?rate=8388608;
        }

        location = /auth { sse_subscribe c; auth_request /yes; }
        location = /mirror { sse_subscribe c; mirror /yes; }
        location = /real-ip {
            sse_subscribe c;
            set_real_ip_from 127.0.0.1;
            real_ip_header X-Real-IP;
        }
        location = /redirect { proxy_pass http://127.0.0.1:@PORT8@; }
        location = /redirected { internal; sse_subscribe c; }
        location = /error-page { error_page 418 = @stream; return 418; }
        location @stream { sse_subscribe c; }

        location = /other { sse_subscribe o; }
        location = /empty { return 200 ""; }
        location = /yes { return 204; }
    }
    server {
        listen 127.0.0.1:@PORT8@;
        location = /redirect {
            add_header X-Accel-Limit-Rate $arg_rate;
            add_header X-Accel-Redirect /redirected;
            return 200 "not this";
        }
    }
}
"""

BESIDE, THROUGH = "beside", "through"

# What PORT and PORT2 to PORT6 of the configuration speak; ten more is the same for slow readers.
PLAIN, TLS, H2, H2_TLS, PROXIED, PROXIED_TLS = range(1, 7)


class Way(NamedTuple):
    path: str
    filters: str
    port: int = PLAIN
    version: str = "1.1"
    headers: tuple = ()
    tls: ssl.TLSVersion | bool = False
    preface: bytes = b""
    served: str | None = None  # the path that nginx's log shows, when it is another

    def __str__(self):
        names = "plain tls http/2 http/2-tls proxied proxied-tls".split()
        tls = [self.tls.name] if isinstance(self.tls, ssl.TLSVersion) else []
        version = ["http/1.0"] if self.version == "1.0" else []
        words = [name for name, _ in self.headers]
        return "-".join([self.path[1:], names[self.port - 1], *version, *tls, *words])


GZIP = (("Accept-Encoding", "gzip"),)
TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
PROXY_1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n"
PROXY_2 = (
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"  # version 2, PROXY, TCP over IPv4, 12 bytes
    + bytes([192, 0, 2, 1, 192, 0, 2, 2, 4, 210, 0, 80])
)

WAYS = [
    Way("/plain", BESIDE),
    Way("/plain", BESIDE, version="1.0"),
    Way("/plain", BESIDE, headers=(("Range", "bytes=0-9"),)),
    Way("/plain", BESIDE, headers=(("If-Modified-Since", "Thu, 01 Jan 2099 00:00:00 GMT"),)),
    Way("/plain", BESIDE, TLS, tls=TLS_1_2),
    Way("/plain", BESIDE, TLS, tls=TLS_1_3),
    Way("/plain", BESIDE, TLS, tls=True, version="1.0"),
    Way("/plain", THROUGH, H2),
    Way("/plain", THROUGH, H2_TLS, tls=True),
    Way("/plain", BESIDE, PROXIED, preface=PROXY_1),
    Way("/plain", BESIDE, PROXIED_TLS, tls=True, preface=PROXY_2),
    Way("/direct-off", THROUGH),
    Way("/direct-off", THROUGH, version="1.0"),
    Way("/direct-off", THROUGH, TLS, tls=True),
    Way("/not-chunked", BESIDE),
    Way("/not-chunked", BESIDE, TLS, tls=True),
    Way("/gzip", THROUGH, headers=GZIP),
    Way("/gzip", THROUGH, TLS, headers=GZIP, tls=True),
    Way("/gzip", BESIDE),
    Way("/gzip-of-html", BESIDE, headers=GZIP),
    Way("/sub_filter", THROUGH),
    Way("/sub_filter", THROUGH, H2_TLS, tls=True),
    Way("/sub_filter-of-html", BESIDE),
    Way("/ssi", THROUGH),
    Way("/ssi-of-html", BESIDE),
    Way("/added", THROUGH),
    Way("/added-after", THROUGH),
    Way("/added-to-html", BESIDE),
    Way("/charset", BESIDE),
    Way("/trailer", THROUGH),
    Way("/headers", BESIDE),
    Way("/userid", THROUGH),  # it keeps a context: nobody knows what for
    Way("/output", BESIDE),
    Way("/limit_rate", THROUGH),
    Way("/limit_rate", THROUGH, H2),
    Way("/limit_rate", THROUGH, TLS, tls=True),
    Way("/limit_rate-after", THROUGH),
    Way("/limit_rate-none", BESIDE),
    Way("/limit_rate-variable?rate=8m", THROUGH),
    Way("/limit_rate-variable", BESIDE),
    Way("/limit_rate-set", THROUGH),
    Way("/limit_rate-set-none", BESIDE),
    Way("/limit_rate-if?x=1", THROUGH),
    Way("/limit_rate-if", BESIDE),
    Way("/limit_rate-upstream", THROUGH, served="/redirected"),
    Way("/auth", BESIDE),
    Way("/mirror", BESIDE),
    Way("/real-ip", BESIDE, headers=(("X-Real-IP", "192.0.2.1"),)),
    Way("/redirect", BESIDE, served="/redirected"),
    Way("/redirect", THROUGH, H2_TLS, tls=True, served="/redirected"),
    Way("/error-page", BESIDE),
]

# One of each kind: the ends of the others are the same.
ENDINGS = [
    way
    for way in WAYS
    if way.path in ("/plain", "/direct-off", "/gzip", "/sub_filter", "/not-chunked", "/added-after")
    and (way.headers, way.preface) in (((), b""), (GZIP, b""))
]

# 300 KiB that no compression makes fit into a socket's buffer.
LARGE = random.Random(1).randbytes(150 * 1024).hex()

MESSAGES = [
    '{"data":"hello"}',
    '{"data":"a\\nb\\n\\nc","event":"e","id":"1","retry":5}',
    '{"data":""}',
    *(f'{{"data":"number {i}","id":"{i}"}}' for i in range(50)),
    f'{{"data":"{LARGE}"}}',
    '{"data":"' + "aé€𝄞\\n" * 20_000 + '"}',  # every write that is cut short splits a character
    '{"data":"end"}',
]


@pytest.fixture
def nginx(redis, make_nginx):
    server = make_nginx(CONF, BROKER=redis.url)
    make_certificate(server.directory)
    server.start()
    assert server.log_lines(r"\[debug\]"), "this test needs an nginx built --with-debug"
    return server


@pytest.fixture
def open_way(nginx, send_request):
    """Opens a stream on one of the ways; a slow one has small buffers and segments."""
    with ExitStack() as stack:

        def open_(way, slow=False):
            number = way.port + 10 if slow else way.port
            port = nginx.port_of(f"PORT{number}" if number > 1 else "PORT")
            options = {"receive_buffer": 16_384, "max_segment": 1400} if slow else {}
            if way.port in (H2, H2_TLS):
                connection = stack.enter_context(Http2Connection(port, tls=way.tls, **options))
                return connection.open(way.path)
            stream = send_request(
                nginx,
                way.path,
                port=port,
                version=way.version,
                headers=way.headers,
                tls=way.tls,
                preface=way.preface,
                **options,
            )
            assert stream.read_head().status == 200
            assert stream.head.get("Content-Type").startswith("text/event-stream")
            return stream

        yield open_


def is_end(event):
    return event.data == "end"


def is_large(event):
    return event.data == LARGE


def is_reset(event):
    return event.name == "reset"


def without_keepalives(stream):
    return bytes(stream.body).replace(b": keepalive\n\n", b"")


def lose_the_broker(redis):
    redis.command("CLIENT", "KILL", "TYPE", "pubsub")


def which_way(redis, nginx, way, stream):
    """Whether the body of further events passes nginx's filters, by nginx's log."""
    pattern = rf'http output filter "{way.served or way.path.partition("?")[0]}\?'
    before = len(nginx.log_lines(pattern))
    for i in range(5):
        redis.publish("c", f'{{"data":"{i}"}}')
        assert stream.next_event().data == str(i)
    calls = len(nginx.log_lines(pattern)) - before
    assert calls == 0 or calls >= 5
    return THROUGH if calls else BESIDE


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_it_is_the_right_way_and_delivers_the_same_bytes(redis, nginx, open_way, way):
    reference = open_way(WAYS[0])
    stream = open_way(way)
    assert stream.next_block().retry == 7000  # what went out with the header is in the log now
    assert which_way(redis, nginx, way, stream) == way.filters
    while not stream.comments:
        stream.next_block()
    redis.publish_all("c", MESSAGES)
    stream.events_until(is_end)
    lose_the_broker(redis)
    stream.events_until(is_reset)
    redis.publish_all("c", MESSAGES)
    stream.events_until(is_end)

    reference.events_until(is_end)
    reference.events_until(is_end)
    assert without_keepalives(stream) == without_keepalives(reference)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_slow_reader_gets_the_same_bytes(redis, open_way, way):
    reference = open_way(WAYS[0])
    stream = open_way(way, slow=True)
    # It reads nothing before the reset and a second round are due behind what it cannot take.
    redis.publish_all("c", MESSAGES)
    reference.events_until(is_end)
    lose_the_broker(redis)
    reference.events_until(is_reset)
    redis.publish_all("c", MESSAGES)
    reference.events_until(is_end)

    stream.events_until(is_end)
    stream.events_until(is_end)
    assert without_keepalives(stream) == without_keepalives(reference)


@pytest.mark.parametrize("way", ENDINGS, ids=str)
def test_its_end_comes_whole_behind_the_event_that_a_slow_reader_is_in_the_middle_of(
    redis, nginx, open_way, pool, way
):
    stream = open_way(way, slow=True)  # the first to end, of many
    others = pool.open(nginx, "/other", 20)
    reference = open_way(WAYS[0])
    redis.publish_all("c", [f'{{"data":"{LARGE}"}}', '{"data":"not any more"}'])
    reference.events_until(is_large)
    nginx.signal_quit()
    pool.run_until(lambda: others[0].end == "clean", "the second stream ends")

    blocks = [block for block in stream.read_to_end() if block.comment is None]
    assert [block.data for block in blocks] == [None, LARGE, None]
    assert [block.retry for block in blocks] == [7000, None, 7000]
    assert stream.end == "clean"


def test_trailers_come_at_the_end(redis, nginx, open_way, pool):
    stream = open_way(Way("/trailer", THROUGH))
    with Http2Connection(nginx.port_of("PORT3")) as connection:
        second = connection.open("/trailer")
        pool.open(nginx, "/other", 20)
        redis.publish("c", "x")
        stream.next_event()
        nginx.signal_quit()
        with pytest.raises(WireError, match="trailers"):
            stream.read_to_end()
        assert stream.connection.wire.endswith(b"\r\n0\r\nX-Events: 1\r\n\r\n")
        assert [block.data for block in second.read_to_end() if block.data] == ["x"]
        assert second.end == "clean"
        assert second.trailers == {"x-events": "1"}

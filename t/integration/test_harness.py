"""The harness itself: it must not overlook what the other tests rely on it to see."""

import mmap
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from harness import (
    Bystander,
    ChunkedDecoder,
    Crowd,
    DnsServer,
    EventStreamError,
    EventStreamParser,
    FailingNetwork,
    HeldPort,
    Http2Connection,
    Publisher,
    Redis,
    StreamEnded,
    WaitTimeout,
    WireError,
    http_request,
    make_certificate,
    processes,
    wait_until,
)
from harness.publisher import UNDERWAY
from harness.waiting import Deadline

PLAIN_CONF = """
worker_processes 2;
error_log error.log info;
pid nginx.pid;
events { worker_connections 64; }
http {
    @TEMP_PATHS@
    access_log off;
    server {
        listen 127.0.0.1:@PORT@;
        location / { return 200 "hello $pid\\n"; }
    }
}
"""


STREAM_CONF = """
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 64; }
http {
    @TEMP_PATHS@
    access_log off;
    default_type text/event-stream;
    resolver 127.0.0.1:@DNS_PORT@ valid=1s ipv6=off;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    server {
        listen 127.0.0.1:@PORT@;
        listen 127.0.0.1:@PORT2@ http2;
        listen 127.0.0.1:@PORT3@ ssl;
        location = /events { alias events.txt; }
        location = /chunked { alias events.txt; ssi on; ssi_types text/event-stream; }
        location = /gzip { alias events.txt; gzip on; gzip_types text/event-stream; }
        location = /named { set $host_name server.test; proxy_pass http://$host_name:@PORT@/events; }
    }
}
"""


def pieces(data, size):
    return [data[i : i + size] for i in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_chunks_are_decoded_however_they_arrive(size):
    decoder = ChunkedDecoder()
    wire = b"5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\nnext"
    body = b"".join(decoder.feed(piece) for piece in pieces(wire, size))
    assert body == b"hello0123456789abcdef"
    assert decoder.is_done
    assert decoder.rest[:1] == b"n"[: len(decoder.rest)]


@pytest.mark.parametrize(
    "wire",
    [
        b"5\r\nhelloX\r\n",
        b"5\r\nhello\rX",
        b"5\r\nhello\r\n\r\n",
        b"5 \r\nhello\r\n",
        b"data: x\n\n",
        b"0\r\nTrailer: x\r\n\r\n",
        b"123456789\r\n",
    ],
)
@pytest.mark.parametrize("size", [1, 100])
def test_a_malformed_chunk_is_an_error(wire, size):
    decoder = ChunkedDecoder()
    with pytest.raises(WireError):
        for piece in pieces(wire, size):
            decoder.feed(piece)


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_blocks_are_parsed_however_they_arrive(size):
    parser = EventStreamParser()
    body = b"retry: 5\n\n: keepalive\n\nid: 1\nevent: e\ndata: a\ndata:  b\n\ndata: \n\n"
    blocks = [block for piece in pieces(body, size) for block in parser.feed(piece)]
    assert [block.retry for block in blocks] == [5, None, None, None]
    assert [block.comment for block in blocks] == [None, "keepalive", None, None]
    assert [block.data for block in blocks] == [None, None, "a\n b", ""]
    assert blocks[2].id == "1" and blocks[2].name == "e"
    assert parser.is_at_boundary


@pytest.mark.parametrize(
    "body",
    [
        b"data: a\rb\n\n",
        b"data: a\r\n\r\n\n\n",
        b"data: a\n\n\ndata: b\n\n",
        b"\n\n",
        b"data:a\n\n",
        b"data\n\n",
        b"5\ndata: a\n\n",
        b"data: a\nevent: x\n\n",
        b"event: x\nid: 1\ndata: a\n\n",
        b"event: x\nevent: y\ndata: a\n\n",
        b"retry: 1x\n\n",
        b"id: a\0\ndata: a\n\n",
        b"data: \xff\n\n",
        b"\xef\xbb\xbfdata: a\n\n",
    ],
)
def test_what_the_module_must_never_write_is_an_error(body):
    with pytest.raises(EventStreamError):
        EventStreamParser().feed(body)


def test_a_held_port_is_nobody_elses_but_its_servers():
    held = HeldPort()
    with socket.socket() as other:
        with pytest.raises(OSError):
            other.bind(("127.0.0.1", held.number))
    with socket.create_server(("127.0.0.1", held.number)):
        socket.create_connection(("127.0.0.1", held.number)).close()
    held.release()


@pytest.fixture
def file_server(make_nginx):
    """Stock nginx serves 1,000 events from a file."""
    with DnsServer({}) as dns:
        nginx = make_nginx(STREAM_CONF, DNS_PORT=dns.port)
        nginx.dns = dns
        (nginx.directory / "events.txt").write_text("".join(f"data: {i}\n\n" for i in range(1000)))
        make_certificate(nginx.directory)
        yield nginx.start()


NUMBERS = [str(i) for i in range(1000)]


@pytest.mark.parametrize(
    "path, header",
    [
        ("/events", "Content-Length"),
        ("/chunked", "Transfer-Encoding"),
        ("/gzip", "Content-Encoding"),
    ],
)
def test_a_client_reads_every_event_whatever_the_coding(file_server, open_stream, path, header):
    stream = open_stream(file_server, path, headers=[("Accept-Encoding", "gzip")])
    assert stream.head.get(header)
    assert [event.data for event in stream.take(1000)] == NUMBERS
    assert stream.read_to_end() == [] and stream.end == "clean"
    with pytest.raises(StreamEnded):
        stream.next_event()


def test_a_client_that_waits_in_vain_times_out(file_server, open_stream):
    # A keep-alive connection stays open after the response, and silent.
    stream = open_stream(file_server, "/events")
    stream.read_to_end()
    with pytest.raises(WaitTimeout):
        stream.connection.read_head(timeout=0.05)


def test_http_2_streams_share_a_connection_and_obey_their_windows(file_server):
    with Http2Connection(file_server.port_of("PORT2"), window=100) as connection:
        stalled = connection.open("/events", acknowledges=False)
        for _ in range(3):
            stream = connection.open("/events")
            assert [event.data for event in stream.take(1000)] == NUMBERS
            assert stream.read_to_end() == [] and stream.end == "clean"
        assert len(b"".join(stalled.received)) == 100
        connection.reset(stalled)


def test_an_http_2_stream_may_acknowledge_later_what_came_earlier(file_server):
    with Http2Connection(file_server.port_of("PORT2"), window=100) as connection:
        stream = connection.open("/events", acknowledges=False)
        with pytest.raises(WaitTimeout):
            stream.take(1000, timeout=0.1)
        assert len(stream.body) == 100
        stream.acknowledges = True
        connection.acknowledge(stream)
        stream.read_to_end()
        assert stream.body == b"".join(b"data: %d\n\n" % i for i in range(1000))


def test_a_failing_network_carries_bytes_until_it_fails():
    server = (
        "import socket; listening = socket.create_server(('10.0.0.1', 8000));"
        "print(flush=True); client, _ = listening.accept();"
        "client.sendall(client.recv(9)); client.recv(9)"
    )
    with FailingNetwork() as network:
        command = [*network.server_command, sys.executable, "-c", server]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            with network.make_socket() as client:
                client.settimeout(5)
                client.connect((network.address, 8000))
                client.sendall(b"hello")
                assert client.recv(9) == b"hello"
                network.fail()
                client.sendall(b"lost")
            # Not even the client's end arrives.
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.2)
            process.kill()


def test_a_pool_reads_many_streams_to_their_end(file_server, pool):
    streams = [pool.start(file_server, "/chunked") for _ in range(50)]
    pool.run_until(lambda: all(stream.end for stream in streams), "the ends")
    assert {stream.end for stream in streams} == {"clean"}
    assert all(stream.texts() == NUMBERS for stream in streams)


CROWD_CONF = """
load_module @MODULE@;
error_log error.log info;
pid nginx.pid;
events { worker_connections 64; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    server {
        listen 127.0.0.1:@PORT@;
        location = / { sse_subscribe news; }
        location = /short { sse_subscribe news; sse_max_lifetime 100ms; }
    }
}
"""


def test_a_crowd_tells_when_all_have_a_message_and_when_one_has_ended(redis, start_nginx):
    nginx = start_nginx(CROWD_CONF, BROKER=redis.url)
    with Crowd(nginx.port, "/", 20) as crowd:
        assert not crowd.has_said_something()
        redis.publish_all("news", ["one~", "two~"])
        one, two = crowd.spread_of_next(), crowd.spread_of_next()
        assert one.first <= one.last <= two.last
        assert redis.subscribers("news") == 1
    # It may end before all are open.
    with pytest.raises(AssertionError, match="has ended"), Crowd(nginx.port, "/short", 5) as crowd:
        crowd.spread_of_next()


def test_a_pool_reads_tls(file_server, pool):
    (stream,) = pool.open(file_server, "/chunked", 1, port=file_server.port_of("PORT3"), tls=True)
    pool.run_until(lambda: stream.end, "the end")
    assert stream.end == "clean" and stream.texts() == NUMBERS


def test_goaway_says_which_streams_the_server_has_taken(file_server):
    with Http2Connection(file_server.port_of("PORT2")) as connection:
        assert connection.last_stream_taken is None
        stream = connection.open("/events")
        stream.read_to_end()
        file_server.signal_quit()
        deadline = Deadline(10, "a GOAWAY")
        while connection.last_stream_taken is None:
            connection.pump(deadline)
        assert connection.last_stream_taken == stream.stream_id


def test_a_publisher_knows_what_a_stream_missed(redis):
    begin = time.time()
    with Publisher(redis, "c", interval=0.001) as publisher:
        wait_until(lambda: publisher.taken() > 10, "messages")
        redis.restart()
        back = publisher.taken()
        wait_until(lambda: publisher.taken() > back + 10, "messages again")
    end = time.time() + UNDERWAY
    everything = [str(number) for number in publisher.missed([], begin, end)]
    assert len(everything) == publisher.taken()
    assert publisher.missed(everything, begin, end) == []
    assert publisher.missed(everything[:5] + everything[6:], begin, end) == [int(everything[5])]
    # A gap shows however short the time was; what never came, only when it had time to.
    assert publisher.missed(["3", "5"], begin, begin) == [0, 1, 2, 4]
    assert publisher.missed([], begin, begin) == []
    for wrong in (["1", "0"], ["0", "0"], ["1000000"]):
        with pytest.raises(AssertionError):
            publisher.missed(wrong, begin, end)


def test_the_dns_server_answers_and_a_record_may_change(file_server):
    assert http_request(file_server.port, "GET", "/named").status == 502
    file_server.dns.records["server.test"] = "127.0.0.1"
    wait_until(
        lambda: http_request(file_server.port, "GET", "/named").status == 200, "the new address"
    )
    assert set(file_server.dns.asked) == {"server.test"}


def test_nginx_starts_reloads_and_quits(make_nginx):
    nginx = make_nginx(PLAIN_CONF)
    assert nginx.test_conf()[0]
    nginx.start()
    before = set(nginx.worker_pids())
    assert len(before) == 2
    nginx.reload()
    after = set(nginx.worker_pids())
    assert len(after) == 2 and not before & after
    response = http_request(nginx.port, "GET", "/")
    assert response.status == 200
    assert int(response.text.split()[1]) in after


def test_a_daemon_is_upgraded_and_a_new_master_quits(make_nginx):
    nginx = make_nginx(PLAIN_CONF).start(daemon=True)
    before = set(nginx.worker_pids())
    assert len(before) == 2
    old = nginx.upgrade()
    assert old.poll() is None and nginx.process.poll() is None
    os.kill(old.pid, signal.SIGQUIT)
    old.wait(10)
    assert int(http_request(nginx.port, "GET", "/").text.split()[1]) in nginx.worker_pids()
    new = nginx.process
    nginx.quit()
    assert new.poll() == 0


def test_the_teardown_leaves_no_master_of_an_upgrade(make_nginx):
    nginx = make_nginx(PLAIN_CONF).start(daemon=True)
    old = nginx.upgrade()
    new = nginx.process
    nginx.close()
    assert old.poll() == 0 and new.poll() == 0


def test_a_fault_in_the_error_log_fails_the_teardown(make_nginx):
    nginx = make_nginx(PLAIN_CONF).start()
    with open(nginx.directory / "error.log", "a") as log:
        log.write("2026/01/01 00:00:00 [alert] 1#1: open socket #3 left in connection 4\n")
    with pytest.raises(AssertionError, match="open socket"):
        nginx.close()
    nginx.expect_fault("open socket #3 left")


def test_memory_that_a_process_takes_is_in_both_of_its_sizes():
    sizes = (processes.resident_bytes, processes.proportional_bytes)
    before = [size(os.getpid()) for size in sizes]
    with mmap.mmap(-1, 32 << 20) as taken:  # not of what the heap has to spare
        for page in range(0, len(taken), mmap.PAGESIZE):
            taken[page] = 1
        for size, earlier in zip(sizes, before):
            assert size(os.getpid()) - earlier == pytest.approx(len(taken), rel=0.1)


def test_redis_survives_kill_pause_and_restart_on_its_port(redis: Redis):
    assert redis.publish("c", "x") == 0
    redis.kill()
    with pytest.raises(Exception, match="[Cc]onnect"):
        redis.publish("c", "x")
    redis.start()
    redis.pause()
    redis.resume()
    assert redis.subscribers("c") == 0
    redis.stop()


BYSTANDER_CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 64; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    server {
        listen 127.0.0.1:@PORT@;
        location = /bystander { sse_subscribe bystander; }
        location = /static { alias nginx.conf; }
    }
}
"""


def test_a_bystander_measures_and_notices_what_is_not_its_own(redis, start_nginx, monkeypatch):
    nginx = start_nginx(BYSTANDER_CONF, BROKER=redis.url)
    with Bystander(nginx, redis) as bystander:
        assert len(bystander.before.messages) >= 100
        assert len(bystander.take(50).files) >= 50
        bystander.expect_undisturbed()
        monkeypatch.setattr("harness.bystander.ALLOWED_P99", 0.0)
        with pytest.raises(AssertionError, match="since"):
            bystander.expect_undisturbed()
        redis.publish("bystander", "foreign")
        with pytest.raises(AssertionError, match="foreign"):
            bystander.take(50)

"""Promise 5: a client that is gone without a word is noticed, also when the kernel takes bytes."""

import time

import pytest

from harness import FailingNetwork, Http2Connection, processes, wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    log_format ends '$uri $msec $sse_close_reason';
    access_log access.log ends;
    sse_broker @BROKER@;
    sse_send_timeout @TIMEOUT@s;
    lingering_close off;
    server {
        listen @ADDRESS@:@PORT@;
        listen @ADDRESS@:@PORT2@ http2;
        location = /quiet { sse_subscribe quiet; sse_keepalive 100ms; }
        location = /filtered { sse_subscribe quiet; sse_keepalive 100ms; sse_direct off; }
        location = /http2 { sse_subscribe quiet; sse_keepalive 100ms; }
        location = /busy { sse_subscribe busy; sse_keepalive off; }
        location = /stuck { sse_subscribe busy; sse_keepalive off; sse_buffer_size off; }
        location = /idle { sse_subscribe idle; sse_keepalive off; }
    }
}
"""

PATHS = {"/quiet", "/filtered", "/http2", "/busy", "/stuck"}
SLOW = {"receive_buffer": 4096, "max_segment": 536}


@pytest.fixture
def network():
    with FailingNetwork() as network:
        yield network


@pytest.fixture
def start_there(redis, make_nginx, network):
    """Starts an nginx on the network that fails: start_there(timeout) -> Nginx."""

    def start(timeout):
        nginx = make_nginx(
            CONF, BROKER=redis.unix_url, ADDRESS=network.address, TIMEOUT=timeout
        )
        nginx.network = network
        return nginx.start()

    return start


def test_vanished_clients_are_cut_within_the_send_timeout(
    redis, network, start_there, open_stream
):
    nginx = start_there(timeout=1)
    (worker,) = nginx.worker_pids()
    descriptors = processes.fd_count(worker)
    streams = [
        open_stream(nginx, path, network=network) for path in ("/quiet", "/filtered", "/busy")
    ]
    open_stream(nginx, "/stuck", network=network, **SLOW)
    with Http2Connection(nginx.port_of("PORT2"), network=network) as connection:
        streams.append(connection.open("/http2"))
        redis.publish("busy", "x" * 1_000_000)
        for stream in streams:
            stream.next_block()
        assert nginx.access_log() == []

        network.fail()
        start = time.time()

        def all_are_cut():
            redis.publish("busy", "more")
            return len(nginx.access_log()) == len(PATHS)

        wait_until(all_are_cut, "the vanished clients are cut")
        ends = {}
        for line in nginx.access_log():
            path, moment, reason = line.split()
            ends[path] = (reason, float(moment) - start)
        assert ends.keys() == PATHS
        assert {reason for reason, _ in ends.values()} == {"slow"}
        assert nginx.log_lines('closed by "sse_send_timeout", nothing came from it')
        stuck_for = ends.pop("/stuck")[1]  # its bytes were due before
        assert stuck_for < 2
        assert all(1 <= after < 3 for _, after in ends.values()), ends
        # What is left is the HTTP/2 connection, without a stream: that is nginx's own.
        wait_until(lambda: processes.fd_count(worker) <= descriptors + 1, "sockets are closed")

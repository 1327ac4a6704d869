"""A stream that has ended leaves its connection as it should be for the next request."""

import pytest

from harness import HttpConnection, SseClient, make_certificate

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
    sse_retry 7s;
    sse_max_lifetime 500ms;
    gzip_types text/event-stream;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    server {
        listen 127.0.0.1:@PORT@ sndbuf=16k;
        listen 127.0.0.1:@PORT2@ ssl sndbuf=16k;
        location = /plain { sse_subscribe c; }
        location = /direct-off { sse_subscribe c; sse_direct off; }
        location = /gzip { sse_subscribe c; gzip on; }
        location = /limit_rate { sse_subscribe c; limit_rate 8m; }
        location = /sub_filter {
            sse_subscribe c;
            sub_filter_types text/event-stream;
            sub_filter "{never in a message}" "";
        }
        location = /file { alias file.txt; }
    }
}
"""

PATHS = ["/plain", "/direct-off", "/gzip", "/sub_filter", "/limit_rate"]
CONTENT = b"0123456789" * 30_000


@pytest.fixture
def nginx(redis, make_nginx):
    server = make_nginx(CONF, BROKER=redis.url)
    make_certificate(server.directory)
    (server.directory / "file.txt").write_bytes(CONTENT)
    return server.start()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("port, tls", [("PORT", False), ("PORT2", True)], ids=["plain", "tls"])
def test_streams_and_files_follow_each_other_on_a_connection(redis, nginx, path, port, tls):
    options = {"receive_buffer": 16_384, "max_segment": 1400, "tls": tls}
    with HttpConnection(nginx.port_of(port), **options) as connection:
        for number, name in enumerate([path, "/plain"]):
            headers = [("Accept-Encoding", "gzip")]
            stream = SseClient(None, name, headers=headers, connection=connection).open()
            message = f"{number} " + "x" * 200_000
            redis.publish("c", message)
            assert [block.data for block in stream.read_to_end()] == [None, message, None]
            assert stream.end == "clean" and stream.retries == [7000, 7000]
            for _ in range(2):
                assert connection.request("GET", "/file").body == CONTENT

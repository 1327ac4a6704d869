"""Promise 9: a stream's memory does not grow with the messages and keepalives it receives."""

from harness import Http2Connection, processes

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
    sse_keepalive 1ms;
    server {
        listen 127.0.0.1:@PORT@;
        listen 127.0.0.1:@PORT2@ http2;
        location = /direct { sse_subscribe c; }
        location = /filtered { sse_subscribe c; sse_direct off; }
        location = /gzip { sse_subscribe c; gzip on; gzip_types text/event-stream; }
    }
}
"""

# One send each: a leak of a single buffer with its link would show as more than a megabyte.
MESSAGES = 10_000
ALLOWED_GROWTH = 400_000  # bytes, for all streams together


def test_memory_is_flat_on_every_way_to_the_client(redis, make_nginx, open_stream):
    nginx = make_nginx(CONF, BROKER=redis.url)
    # A sanitizer build keeps freed memory for a while: here only a little of it.
    nginx.add_sanitizer_option("quarantine_size_mb=1:thread_local_quarantine_size_kb=64")
    nginx.start()
    (worker,) = nginx.worker_pids()
    with Http2Connection(nginx.port_of("PORT2")) as connection:
        streams = [
            open_stream(nginx, "/direct"),
            open_stream(nginx, "/direct", version="1.0"),
            open_stream(nginx, "/filtered"),
            open_stream(nginx, "/gzip", headers=[("Accept-Encoding", "gzip")]),
            connection.open("/direct"),
        ]

        def exchange(count):
            for number in range(count):
                redis.publish("c", str(number))
                for stream in streams:
                    assert stream.next_event().data == str(number)

        exchange(MESSAGES // 5)
        before = processes.resident_bytes(worker)
        exchange(MESSAGES)
        assert processes.resident_bytes(worker) - before < ALLOWED_GROWTH
    assert all(stream.comments for stream in streams), "no keepalive came between the messages"

"""The servers under load, and every way from them to a client."""

from pathlib import Path
from typing import NamedTuple

from harness import Nginx, Redis, make_certificate

WORKERS = 2

CONF = f"""
load_module @MODULE@;
worker_processes {WORKERS};
worker_shutdown_timeout 10s;
error_log error.log notice;
pid nginx.pid;
events {{ worker_connections 4096; }}
http {{
    @TEMP_PATHS@
    access_log access.log;
    sse_broker @BROKER@;
    sse_keepalive 500ms;
    sse_retry 100ms jitter=100ms;
    sse_drain 1s;
    sse_send_timeout 5s;
    sse_buffer_total 64m;
    send_timeout 5s;
    gzip_types text/event-stream;
    sub_filter_types text/event-stream;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    server {{
        listen 127.0.0.1:@PORT@ reuseport;
        listen 127.0.0.1:@PORT2@ reuseport http2;
        listen 127.0.0.1:@PORT3@ reuseport ssl;
        listen 127.0.0.1:@PORT4@ reuseport ssl http2;
@LOCATIONS@
    }}
}}
"""

# What clients ask for below a transport's path.
KINDS = {
    "text": "sse_payload text;",
    "json": "sse_payload json;",
    "skip": "sse_payload text; sse_slow_subscriber skip; sse_buffer_size 2m;",
}


class Transport(NamedTuple):
    name: str
    port: str
    path: str
    directives: str = ""
    tls: bool = False
    http2: bool = False
    headers: tuple = ()


TRANSPORTS = (
    Transport("HTTP/1.1", "PORT", "/direct"),
    Transport("filters", "PORT", "/filters", "sse_direct off;"),
    Transport("gzip", "PORT", "/gzip", "gzip on;", headers=(("Accept-Encoding", "gzip"),)),
    Transport("sub_filter", "PORT", "/sub", 'sub_filter "<name>" "somebody";'),
    Transport("TLS", "PORT3", "/direct", tls=True),
    Transport("HTTP/2", "PORT2", "/direct", http2=True),
    Transport("HTTP/2, TLS", "PORT4", "/direct", tls=True, http2=True),
    Transport("compact", "PORT", "/compact", "sse_compact on;"),
    Transport("compact, TLS", "PORT3", "/compact", "sse_compact on;", tls=True),
)


def locations(transports):
    directives = {transport.path: transport.directives for transport in reversed(transports)}
    return "\n".join(
        f"        location = {path}/{kind} {{ sse_subscribe_list $arg_c; {settings} {special} }}"
        for path, special in directives.items()
        for kind, settings in KINDS.items()
    )


class World:
    """A Redis, an nginx, and the transports that its module has."""

    def __init__(self, directory, binary, module, environment):
        self.redis = Redis(directory)
        has_compact = b"sse_compact" in Path(module).read_bytes()
        self.transports = [
            each for each in TRANSPORTS if has_compact or "sse_compact" not in each.directives
        ]
        self.nginx = Nginx(
            directory,
            CONF,
            binary,
            environment,
            {"MODULE": module, "BROKER": self.redis.url, "LOCATIONS": locations(self.transports)},
        )
        self.is_sanitized = "LD_PRELOAD" in environment
        # What is freed goes back to the system at once, so that what is left is in use.
        self.nginx.environment["GLIBC_TUNABLES"] = (
            "glibc.malloc.trim_threshold=0:glibc.malloc.mmap_threshold=65536"
        )
        self.nginx.keep_no_freed_memory()
        make_certificate(directory)

    def __enter__(self):
        self.redis.start()
        self.nginx.start()
        return self

    def __exit__(self, *_):
        try:
            self.nginx.close()
        finally:
            self.redis.close()

"""The servers that are disturbed."""

from harness import Nginx, Redis

WORKERS = 2
BROKER_TIMEOUT = 1.0  # seconds without an answer until the module takes Redis for dead

CONF = f"""
load_module @MODULE@;
worker_processes {WORKERS};
worker_shutdown_timeout 5s;
error_log error.log info;
pid nginx.pid;
events {{ worker_connections 2048; }}
http {{
    @TEMP_PATHS@
    access_log off;
    sse_broker @BROKER@;
    sse_broker_connect_timeout 1s;
    sse_broker_read_timeout {BROKER_TIMEOUT:g}s;
    sse_open_timeout 40s;  # longer than Redis is ever away: no stream opens without a position
    sse_channel_type stream;
    sse_keepalive 1s;
    sse_retry 100ms jitter=200ms;
    sse_drain 1s;
    sse_max_message 64k;
    sse_buffer_size 128k;
    sse_max_replay 1000000;
    server {{
        listen 127.0.0.1:@PORT@ reuseport sndbuf=16k;
@LOCATIONS@
    }}
}}
"""

# How bytes go out, and what a path begins with for that.
WAYS = {"": "", "/compact": "sse_compact on;", "/filters": "sse_direct off;"}

LOCATIONS = "\n".join(
    f"        location = {way}/{start} {{ sse_subscribe_list $arg_c; sse_start {start}; {how} }}"
    for way, how in WAYS.items()
    for start in ("new", "oldest")
)

REDIS_OPTIONS = (
    *("--appendonly", "yes", "--appendfsync", "always"),
    *("--auto-aof-rewrite-percentage", "0", "--repl-diskless-sync-delay", "0"),
)


# What tells a worker of new entries: XREAD's that wait, or Redis' own notifications.
BELLS = {"lanes": "", "notifications": "Ktgx"}


class World:
    """A Redis that keeps everything, and an nginx of two workers."""

    def __init__(self, directory, binary, module, environment, bells):
        redis_directory = directory / "redis"
        redis_directory.mkdir()
        notify = ("--notify-keyspace-events", BELLS[bells])
        self.redis = Redis(redis_directory, *REDIS_OPTIONS, *notify)
        values = {"MODULE": module, "BROKER": self.redis.url, "LOCATIONS": LOCATIONS}
        self.nginx = Nginx(directory, CONF, binary, environment, values)
        self.nginx.expect_fault("exited on signal 9")

    def __enter__(self):
        self.redis.start()
        self.nginx.start()
        return self

    def __exit__(self, *_):
        try:
            self.nginx.close()
        finally:
            self.redis.close()

    def first_id(self, stream):
        """The id of the entry that stands first in a stream; None when there is none."""
        entries = self.redis.client.xrange(stream, count=1)
        return entries[0][0].decode() if entries else None

    def entries(self, stream):
        """All that stands in a stream: (id, fields)."""
        found = self.redis.client.xrange(stream)
        return [(entry_id.decode(), fields) for entry_id, fields in found]

"""What the error log says of a broker's loss and of a slow reader: once, and with names."""

from harness import wait_until

CONF = """
load_module @MODULE@;
worker_processes 2;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    log_format reason '$sse_close_reason';
    access_log access.log reason;
    sse_broker @BROKER@;
    sse_broker_read_timeout 500ms;
    sse_open_timeout 300ms;
    sse_buffer_size 128k;
    sse_max_message 32k;
    server {
        listen 127.0.0.1:@PORT@ sndbuf=16k;
        location = /events { sse_subscribe c; }
        location = /two { sse_subscribe c pattern:news.*; }
    }
}
"""

WORKERS = 2
SECRET = "s3cret"


# How a connection ends that the server cuts: by a reset where it has not read all that was sent.
CUT = ("closed by the server", "read failed: Connection reset by peer")


def lines_of(nginx, redis, level):
    """The lines of a level that name the broker, each reduced to what it says of it."""
    broker = rf'\[{level}\].*sse broker "redis://127\.0\.0\.1:{redis.port}/0"'
    return [line.partition('": ')[2] for line in nginx.log_lines(broker)]


def wait_for_lines(nginx, redis, level, words, count):
    def found():
        lines = [line for line in lines_of(nginx, redis, level) if words in line]
        return lines if len(lines) >= count else None

    return wait_until(found, f"{count} {level} lines with {words!r}")


def test_each_loss_is_one_error_of_each_worker_and_what_follows_is_information(redis, start_nginx):
    nginx = start_nginx(CONF, BROKER=redis.url)
    for losses in range(1, 4):
        # Both connections of both workers are there.
        wait_until(lambda: len(redis.connections("pubsub")) == WORKERS, "the workers subscribe")
        wait_until(lambda: len(redis.connections("normal")) == WORKERS + 1, "command connections")
        wait_for_lines(nginx, redis, "notice", "connected", WORKERS * losses)
        redis.kill()
        # Every worker's two connections have tried again, and were refused.
        wait_for_lines(nginx, redis, "info", "Connection refused", 2 * WORKERS * losses)
        errors = lines_of(nginx, redis, "error")
        assert len(errors) == WORKERS * losses
        assert all(line.endswith(CUT) for line in errors)
        redis.start()


def test_a_wrong_password_after_a_loss_is_an_error_again(make_redis, start_nginx):
    redis = make_redis("--requirepass", SECRET)
    nginx = start_nginx(CONF, BROKER=redis.url.replace("//", f"//:{SECRET}@"))
    wait_for_lines(nginx, redis, "notice", "connected", WORKERS)
    redis.kill()
    wait_for_lines(nginx, redis, "info", "Connection refused", WORKERS)
    redis.arguments = ("--requirepass", "another")
    redis.start()
    wait_for_lines(nginx, redis, "error", "WRONGPASS", WORKERS)
    assert SECRET not in nginx.error_log()
    errors = lines_of(nginx, redis, "error")
    assert len([line for line in errors if "WRONGPASS" in line]) == WORKERS
    assert len([line for line in errors if line.endswith(CUT)]) == WORKERS
    assert len(errors) == 2 * WORKERS


def test_the_end_of_a_slow_reader_names_broker_and_channels(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url)
    reader = open_stream(nginx, "/events")
    open_stream(nginx, "/two", receive_buffer=4096, max_segment=536)
    text = "x" * 1000
    while nginx.access_log() == []:
        redis.publish("c", text)
        assert reader.next_event().data == text
    assert nginx.access_log() == ["slow"]
    (line,) = nginx.wait_for_log(r"\[info\].*slow subscriber closed")
    assert f'sse broker "redis://127.0.0.1:{redis.port}/0"' in line
    assert 'channels "c,pattern:news.*"' in line


def test_a_publisher_cannot_write_lines_of_its_own(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url)
    stream = open_stream(nginx, "/two")
    redis.publish("news.\n2025/01/01 00:00:00 [crit] 1#1: forged", "x" * 40000)
    redis.publish("news.fine", "after")
    stream.events_until(lambda event: event.data == "after")
    (line,) = wait_for_lines(nginx, redis, "warn", "dropped", 1)
    assert "news.?2025/01/01 00:00:00 [crit] 1#1: forged" in line
    assert not any(line.startswith("2025/01/01") for line in nginx.log_lines("forged"))

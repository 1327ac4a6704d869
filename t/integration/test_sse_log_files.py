"""The files of sse_log: buffered, rotated, shared by workers, full; every line once and whole."""

import json
import os
import re
import signal
import stat

import pytest

from harness import Http2Connection, http_request, wait_until

CONF = """
load_module @MODULE@;
worker_processes @WORKERS@;
error_log error.log info;
pid nginx.pid;
events { worker_connections 1024; }
http {
    @TEMP_PATHS@
    log_format end '$sse_close_reason';
    access_log access.log end buffer=64k;
    sse_broker @BROKER@;
    sse_drain 200ms;
    sse_log @LOG@;
    server {
        listen 127.0.0.1:@PORT@ reuseport;
        listen 127.0.0.1:@PORT2@ http2;
        location = /events { sse_subscribe $arg_c; }
        location = /filtered { sse_subscribe $arg_c; sse_direct off; }
        location = /held { sse_subscribe $arg_c; sse_compact off; }
        location = /compact { sse_subscribe $arg_c; sse_compact on; }
        location = /static { return 200 static; }
        location = /other { sse_subscribe $arg_c; sse_log other.log; }
    }
}
"""


@pytest.fixture
def serve(redis, make_nginx):
    def start(log, workers=1):
        return make_nginx(CONF, BROKER=redis.url, LOG=log, WORKERS=workers).start()

    return start


def channels(nginx, name="streams.log"):
    """The channel of each line, in their order; every line must be whole."""
    path = nginx.directory / name
    if not path.exists():
        return []
    content = path.read_bytes()
    assert not content or content.endswith(b"\n")
    lines = [json.loads(line) for line in content.split(b"\n")[:-1]]
    return [line["channels"][0] for line in lines]


def visit(nginx, open_stream, name, path="/events"):
    """A stream that begins and ends; nginx has seen both when this returns."""
    open_stream(nginx, f"{path}?c={name}").close()


def test_without_a_buffer_a_line_is_there_when_its_stream_has_ended(redis, serve, open_stream):
    nginx = serve("streams.log")
    for name in "abc":
        visit(nginx, open_stream, name)
        wait_until(lambda: channels(nginx)[-1:] == [name], "its line")


def test_a_buffer_is_written_when_it_is_full(redis, serve, open_stream):
    nginx = serve("streams.log buffer=2k")
    size = 0
    for count in range(1, 40):
        visit(nginx, open_stream, f"c{count:02}")
        size = (nginx.directory / "streams.log").stat().st_size
        if size:
            break
    assert 5 < count < 20
    assert 1700 < size <= 2048
    names = channels(nginx)
    assert names == [f"c{i:02}" for i in range(1, len(names) + 1)]


def test_a_line_longer_than_the_buffer_comes_after_those_before_it(redis, serve, open_stream):
    nginx = serve("streams.log buffer=400")
    visit(nginx, open_stream, "short")
    visit(nginx, open_stream, "x" * 256)
    wait_until(lambda: channels(nginx) == ["short", "x" * 256], "both lines")


def test_a_buffer_is_written_after_its_flush_time(redis, serve, open_stream):
    nginx = serve("streams.log buffer=64k flush=300ms")
    with open_stream(nginx, "/events?c=b"):
        visit(nginx, open_stream, "a")
        wait_until(lambda: channels(nginx) == ["a"], "the first line")
    wait_until(lambda: channels(nginx) == ["a", "b"], "the timer is set again")


@pytest.mark.parametrize("end", [signal.SIGQUIT, signal.SIGTERM], ids=["quit", "stop"])
@pytest.mark.parametrize("path", ["/held", "/filtered", "/compact"])
def test_a_worker_that_ends_writes_the_lines_of_all_its_streams(
    redis, serve, pool, open_stream, end, path
):
    nginx = serve("streams.log buffer=64k", workers=2)
    pool.open(nginx, f"{path}?c=a", 40)
    with Http2Connection(nginx.port_of("PORT2")) as connection:
        streams = [connection.open(f"{path}?c=b") for _ in range(5)]
        assert channels(nginx) == []
        os.kill(nginx.process.pid, end)
        if end == signal.SIGQUIT:
            pool.run_until(lambda: all(stream.end for stream in pool.streams), "they end")
            for stream in streams:
                stream.read_to_end()
        else:
            nginx.wait_ended()
    if end == signal.SIGQUIT:
        nginx.wait_ended()  # after the connection: it may be used again
    assert sorted(channels(nginx)) == ["a"] * 40 + ["b"] * 5
    # nginx's own buffered log too, which it has written before its modules end.
    assert sorted(nginx.access_log()) == ["-"] * 40 * (path == "/compact") + ["drain"] * (
        5 if path == "/compact" else 45
    )


def test_workers_that_a_reload_replaces_write_theirs_while_new_ones_write(
    redis, serve, pool, open_stream
):
    nginx = serve("streams.log buffer=64k", workers=2)
    old = pool.open(nginx, "/events?c=old", 20)
    nginx.reload()
    visit(nginx, open_stream, "new")
    pool.run_until(lambda: all(stream.end for stream in old), "the drain")
    wait_until(lambda: channels(nginx) == ["old"] * 20, "the old workers' lines")
    nginx.quit()
    assert channels(nginx) == ["old"] * 20 + ["new"]


def test_a_worker_that_is_killed_loses_its_buffer_and_tears_no_line(redis, serve, open_stream):
    nginx = serve("streams.log buffer=64k")
    nginx.expect_fault("exited on signal 9")
    visit(nginx, open_stream, "lost")
    (worker,) = nginx.worker_pids()
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: set(nginx.worker_pids()) - {worker}, "a new worker")
    visit(nginx, open_stream, "kept")
    nginx.quit()
    assert channels(nginx) == ["kept"]


@pytest.mark.parametrize("parameters", ["", " buffer=2k", " buffer=16k flush=50ms"])
def test_rotation_under_load_loses_no_line(redis, serve, pool, parameters):
    nginx = serve(f"streams.log{parameters}", workers=2)
    log = nginx.directory / "streams.log"
    rotations, opened = 5, 0
    for i in range(rotations):
        for _ in range(6):
            streams = pool.open(nginx, f"/events?c=c{i}", 10)
            opened += len(streams)
            pool.close_streams(streams)
            if opened % 60 == 30:  # in the middle of it
                log.rename(f"{log}.{i}")
                os.kill(nginx.process.pid, signal.SIGUSR1)
                wait_until(log.exists, "the new file")
    nginx.quit()
    names = [f"streams.log.{i}" for i in range(rotations)] + ["streams.log"]
    counts = [len(channels(nginx, name)) for name in names]
    assert sum(counts) == opened
    assert counts[-1] and sum(count != 0 for count in counts) > 3


def test_reopen_writes_what_waits_to_the_old_file(redis, serve, open_stream):
    nginx = serve("streams.log buffer=64k")
    log = nginx.directory / "streams.log"
    visit(nginx, open_stream, "before")
    log.rename(f"{log}.1")
    os.kill(nginx.process.pid, signal.SIGUSR1)
    wait_until(lambda: channels(nginx, "streams.log.1") == ["before"], "the old file has it")
    wait_until(log.exists, "the new file")
    visit(nginx, open_stream, "after")
    nginx.quit()
    assert channels(nginx) == ["after"]
    assert channels(nginx, "streams.log.1") == ["before"]


def test_a_full_disk_costs_lines_and_no_stream(redis, serve, open_stream):
    nginx = serve("/dev/full")
    stream = open_stream(nginx, "/events?c=c")
    for _ in range(20):
        visit(nginx, open_stream, "c")
    (line,) = nginx.wait_for_log("/dev/full")[:1]
    assert "[error]" in line and '1 lines of "sse_log" lost' in line
    assert "(28: No space left on device)" in line
    redis.publish("c", "hello")
    assert stream.next_event().data == "hello"
    assert http_request(nginx.port, "GET", "/static").text == "static"

    def more():
        visit(nginx, open_stream, "c")
        return nginx.log_lines("/dev/full")[1:]

    (line,) = wait_until(more, "the next line, a second later")
    assert int(re.search(r"failed, (\d+) lines", line)[1]) >= 20


def test_a_file_is_readable_for_all_and_writable_for_its_owner(redis, serve):
    nginx = serve("streams.log")
    mode = (nginx.directory / "streams.log").stat().st_mode
    access = (nginx.directory / "access.log").stat().st_mode
    assert stat.S_IMODE(mode) == stat.S_IMODE(access)


def test_a_path_that_cannot_be_opened_stops_nginx(redis, make_nginx):
    nginx = make_nginx(CONF, BROKER=redis.url, LOG="missing/streams.log", WORKERS=1)
    passed, output = nginx.test_conf()
    assert not passed and "missing/streams.log" in output and "open() " in output


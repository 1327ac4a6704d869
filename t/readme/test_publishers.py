"""The publishers of docs/durable-channels.md, run as they stand."""

import subprocess

import pytest

from . import markdown

CONF = """
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
        location = / { sse_subscribe events:orders; sse_channel_type stream; }
    }
}
"""

NODE_MODULES = markdown.REPOSITORY / "build" / "bench" / "express" / "node_modules"

PROGRAMS = {
    "python": (markdown.REPOSITORY / "build" / "venv" / "bin" / "python", "publish.py"),
    "js": ("node", "publish.mjs"),
    "php": ("php", "publish.php"),
}


@pytest.mark.parametrize("language", PROGRAMS)
def test_what_it_publishes_arrives(redis, start_nginx, open_stream, tmp_path, language):
    interpreter, name = PROGRAMS[language]
    (block,) = markdown.section("Publishers").blocks(language)
    program = tmp_path / name
    program.write_text(block.text.replace("6379", str(redis.port)))
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)  # Node looks beside the program
    stream = open_stream(start_nginx(CONF, BROKER=redis.url), "/")
    result = subprocess.run(
        [interpreter, program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (result.returncode, result.stdout + result.stderr) == (0, "")
    event = stream.next_event()
    assert event.data.replace(" ", "") == '{"n":1}'
    assert event.id == redis.client.xinfo_stream("events:orders")["last-generated-id"].decode()

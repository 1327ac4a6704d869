"""The README's steps for building by hand, taken as they stand; what they make is loaded and serves."""

import subprocess

import pytest

from . import markdown
from .console import commands

CONF = """
load_module modules/ngx_http_sse_module.so;
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
        location = / { sse_subscribe news; }
    }
}
"""


@pytest.mark.timeout(500)  # it compiles the whole module
def test_the_module_built_by_hand_serves(redis, make_nginx, open_stream, tmp_path):
    nginx = make_nginx(CONF, BROKER=redis.url)
    modules = nginx.directory / "modules"
    modules.mkdir()
    (block,) = markdown.section("Building").blocks("console")
    script = "\n".join(command.line for command in commands(block.text))
    script = script.replace("/tmp/nginx-sse", f"{tmp_path}/objs").replace("/usr/lib/nginx/modules/", f"{modules}/")
    result = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=markdown.REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-5000:]
    assert "warning:" not in result.stdout
    nginx.start()
    stream = open_stream(nginx, "/")
    redis.publish("news", "hello")
    assert stream.next_event().data == "hello"

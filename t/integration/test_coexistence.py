"""The nchan module brings a hiredis of its own into the same process: both must work."""

import subprocess
from pathlib import Path

import pytest

from harness import http_request

CONF = """
@LOAD@
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    access_log off;
    upstream nchan_redis { nchan_redis_server @BROKER@; }
    sse_broker @BROKER@;
    server {
        listen 127.0.0.1:@PORT@;
        location /events/ { sse_subscribe c; }
        location = /nchan/publish {
            nchan_publisher;
            nchan_channel_id n;
            nchan_redis_pass nchan_redis;
        }
        location = /nchan/events {
            nchan_subscriber eventsource;
            nchan_channel_id n;
            nchan_redis_pass nchan_redis;
        }
    }
}
"""


@pytest.fixture(scope="session")
def nchan_path(nginx_binary):
    """Debian's libnginx-mod-nchan."""
    output = subprocess.run([nginx_binary, "-V"], capture_output=True, text=True, check=True).stderr
    folder = output.partition("--modules-path=")[2].split()[0]
    path = Path(folder) / "ngx_nchan_module.so"
    assert path.is_file(), f"{path} is missing: install libnginx-mod-nchan"
    return path


@pytest.mark.parametrize("order", ["nchan first", "nchan last"])
def test_both_modules_work_with_redis_in_one_process(
    redis, start_nginx, open_stream, send_request, module_path, nchan_path, order
):
    modules = [nchan_path, module_path]
    if order == "nchan last":
        modules.reverse()
    nginx = start_nginx(
        CONF, LOAD="".join(f"load_module {path};\n" for path in modules), BROKER=redis.url
    )
    ours = open_stream(nginx, "/events/")
    nginx.wait_for_log("nchan: Redis upstream nchan_redis: ready")
    theirs = send_request(nginx, "/nchan/events")
    assert theirs.read_head().status == 200
    for i in range(20):
        redis.publish("c", str(i))
        assert ours.next_event().data == str(i)
        response = http_request(nginx.port, "POST", "/nchan/publish", body=f"n{i}".encode())
        assert response.status in (201, 202), response
        assert theirs.next_event().data == f"n{i}"
    theirs.close()
    redis.restart()
    assert ours.next_event().name == "reset"
    redis.publish("c", "after")
    assert ours.next_event().data == "after"

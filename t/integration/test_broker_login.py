"""Whom the worker logs in as, and where the password comes from."""

import pytest

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
    sse_open_timeout 30s;
    server {
        listen 127.0.0.1:@PORT@;
        location = /events { sse_subscribe c; }
    }
}
"""

SECRET = "s3cret"


def users(redis):
    """As whom others than the test itself are logged in."""
    own = str(redis.client.client_id())
    return {entry["user"] for entry in redis.client.client_list() if entry["id"] != own}


def expect_message(redis, stream):
    redis.publish("c", "x")
    assert stream.next_event().data == "x"


@pytest.mark.parametrize("credentials", ["alice", "alice:"])
def test_a_user_without_a_password_is_logged_in(redis, start_nginx, open_stream, credentials):
    redis.command("ACL", "SETUSER", "alice", "on", "nopass", "allchannels", "+@all")
    nginx = start_nginx(CONF, BROKER=redis.url.replace("//", f"//{credentials}@"))
    stream = open_stream(nginx, "/events")
    expect_message(redis, stream)
    assert users(redis) == {"alice"}


def test_without_credentials_nobody_is_logged_in(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url)
    expect_message(redis, open_stream(nginx, "/events"))
    assert users(redis) == {"default"}


@pytest.mark.parametrize(
    "content",
    [SECRET, f"{SECRET}\n", f"{SECRET}\r\n", f"{SECRET}\r\nnot the password\r\n"],
    ids=["no line end", "LF", "CRLF", "CRLF and more"],
)
def test_the_password_is_the_first_line_of_its_file(redis, make_nginx, open_stream, content):
    redis.command("ACL", "SETUSER", "alice", "on", f">{SECRET}", "allchannels", "+@all")
    url = redis.url.replace("//", "//alice@")
    nginx = make_nginx(CONF, BROKER=f"{url} password_file=broker.password")
    (nginx.directory / "broker.password").write_bytes(content.encode())
    nginx.start()
    expect_message(redis, open_stream(nginx, "/events"))
    assert users(redis) == {"alice"}

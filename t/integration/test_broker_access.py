"""How a broker is addressed and what it allows: users, databases, sockets, names."""

import pytest

from harness import DnsServer, wait_until

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
    sse_broker_connect_timeout 500ms;
    sse_broker_read_timeout 500ms;
    sse_open_timeout 300ms;
    server {
        listen 127.0.0.1:@PORT@;
        location ~ ^/events/(?<channel>.+)$ { sse_subscribe $channel; }
        location = /list { sse_subscribe_list $arg_channels; }
    }
}
"""

DNS_CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    access_log off;
    resolver 127.0.0.1:@DNS_PORT@ valid=1s ipv6=off;
    resolver_timeout 1s;
    sse_broker redis://broker.test:@REDIS_PORT@;
    sse_broker_connect_timeout 500ms;
    sse_open_timeout 300ms;
    server {
        listen 127.0.0.1:@PORT@;
        location ~ ^/events/(?<channel>.+)$ { sse_subscribe $channel; }
    }
}
"""

TWO_CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    access_log off;
    sse_broker @FIRST@;
    server {
        listen 127.0.0.1:@PORT@;
        location = /first { sse_subscribe c; }
        location = /second { sse_subscribe c; sse_broker @SECOND@; }
    }
}
"""

SECRET = "s3cret"


def delivers(redis, stream, channel="c"):
    """Whether what is published arrives; a reset may come before it."""
    redis.publish(channel, "x")
    return stream.events_until(lambda event: event.name is None)[-1].data == "x"


def expect_reset(stream):
    assert stream.next_event().name == "reset"


def test_a_unix_socket(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.unix_url)
    stream = open_stream(nginx, "/events/c")
    assert delivers(redis, stream)
    redis.restart()
    expect_reset(stream)
    assert delivers(redis, stream)


def test_a_database_number_is_selected(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=f"{redis.url}/3")
    assert delivers(redis, open_stream(nginx, "/events/c"))
    own = str(redis.client.client_id())
    databases = {e["db"] for e in redis.client.client_list() if e["id"] != own}
    assert databases == {"3"}


def test_a_database_that_does_not_exist_is_an_error_in_the_log(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=f"{redis.url}/99")
    open_stream(nginx, "/events/c")
    nginx.wait_for_log(rf"\[error\].*127\.0\.0\.1:{redis.port}/99.*DB index")


def with_credentials(redis, credentials):
    return redis.url.replace("redis://", f"redis://{credentials}@")


def test_a_password_without_a_user(redis, start_nginx, open_stream):
    redis.client.config_set("requirepass", SECRET)
    redis.client.execute_command("AUTH", SECRET)
    nginx = start_nginx(CONF, BROKER=with_credentials(redis, f":{SECRET}"))
    assert delivers(redis, open_stream(nginx, "/events/c"))
    assert nginx.log_lines(r"\[error\]") == []


def test_a_user_with_the_least_privileges_suffices(redis, start_nginx, open_stream):
    redis.command(
        *("ACL", "SETUSER", "app", "on", f">{SECRET}", "resetchannels", "&events:*", "-@all"),
        *("+hello", "+ping", "+select", "+subscribe", "+unsubscribe", "+psubscribe"),
        *("+punsubscribe", "+client|setname"),
    )
    nginx = start_nginx(CONF, BROKER=with_credentials(redis, f"app:{SECRET}"))
    stream = open_stream(nginx, "/events/events:a")
    assert delivers(redis, stream, "events:a")
    # Without +publish its own probe is refused; a living Redis is not lost for that.
    nginx.wait_for_log(r"sse.*(probe|publish)", timeout=20)
    assert delivers(redis, stream, "events:a")
    assert [line for line in nginx.log_lines(r"\[error\]") if "lost" in line] == []


def test_a_password_in_a_file_is_read(redis, make_nginx, open_stream):
    redis.command("ACL", "SETUSER", "app", "on", f">{SECRET}", "allchannels", "+@all")
    url = with_credentials(redis, "app")
    nginx = make_nginx(CONF, BROKER=f"{url} password_file=broker.password")
    (nginx.directory / "broker.password").write_text(f"{SECRET}\n")
    nginx.start()
    assert delivers(redis, open_stream(nginx, "/events/c"))


def test_percent_encoded_credentials_are_decoded(redis, start_nginx, open_stream):
    redis.command("ACL", "SETUSER", "a:b@c", "on", ">p/w:%d", "allchannels", "+@all")
    nginx = start_nginx(CONF, BROKER=with_credentials(redis, "a%3Ab%40c:p%2Fw%3A%25d"))
    assert delivers(redis, open_stream(nginx, "/events/c"))


@pytest.mark.parametrize("user", ["", "app"])
def test_a_wrong_password_is_logged_without_it_and_the_right_one_recovers(
    redis, start_nginx, open_stream, user
):
    def set_password(password):
        if user:
            redis.command(
                "ACL", "SETUSER", user, "on", "resetpass", f">{password}", "+@all", "allchannels"
            )
        else:
            redis.client.config_set("requirepass", password)
            redis.client.execute_command("AUTH", password)

    set_password("another")
    nginx = start_nginx(CONF, BROKER=with_credentials(redis, f"{user}:{SECRET}"))
    stream = open_stream(nginx, "/events/c")
    nginx.wait_for_log(rf"\[error\].*127\.0\.0\.1:{redis.port}.*WRONGPASS")
    set_password(SECRET)
    expect_reset(stream)
    assert delivers(redis, stream)
    assert SECRET not in nginx.error_log()


def test_a_missing_password_is_logged(redis, start_nginx, open_stream):
    redis.client.config_set("requirepass", SECRET)
    redis.client.execute_command("AUTH", SECRET)
    nginx = start_nginx(CONF, BROKER=redis.url)
    open_stream(nginx, "/events/c")
    nginx.wait_for_log(rf"\[error\].*127\.0\.0\.1:{redis.port}.*NOAUTH")


def test_a_forbidden_channel_does_not_harm_the_allowed_ones(redis, start_nginx, open_stream):
    redis.command("ACL", "SETUSER", "app", "on", f">{SECRET}", "+@all", "resetchannels", "&ok*")
    nginx = start_nginx(CONF, BROKER=with_credentials(redis, f"app:{SECRET}"))
    forbidden = open_stream(nginx, "/events/forbidden")
    mixed = open_stream(nginx, "/list?channels=ok1,forbidden")
    allowed = open_stream(nginx, "/events/ok1")
    line, *_ = nginx.wait_for_log(r'\[error\].*"forbidden"')
    assert "NOPERM" in line and f"127.0.0.1:{redis.port}" in line
    for i in range(3):
        redis.publish("forbidden", "hidden")
        redis.publish("ok1", str(i))
        assert allowed.next_event().data == str(i)
        assert mixed.events_until(lambda event: event.data == str(i))
    # It is tried again: once allowed, its subscribers are told and get messages.
    redis.command("ACL", "SETUSER", "app", "&forbidden")
    event = forbidden.next_event(timeout=40)
    assert event.name == "reset" and '"channel":"forbidden"' in event.data
    redis.publish("forbidden", "now")
    assert forbidden.next_event().data == "now"
    assert mixed.events_until(lambda event: event.data == "now", timeout=40)
    redis.publish("ok1", "end")
    assert allowed.next_event().data == "end"


def test_a_host_name_is_resolved_while_nginx_runs(redis, start_nginx, open_stream):
    with DnsServer({"broker.test": "127.0.0.1"}) as dns:
        nginx = start_nginx(DNS_CONF, DNS_PORT=dns.port, REDIS_PORT=redis.port)
        assert delivers(redis, open_stream(nginx, "/events/c"))
        assert "broker.test" in dns.asked


def test_a_name_that_appears_later_or_moves_is_followed(redis, start_nginx, open_stream):
    with DnsServer({}) as dns:
        nginx = start_nginx(DNS_CONF, DNS_PORT=dns.port, REDIS_PORT=redis.port)
        stream = open_stream(nginx, "/events/c")
        nginx.wait_for_log(r"\[error\].*broker\.test")
        dns.records["broker.test"] = "127.0.0.2"  # nobody listens there
        wait_until(lambda: len(dns.asked) >= 2, "the name is asked again")
        dns.records["broker.test"] = "127.0.0.1"
        event = stream.next_event(timeout=20)
        assert event.name == "reset"
        assert delivers(redis, stream)


def test_a_name_is_resolved_at_configuration_time_without_a_resolver(
    redis, start_nginx, open_stream
):
    nginx = start_nginx(CONF, BROKER=f"redis://localhost:{redis.port}")
    assert delivers(redis, open_stream(nginx, "/events/c"))


def test_two_brokers_do_not_mix(make_redis, start_nginx, open_stream):
    redis, other = make_redis(), make_redis()
    nginx = start_nginx(TWO_CONF, FIRST=redis.url, SECOND=other.url)
    first, second = open_stream(nginx, "/first"), open_stream(nginx, "/second")
    redis.publish("c", "1")
    other.publish("c", "2")
    assert first.next_event().data == "1"
    assert second.next_event().data == "2"
    other.kill()
    redis.publish("c", "3")
    assert first.next_event().data == "3"


def test_the_connections_are_named(redis, start_nginx, open_stream):
    nginx = start_nginx(CONF, BROKER=redis.url)
    open_stream(nginx, "/events/c")
    (worker,) = nginx.worker_pids()
    own = str(redis.client.client_id())
    names = {e["name"] for e in redis.client.client_list() if e["id"] != own}
    assert names and all("sse" in name for name in names), names

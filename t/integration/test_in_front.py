"""What nginx does before a stream: access control, redirects, and who the client is."""

import base64
import hashlib

import pytest

from harness import Http2Connection, http_request, make_certificate, wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    log_format client '$remote_addr $realip_remote_addr $status $uri $sse_close_reason';
    access_log access.log client;
    sse_broker @BROKER@;
    sse_payload json;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    limit_conn_zone $binary_remote_addr zone=streams:1m;
    server {
        listen 127.0.0.1:@PORT@;
        listen 127.0.0.1:@PORT2@ http2;

        location = /asked {
            auth_request /ask;
            auth_request_set $user $upstream_http_x_user;
            sse_subscribe user.$user;
        }
        location = /asked-else {
            auth_request /ask;
            error_page 401 = @else;
            error_page 403 =200 /else;
            sse_subscribe c;
        }
        location = /ask {
            internal;
            proxy_pass http://127.0.0.1:@PORT8@/ask;
            proxy_set_header X-User $cookie_user;
        }
        location @else { sse_subscribe d; }
        location = /else { sse_subscribe d; }

        location = /password { auth_basic realm; auth_basic_user_file users; sse_subscribe c; }
        location = /link {
            secure_link $arg_md5;
            secure_link_md5 "$uri key";
            if ($secure_link = "") { return 403; }
            sse_subscribe c;
        }
        location = /limited { limit_conn streams 1; sse_subscribe c; }
        location = /bad { error_page 400 405 = @else; sse_subscribe $arg_channel; }

        location = /backend { proxy_pass http://127.0.0.1:@PORT8@; }
        location = /stream { internal; sse_subscribe $upstream_http_x_channel; }
        location = /missing { error_page 404 = @else; root nowhere; }

        location = /forwarded {
            set_real_ip_from 127.0.0.1;
            real_ip_header X-Forwarded-For;
            sse_subscribe c;
        }
    }
    server {
        listen 127.0.0.1:@PORT3@ proxy_protocol;
        listen 127.0.0.1:@PORT4@ proxy_protocol ssl;
        listen 127.0.0.1:@PORT5@ proxy_protocol ssl http2;
        set_real_ip_from 127.0.0.1;
        real_ip_header proxy_protocol;
        location = /proxied { sse_subscribe c; }
    }
    server {
        listen 127.0.0.1:@PORT8@;
        access_log off;
        location = /ask {
            add_header X-User $http_x_user always;
            if ($http_x_user = "") { return 401; }
            if ($http_x_user = "mallory") { return 403; }
            return 204;
        }
        location = /backend {
            default_type text/html;
            charset iso-8859-1;
            add_header Set-Cookie session=1;
            add_header X-Channel e;
            add_header X-Accel-Redirect /stream;
            return 200 "not this";
        }
    }
}
"""

PROXY_1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n"
PROXY_2 = (
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"  # version 2, PROXY, TCP over IPv4, 12 bytes
    + bytes([192, 0, 2, 1, 192, 0, 2, 2, 4, 210, 0, 80])
)


@pytest.fixture
def nginx(redis, make_nginx):
    server = make_nginx(CONF, BROKER=redis.url)
    make_certificate(server.directory)
    (server.directory / "users").write_text("user:{PLAIN}password\n")
    return server.start()


def expect_message(redis, stream, channel):
    redis.publish(channel, '{"data":"x"}')
    assert stream.next_event().data == "x"


def expect_log(nginx, line):
    wait_until(lambda: line in nginx.access_log(), f"the access log has {line!r}")


def cookie(user):
    return [("Cookie", f"user={user}")]


@pytest.mark.parametrize("user, status", [("", 401), ("mallory", 403)])
def test_auth_request_may_refuse_a_stream(redis, nginx, user, status):
    response = http_request(nginx.port, "GET", "/asked", headers=cookie(user))
    assert response.status == status
    assert redis.client.pubsub_channels("user.*") == []


def test_auth_request_may_choose_the_channel(redis, nginx, open_stream):
    alice, bob = (open_stream(nginx, "/asked", headers=cookie(name)) for name in ("alice", "bob"))
    redis.publish("user.alice", '{"data":"for alice"}')
    redis.publish("user.bob", '{"data":"for bob"}')
    assert alice.next_event().data == "for alice"
    assert bob.next_event().data == "for bob"


@pytest.mark.parametrize("user", ["", "mallory"])
def test_an_error_page_may_be_another_stream(redis, nginx, open_stream, user):
    stream = open_stream(nginx, "/asked-else", headers=cookie(user))
    assert redis.client.pubsub_channels("[cd]") == [b"d"]
    expect_message(redis, stream, "d")


def test_the_error_page_of_a_missing_file_may_be_a_stream(redis, nginx, open_stream):
    expect_message(redis, open_stream(nginx, "/missing"), "d")


def test_error_page_takes_over_a_wrong_method_but_not_the_reason_of_a_bad_channel(nginx):
    assert http_request(nginx.port, "POST", "/bad").status == 405  # of the second stream
    response = http_request(nginx.port, "GET", "/bad?channel=")
    assert response.status == 400
    assert "empty" in response.text


def test_a_password_may_be_asked_for(redis, nginx, open_stream):
    assert http_request(nginx.port, "GET", "/password").status == 401
    credentials = "Basic " + base64.b64encode(b"user:password").decode()
    stream = open_stream(nginx, "/password", headers=[("Authorization", credentials)])
    expect_message(redis, stream, "c")


def test_a_link_may_be_signed(redis, nginx, open_stream):
    assert http_request(nginx.port, "GET", "/link?md5=AAAAAAAAAAAAAAAAAAAAAA").status == 403
    digest = hashlib.md5(b"/link key").digest()
    signature = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    expect_message(redis, open_stream(nginx, f"/link?md5={signature}"), "c")


def test_limit_conn_counts_a_stream_as_long_as_it_lives(redis, nginx, open_stream):
    for _ in range(3):
        stream = open_stream(nginx, "/limited")
        assert http_request(nginx.port, "GET", "/limited").status == 503
        expect_message(redis, stream, "c")
        before = nginx.access_log().count("127.0.0.1 127.0.0.1 200 /limited client")
        stream.close()
        wait_until(
            lambda count=before + 1: (
                nginx.access_log().count("127.0.0.1 127.0.0.1 200 /limited client") == count
            ),
            "the stream has ended",
        )


def test_a_backend_may_redirect_to_an_internal_stream_and_choose_its_channel(
    redis, nginx, open_stream
):
    assert http_request(nginx.port, "GET", "/stream").status == 404
    stream = open_stream(nginx, "/backend")  # whose Content-Type has no charset of the backend's
    assert stream.head.get("Set-Cookie") == "session=1"
    assert stream.head.all("Content-Length") == []
    expect_message(redis, stream, "e")
    stream.close()
    expect_log(nginx, "127.0.0.1 127.0.0.1 200 /stream client")


def test_the_log_at_a_streams_end_has_the_address_that_a_proxy_forwarded(
    redis, nginx, open_stream
):
    for address in ("192.0.2.7", "2001:db8::7"):
        stream = open_stream(nginx, "/forwarded", headers=[("X-Forwarded-For", address)])
        expect_message(redis, stream, "c")
        stream.close()
        expect_log(nginx, f"{address} 127.0.0.1 200 /forwarded client")


@pytest.mark.parametrize("preface", [PROXY_1, PROXY_2], ids=["v1", "v2"])
@pytest.mark.parametrize("port, tls", [("PORT3", False), ("PORT4", True)], ids=["plain", "tls"])
def test_the_log_has_the_address_of_the_proxy_protocol(
    redis, nginx, open_stream, preface, port, tls
):
    port = nginx.port_of(port)
    stream = open_stream(nginx, "/proxied", port=port, tls=tls, preface=preface)
    expect_message(redis, stream, "c")
    stream.close()
    expect_log(nginx, "192.0.2.1 127.0.0.1 200 /proxied client")


def test_the_log_has_the_address_of_the_proxy_protocol_on_http_2_as_well(redis, nginx):
    port = nginx.port_of("PORT5")
    with Http2Connection(port, tls=True, preface=PROXY_2) as connection:
        stream = connection.open("/proxied")
        expect_message(redis, stream, "c")
    expect_log(nginx, "192.0.2.1 127.0.0.1 200 /proxied client")

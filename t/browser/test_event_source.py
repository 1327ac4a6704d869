"""What a page's own EventSource makes of the streams."""

import json

import pytest

from harness import wait_until

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    access_log off;
    client_header_timeout 1s;  # Chromium opens connections in advance, and nginx waits for them when it quits
    sse_broker @BROKER@;
    sse_retry 100ms jitter=100ms;
    sse_drain 1s;
    server {
        listen 127.0.0.1:@PORT@;
        location = /favicon.ico { return 204; }
        location = / { default_type text/html; return 200 "<!doctype html><title>test</title>"; }
        location ~ ^/text/(?<channel>.+)$ { sse_subscribe $channel; }
        location = /json { sse_subscribe news; sse_payload json; }
        location = /event { sse_subscribe news; sse_payload event; }
        location = /named { sse_subscribe news pattern:sport.*; sse_default_event channel; }
        location = /greeted { sse_subscribe news; sse_greeting "you are $remote_addr"; }
        location = /keepalive { sse_subscribe news; sse_keepalive 100ms; }
    }
    server {
        listen 127.0.0.1:@PORT2@;
        location = /closed { sse_subscribe news; }
        location = /cors {
            sse_subscribe news;
            add_header Access-Control-Allow-Origin http://127.0.0.1:@PORT@;
        }
    }
}
"""

LISTEN = """
    const [url, names] = arguments;
    window.seen = [];
    window.opens = 0;
    window.source?.close();
    window.source = new EventSource(url);
    source.addEventListener("open", () => window.opens++);
    for (const name of names) {
        source.addEventListener(name, (event) => seen.push([event.type, event.data, event.lastEventId]));
    }
"""


@pytest.fixture
def nginx(redis, start_nginx):
    return start_nginx(CONF, BROKER=redis.url)


class Page:
    """A page with one EventSource that keeps what its listeners got."""

    def __init__(self, browser):
        self.browser = browser

    def listen(self, url, names=("message",), timeout=10):
        self.browser.run(LISTEN, url, list(names))
        self.browser.wait("opens > 0", f"{url} is open", timeout=timeout)

    def seen(self, count, **options):
        """Waits for so many events; returns (name, data, last event id) of all."""
        self.browser.wait(f"seen.length >= {count}", f"{count} events at the listeners", **options)
        return [tuple(event) for event in self.browser.run("return seen")]

    def ready_state(self):
        return self.browser.run("return ['connecting', 'open', 'closed'][source.readyState]")


@pytest.fixture
def page(browser, nginx):
    browser.open(nginx)
    return Page(browser)


def test_a_message_published_after_open_always_arrives(redis, page):
    for i in range(50):
        page.listen(f"/text/channel-{i}")
        assert redis.publish(f"channel-{i}", str(i)) == 1
        assert page.seen(1) == [("message", str(i), "")]


@pytest.mark.parametrize(
    "payload, data",
    [
        (b"hello", "hello"),
        (b"", ""),
        (b" leading blank", " leading blank"),
        (b"one\ntwo", "one\ntwo"),
        (b"one\r\ntwo\rthree\n", "one\ntwo\nthree\n"),
        (b"\n\n", "\n\n"),
        (b"x\rdata: injected\rid: 1\r\revent: e", "x\ndata: injected\nid: 1\n\nevent: e"),
        ("Grüße, 世界 🎉".encode(), "Grüße, 世界 🎉"),
        (b"\xef\xbb\xbfbom", "\ufeffbom"),
        (b"bad \xff\xfe byte", "bad \ufffd\ufffd byte"),
        (b"nul \0 byte", "nul \0 byte"),
        (b"0123456789abcdef" * 65_536, "0123456789abcdef" * 65_536),
    ],
    ids=[
        *("text", "empty", "leading blank", "two lines", "every line end", "line ends only"),
        *("raw CR", "UTF-8", "BOM", "invalid UTF-8", "NUL", "1 MiB"),
    ],
)
def test_the_listener_gets_the_payload(redis, page, payload, data):
    page.listen("/text/news")
    redis.publish_all("news", [payload, "end"])
    assert page.seen(2) == [("message", data, ""), ("message", "end", "")]


def test_named_events_reach_the_listeners_of_their_name_only(redis, page):
    page.listen("/json", ["message", "deploy", "alert"])
    messages = [
        {"event": "deploy", "id": "41", "data": {"version": "1.4"}},
        {"event": "nobody listens", "data": "x"},
        {"event": "alert", "data": "two\nlines"},
        {"data": "no name", "id": "42"},
    ]
    redis.publish_all("news", [json.dumps(message) for message in messages])
    assert page.seen(3) == [
        ("deploy", '{"version":"1.4"}', "41"),
        ("alert", "two\nlines", "41"),
        ("message", "no name", "42"),
    ]


def test_ready_made_events_reach_their_listeners(redis, page):
    page.listen("/event", ["message", "price"])
    redis.publish("news", "event: price\nid: 7\ndata: 42.5\n\ndata: unnamed")
    assert page.seen(2) == [("price", "42.5", "7"), ("message", "unnamed", "7")]


def test_events_are_named_after_channel_and_pattern_subscription(redis, page):
    page.listen("/named", ["message", "news", "sport.tennis"])
    redis.publish_all("news", ["a"])
    redis.publish_all("sport.tennis", ["b"])
    assert page.seen(2) == [("news", "a", ""), ("sport.tennis", "b", "")]


def test_the_greeting_is_the_first_event(page):
    page.listen("/greeted")
    assert page.seen(1) == [("message", "you are 127.0.0.1", "")]


def test_keepalives_are_invisible_to_the_page(redis, page):
    page.listen("/keepalive")
    # A stream beside it shows when keepalives have gone out; its first came after EventSource's.
    page.browser.run(
        """
        window.beside = "";
        fetch("/keepalive").then((answer) => answer.body.pipeThrough(new TextDecoderStream())
            .pipeTo(new WritableStream({ write(text) { beside += text; } })));
        """
    )
    page.browser.wait("beside.split(': keepalive').length > 3", "three keepalives have arrived")
    redis.publish("news", "hello")
    assert page.seen(1) == [("message", "hello", "")]
    assert page.browser.run("return opens") == 1


def test_a_reload_is_a_reconnect_after_which_messages_arrive(redis, nginx, page):
    page.listen("/text/news")
    nginx.reload()
    # The old worker still answers on connections that it has: with an empty stream that sends EventSource away.
    wait_until(lambda: nginx.all_worker_pids() == nginx.worker_pids(), "the old worker is gone")
    page.browser.wait("opens > 1 && source.readyState == EventSource.OPEN", "EventSource has reconnected")
    redis.publish("news", "after the reload")
    assert page.seen(1) == [("message", "after the reload", "")]


def test_eventsource_reconnects_while_nginx_is_down_until_it_is_up(redis, nginx, page):
    page.listen("/text/news")
    nginx.quit()
    page.browser.wait("source.readyState == EventSource.CONNECTING", "EventSource reconnects")
    page.browser.run("opens = 0")
    nginx.start()
    page.browser.wait("opens > 0", "EventSource has reconnected", timeout=20)
    redis.publish("news", "back")
    assert page.seen(1) == [("message", "back", "")]


def test_a_redis_restart_is_a_reset_event_on_the_same_connection(redis, page):
    page.listen("/text/news", ["message", "reset"])
    redis.restart()
    page.seen(1, timeout=20)
    redis.publish("news", "after")
    assert page.seen(2) == [
        ("reset", '{"reason":"broker-away","channel":"news"}', ""),
        ("message", "after", ""),
    ]
    assert page.browser.run("return opens") == 1


def test_another_origin_is_let_in_by_the_cors_header(redis, nginx, page):
    other = f"http://127.0.0.1:{nginx.port_of('PORT2')}"
    page.listen(f"{other}/cors")
    redis.publish("news", "hello")
    assert page.seen(1) == [("message", "hello", "")]


def test_another_origin_is_kept_out_without_the_cors_header(nginx, page):
    page.browser.run(LISTEN, f"http://127.0.0.1:{nginx.port_of('PORT2')}/closed", ["message"])
    page.browser.wait("source.readyState == EventSource.CLOSED", "EventSource gave up")
    assert page.browser.run("return opens") == 0

"""What a page's own EventSource makes of durable channels."""

import os
import re
import signal
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "durable-channels.md"

CONF = """
load_module @MODULE@;
worker_processes 2;
error_log error.log info;
pid nginx.pid;
events { worker_connections 64; }
http {
    @TEMP_PATHS@
    access_log off;
    client_header_timeout 1s;  # Chromium opens connections in advance, for which a quit waits
    sse_broker @BROKER@;
    sse_retry 100ms jitter=100ms;
    sse_drain 100ms;
    server {
        listen 127.0.0.1:@PORT@;
        location = / { default_type text/html; return 200 "<!doctype html><title>test</title>"; }
        location = /orders.json { return 200 '[{"n":"state"}]'; }
        location = /orders { sse_subscribe orders; sse_channel_type stream; }
        location = /shop {
            sse_subscribe orders prices;
            sse_channel_type stream;
            sse_default_event channel;
        }
    }
}
"""

LISTEN = """
    window.seen = [];
    window.opens = 0;
    window.source = new EventSource(arguments[0]);
    source.addEventListener("open", () => window.opens++);
    for (const name of ["message", "orders", "prices", "reset"]) {
        source.addEventListener(name, (e) => seen.push([e.type, e.data, e.lastEventId]));
    }
"""


@pytest.fixture
def nginx(redis, start_nginx, browser):
    started = start_nginx(CONF, BROKER=redis.url)
    browser.open(started)
    return started


def listen(browser, url):
    browser.run(LISTEN, url)
    browser.wait("opens > 0", f"{url} is open")


def seen(browser, count):
    browser.wait(f"seen.length >= {count}", f"{count} events at the listeners", timeout=20)
    return [tuple(event) for event in browser.run("return seen")]


def add(redis, channel, data):
    return redis.command("XADD", channel, "*", "data", data).decode()


def kill_workers(nginx):
    """Cuts every stream in the middle of whatever it is doing."""
    nginx.expect_fault("exited on signal 9")
    for pid in nginx.worker_pids():
        os.kill(pid, signal.SIGKILL)


def cut_while(nginx, browser, publish):
    """Publishes while the page is cut off; returns what publish() returns when the page is back."""
    nginx.quit()
    browser.wait("source.readyState == EventSource.CONNECTING", "EventSource reconnects")
    published = publish()
    nginx.start()
    return published


def test_a_page_whose_connection_was_cut_goes_on_right_after_what_it_had(redis, nginx, browser):
    listen(browser, "/orders")
    ids = [add(redis, "orders", "1")]
    seen(browser, 1)
    ids += cut_while(nginx, browser, lambda: [add(redis, "orders", "2"), add(redis, "orders", "3")])
    seen(browser, 3)
    kill_workers(nginx)
    browser.wait("opens > 2", "EventSource has reconnected", timeout=20)
    ids.append(add(redis, "orders", "4"))
    assert seen(browser, 4) == [("message", str(n), entry) for n, entry in enumerate(ids, 1)]


def test_a_page_that_has_seen_no_event_misses_none(redis, nginx, browser):
    add(redis, "orders", "before it came")
    listen(browser, "/orders")
    entry = cut_while(nginx, browser, lambda: add(redis, "orders", "while it was away"))
    assert seen(browser, 1) == [("message", "while it was away", entry)]


def test_a_page_with_two_channels_goes_on_in_both(redis, nginx, browser):
    listen(browser, "/shop")
    add(redis, "orders", "1")
    add(redis, "prices", "2")
    before = seen(browser, 2)
    cut_while(nginx, browser, lambda: [add(redis, "prices", "3"), add(redis, "orders", "4")])
    events = seen(browser, 4)
    assert events[:2] == before
    assert sorted((name, data) for name, data, _ in events) == [
        ("orders", "1"), ("orders", "4"), ("prices", "2"), ("prices", "3"),
    ]  # fmt: skip


def test_the_page_of_the_document_loads_the_state_after_a_reset(redis, nginx, browser):
    (script,) = re.findall(r"^```js\n(const source .*?)^```$", DOCUMENT.read_text(), re.M | re.S)
    browser.run(
        "window.said = []; window.show = (order) => said.push(order.n);"
        "window.replaceAll = (orders) => said.push(orders.map((order) => order.n).join());"
        f"{script}; window.source = source;"
    )
    browser.wait("source.readyState == EventSource.OPEN", "the page's EventSource is open")
    add(redis, "orders", '{"n":1}')
    browser.wait("said.length == 1", "the page shows the first order")

    def lose_the_past():
        for n in (2, 3, 4):
            add(redis, "orders", f'{{"n":{n}}}')
        redis.command("XTRIM", "orders", "MAXLEN", "1")

    cut_while(nginx, browser, lose_the_past)
    add(redis, "orders", '{"n":5}')
    browser.wait("said.length == 4", "the page shows all that is left", timeout=20)
    assert browser.run("return said") == [1, "state", 4, 5]

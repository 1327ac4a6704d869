"""The README's recipe for pages of another origin, with an allowed page and another page."""

import re
from pathlib import Path

import pytest

from harness import wait_until

README = Path(__file__).resolve().parents[2] / "README.md"

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    @TEMP_PATHS@
    log_format requests '$request_method $uri origin=$http_origin cookie=$http_cookie '
                        'id=$http_last_event_id $status';
    access_log access.log requests;
    client_header_timeout 1s;  # Chromium opens connections in advance: nginx waits for them
    sse_broker @BROKER@;
    sse_retry 100ms;
    sse_payload json;
    sse_drain 1s;
    @RECIPE@
    server {
        listen 127.0.0.1:@PORT2@;
        listen 127.0.0.1:@PORT3@;
        default_type text/html;
        location = / { return 200 "<!doctype html><title>page</title>"; }
        location = /favicon.ico { return 204; }
    }
}
"""

ASK = """
    const [url, options] = arguments;
    window.seen = [];
    window.opens = 0;
    window.source?.close();
    window.source = new EventSource(url, options);
    source.onopen = () => opens++;
    source.onmessage = (event) => seen.push(event.data);
"""

READ_BY_FETCH = """
    const [url, done] = arguments;
    fetch(url, { headers: { "Last-Event-ID": "41" }, credentials: "include" })
        .then((answer) => answer.body.getReader().read())
        .then(() => done("read"), (error) => done(error.name));
"""


@pytest.fixture
def nginx(redis, make_nginx):
    """The README's block with the allowed page's origin for one of its names."""
    (recipe,) = re.findall(
        r"^```nginx\n(map \$http_origin .*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL
    )
    recipe = recipe.replace("listen 8080", "listen 127.0.0.1:@PORT@")
    recipe = recipe.replace("https://app.example.com", "http://127.0.0.1:@PORT2@")
    return make_nginx(CONF.replace("@RECIPE@", recipe), BROKER=redis.url).start()


@pytest.fixture
def events(nginx):
    return f"http://127.0.0.1:{nginx.port}/events/news"


@pytest.fixture
def open_page(nginx, browser):
    def open_at(placeholder):
        browser.driver.get(f"http://127.0.0.1:{nginx.port_of(placeholder)}/")
        browser.run("document.cookie = 'session=valid'")

    yield open_at
    browser.driver.delete_all_cookies()


def requests_for_events(nginx):
    return [line for line in nginx.access_log() if " /events/" in line]


@pytest.mark.parametrize(
    "credentials, cookie", [(False, "-"), (True, "session=valid")], ids=["plain", "with cookies"]
)
def test_the_allowed_page_gets_events_and_sends_cookies_when_asked_to(
    redis, nginx, browser, events, open_page, credentials, cookie
):
    open_page("PORT2")
    browser.run(ASK, events, {"withCredentials": credentials})
    browser.wait("source.readyState == EventSource.OPEN", "the stream is open")
    redis.publish("news", '{"data":"hello","id":"41"}')
    browser.wait("seen.length == 1", "the event has arrived")
    nginx.reload()  # the stream ends, and EventSource comes back with its id
    browser.wait("opens > 1", "EventSource has reconnected")
    browser.run("source.close()")
    wait_until(
        lambda: any("id=41 200" in line for line in requests_for_events(nginx)),
        "the stream with an id ended",
    )
    origin = f"http://127.0.0.1:{nginx.port_of('PORT2')}"
    for line in requests_for_events(nginx):
        assert line.startswith(f"GET /events/news origin={origin} cookie={cookie} ")


def test_another_page_gets_an_error_for_ever_and_no_event(redis, browser, events, open_page):
    for credentials in (False, True):
        open_page("PORT3")
        browser.run(ASK, events, {"withCredentials": credentials})
        browser.wait("source.readyState == EventSource.CLOSED", "EventSource gave up")
        redis.publish("news", "hello")
        assert browser.run("return seen") == []


def test_a_page_that_reads_by_fetch_may_send_the_headers_listed(nginx, browser, events, open_page):
    open_page("PORT2")
    assert browser.driver.execute_async_script(READ_BY_FETCH, events) == "read"
    assert any(
        line.startswith("OPTIONS") and line.endswith(" 204") for line in requests_for_events(nginx)
    )
    open_page("PORT3")
    assert browser.driver.execute_async_script(READ_BY_FETCH, events) == "TypeError"

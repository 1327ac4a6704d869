"""The README's JavaScript, in a page."""

import re
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"

CONF = """
load_module @MODULE@;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
events { worker_connections 64; }
http {
    @TEMP_PATHS@
    access_log off;
    client_header_timeout 1s;  # Chromium opens connections in advance, and nginx waits for them when it quits
    sse_broker @BROKER@;
    server {
        listen 127.0.0.1:@PORT@;
        location = / { default_type text/html; return 200 "<!doctype html><title>test</title>"; }
        location ~ ^/events/(?<channel>[\\w.-]+)$ { sse_subscribe $channel; }
    }
}
"""


def test_the_page_of_the_readme_logs_messages_and_resets(redis, start_nginx, browser):
    (script,) = re.findall(r"^```js\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    browser.open(start_nginx(CONF, BROKER=redis.url))
    browser.run("window.said = []; console.log = (text) => said.push(text);")
    browser.run(f"{script}; window.source = source;")
    browser.wait("source.readyState == EventSource.OPEN", "the page's EventSource is open")
    redis.publish("news", "hello")
    browser.wait("said.length == 1", "the message is logged")
    redis.restart()
    browser.wait("said.length == 2", "the reset is logged", timeout=20)
    assert browser.run("return said") == ["hello", "messages may be missing: load the current state"]

"""The README's tables of payloads, published in a real Redis."""

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
    sse_retry off;
    server {
        listen 127.0.0.1:@PORT@;
        location = / { sse_subscribe news; sse_payload @FORM@; }
    }
}
"""

FORMS = ("text", "json", "event")


@pytest.mark.parametrize("form", FORMS)
def test_every_payload_becomes_the_event_beside_it(redis, start_nginx, open_stream, form):
    rows = markdown.section("Payloads").table(f"{form} payload")
    assert len(rows) >= 3
    stream = open_stream(start_nginx(CONF, BROKER=redis.url, FORM=form), "/")
    wire = ""
    for payload, event in rows:
        redis.publish("news", "\n".join(markdown.code_lines(payload)))
        wire += "\n".join(markdown.code_lines(event)) + "\n\n"
    redis.publish("news", "data: end" if form == "event" else "end")
    stream.events_until(lambda event: event.data == "end")
    assert stream.body.decode() == wire + "data: end\n\n"


def test_the_reset_event_has_the_data_shown(redis, start_nginx, open_stream):
    stream = open_stream(start_nginx(CONF, BROKER=redis.url, FORM="text"), "/")
    redis.restart()
    reset = stream.next_event(timeout=20)
    assert reset.name == "reset"
    assert f"`{reset.data}`" in markdown.section("Payloads").text

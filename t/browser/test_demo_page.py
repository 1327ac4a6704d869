"""The demo as scripts/quickstart runs it: its nginx.conf, its page, a person's browser."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from harness import http_request, wait_until

from .demo_page import DemoPage

DEMO = Path(__file__).resolve().parents[2] / "scripts" / "demo"


@pytest.fixture
def start_demo(start_nginx):
    """Starts the demo's nginx: start_demo(broker) -> Nginx."""
    conf = (DEMO / "nginx.conf").read_text()
    return lambda broker: start_nginx(conf, BROKER=broker, ROOT=DEMO, WORKERS=2)


@pytest.fixture
def nginx(redis, start_demo):
    return start_demo(redis.url)


@pytest.fixture
def open_page(browser, nginx):
    """Opens the demo: open_page(query) -> DemoPage that says open."""

    def open_and_wait(query=""):
        browser.open(nginx, f"/{query}")
        page = DemoPage(browser)
        page.wait_for_state("open")
        return page

    return open_and_wait


def test_a_published_message_appears_on_the_page(redis, open_page, browser):
    page = open_page()
    redis.publish("news", "hello")
    assert page.wait_for_events(1) == [("news", "hello", "")]
    assert page.count("events") == 1
    assert not browser.run("return document.getElementById('empty').checkVisibility()")
    assert browser.faults() == []


def test_the_command_on_the_page_publishes_when_typed_as_it_stands(open_page):
    page = open_page("?channels=alerts")
    subprocess.run(page.command(), shell=True, check=True, capture_output=True)
    assert page.wait_for_events(1) == [("alerts", "hello", "")]


def test_the_command_shows_no_password(redis, start_demo):
    nginx = start_demo(f"redis://user:s3cret@127.0.0.1:{redis.port}/1")
    said = http_request(nginx.port, "GET", "/demo.json").text
    assert said == f'{{"redis_cli":"redis-cli -p {redis.port}"}}'


def test_the_command_knows_a_unix_socket(redis, start_demo):
    nginx = start_demo(redis.unix_url)
    said = http_request(nginx.port, "GET", "/demo.json").text
    assert said == f'{{"redis_cli":"redis-cli -s {redis.socket_path}"}}'


def test_the_json_command_on_the_page_publishes_an_event_with_name_and_id(open_page):
    page = open_page("?form=json&names=deploy")
    subprocess.run(page.command(), shell=True, check=True, capture_output=True)
    assert page.wait_for_events(1) == [("deploy", '{"version":"1.4"}', "id 7")]


def test_the_copy_button_copies_the_command(open_page, browser, nginx):
    page = open_page()
    origin = f"http://127.0.0.1:{nginx.port}"
    permissions = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": origin}
    browser.driver.execute_cdp_cmd("Browser.grantPermissions", permissions)
    page.click("#copy")
    wait_until(lambda: page.text("copied"), "the page says that it copied")
    copied = browser.driver.execute_async_script(
        "const done = arguments[0]; navigator.clipboard.readText().then(done, (e) => done(String(e)))"
    )
    assert copied == page.command()


def test_channels_typed_into_the_form_come_over_one_connection_and_keep_their_names(redis, open_page):
    page = open_page()
    page.enter("channels", "sport, weather")
    page.click("button[type=submit]")
    wait_until(lambda: redis.subscribers("weather"), "the page subscribed to what was typed")
    page.wait_for_state("open")
    redis.publish("sport", "1:0")
    redis.publish("weather", "sunny")
    redis.publish("sport", "1:1")
    assert page.wait_for_events(3) == [("sport", "1:0", ""), ("weather", "sunny", ""), ("sport", "1:1", "")]


def test_lines_utf8_and_markup_are_shown_as_they_were_published(redis, open_page, browser):
    page = open_page()
    payloads = ["one\ntwo\n\nfour", "Grüße, 世界 🎉", "<img src=x onerror=alert(1)><b>bold</b>", ""]
    redis.publish_all("news", payloads)
    assert [data for _, data, _ in page.wait_for_events(4)] == payloads
    assert browser.run("return document.querySelectorAll('#events img, #events b').length") == 0


@pytest.mark.parametrize("channel", ["open", "error", "message", "reset"])
def test_a_channel_may_be_called_like_an_event_of_eventsource(redis, open_page, channel):
    page = open_page(f"?channels={channel}")
    redis.publish(channel, "hello")
    assert page.wait_for_events(1) == [(channel, "hello", "")]
    assert page.state() == "open"
    assert page.count("reconnects") == 0


def test_the_page_reconnects_by_itself_after_nginx_was_down(redis, nginx, open_page):
    page = open_page()
    nginx.quit()
    page.wait_for_state("reconnecting")
    nginx.start()
    page.wait_for_state("open", timeout=20)
    redis.publish("news", "back")
    assert page.wait_for_events(1) == [("news", "back", "")]
    assert page.count("reconnects") > 0


def test_the_page_reconnects_by_itself_after_its_worker_was_killed(redis, nginx, open_page):
    page = open_page()
    nginx.expect_fault("exited on signal 9")
    for pid in nginx.worker_pids():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: page.count("reconnects") == 1, "the page has reconnected", timeout=20)
    redis.publish("news", "back")
    assert page.wait_for_events(1) == [("news", "back", "")]


def test_a_redis_restart_shows_a_reset_and_no_reconnect(redis, open_page, browser):
    page = open_page()
    redis.publish("news", "before")
    page.wait_for_events(1)
    redis.restart()
    wait_until(lambda: page.count("resets") == 1, "the page shows the reset", timeout=20)
    redis.publish("news", "after")
    before, (name, text, _), after = page.wait_for_events(3)
    assert (before, after) == (("news", "before", ""), ("news", "after", ""))
    assert name == "reset"
    assert "link to Redis was down" in text and "“news”" in text
    wait_until(lambda: not browser.run("return document.getAnimations().length"), "the rows have arrived")
    colours = browser.run(
        "return [...document.querySelectorAll('#events > li')].map((row) => getComputedStyle(row).backgroundColor)"
    )
    assert colours[0] == colours[2] != colours[1]
    assert page.count("reconnects") == 0
    assert page.count("events") == 2


def test_a_refused_subscription_shows_why(nginx, browser):
    browser.open(nginx, "/?channels=" + ",".join(f"c{i}" for i in range(33)))
    page = DemoPage(browser)
    wait_until(lambda: page.text("explanation").startswith("400: "), "the page shows nginx's answer")
    assert "32" in page.text("explanation")
    assert page.state() == "closed"


def test_what_cannot_be_a_channel_here_is_refused_before_it_is_asked_for(open_page, browser):
    page = open_page()
    page.enter("channels", "news, not/one")
    page.click("button[type=submit]")
    assert "“not/one”" in page.text("explanation")
    assert browser.run("return document.getElementById('channels').getAttribute('aria-invalid')") == "true"


def test_disconnect_ends_the_subscription(redis, open_page):
    page = open_page()
    page.click("#disconnect")
    assert page.state() == "closed"
    wait_until(lambda: redis.subscribers("news") == 0, "nobody is subscribed", timeout=30)


def test_a_burst_leaves_the_newest_two_hundred_on_the_page(redis, open_page):
    page = open_page()
    redis.publish_all("news", [str(i) for i in range(5_000)])
    wait_until(lambda: page.count("events") == 5_000, "all events counted")
    wait_until(lambda: page.events()[-1:] == [("news", "4999", "")], "the newest is shown")
    assert [data for _, data, _ in page.events()] == [str(i) for i in range(4_800, 5_000)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width, height", [(320, 640), (390, 844), (768, 1024), (1440, 900)])
def test_nothing_is_wider_than_the_screen(redis, open_page, browser, width, height, scheme):
    browser.set_screen(width, height, scheme)
    channel = "long_channel_name_" * 6
    page = open_page(f"?form=json&names=deploy&channels={channel}")
    redis.publish(channel, "word" * 500)
    page.wait_for_events(1)
    assert browser.run("return document.documentElement.scrollWidth - innerWidth") <= 0
    assert browser.run("const row = document.querySelector('.data'); return row.scrollWidth - row.clientWidth") <= 0


def test_dark_mode_is_dark(open_page, browser):
    browser.set_screen(1280, 800, "dark")
    open_page()
    assert lightness_of_page(browser) < 0.2
    browser.set_screen(1280, 800, "light")
    assert lightness_of_page(browser) > 0.8


def lightness_of_page(browser):
    colour = browser.run("return getComputedStyle(document.body).backgroundColor")
    channels = [int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    return sum(channels) / (3 * 255)

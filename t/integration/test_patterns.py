"""pattern: in the directive's own text, and names from variables that can never become one."""

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
    sse_broker_read_timeout 500ms;
    sse_default_event channel;
    server {
        listen 127.0.0.1:@PORT@;
        location = /all { sse_subscribe pattern:*; }
        location = /news { sse_subscribe pattern:news.*; }
        location = /two { sse_subscribe pattern:news.* pattern:*.sport; }
        location = /both { sse_subscribe news.sport pattern:news.*; }
        location = /class { sse_subscribe 'pattern:n[ae]ws?x'; }
        location = /channel { sse_subscribe $arg_channel; }
        location = /list { sse_subscribe_list $arg_channels; }
        location = /suffix { sse_subscribe pattern:x.$arg_name; }
        location = /prefix { sse_subscribe pattern:$arg_name.*; }
    }
}
"""


@pytest.fixture
def nginx(redis, start_nginx):
    return start_nginx(CONF, BROKER=redis.url)


def test_a_pattern_receives_what_matches(redis, nginx, open_stream):
    stream = open_stream(nginx, "/news")
    for channel in ("news", "xnews.a", "news.sport", "news.", "news.a.b"):
        redis.publish(channel, f"to {channel}")
    events = stream.take(3)
    assert [event.data for event in events] == ["to news.sport", "to news.", "to news.a.b"]


def test_an_event_of_a_pattern_bears_the_name_of_its_own_channel(redis, nginx, open_stream):
    stream = open_stream(nginx, "/news")
    redis.publish("news.sport", "x")
    assert stream.next_event().name == "news.sport"


def test_a_pattern_may_use_all_of_the_glob_language(redis, nginx, open_stream):
    stream = open_stream(nginx, "/class")
    for channel in ("niws.x", "newsx", "news.x", "nawsxx"):
        redis.publish(channel, channel)
    assert [event.data for event in stream.take(2)] == ["news.x", "nawsxx"]


def test_a_message_comes_once_for_each_subscription_that_matches(redis, nginx, open_stream):
    two = open_stream(nginx, "/two")
    both = open_stream(nginx, "/both")
    redis.publish("news.sport", "1")
    redis.publish("news.other", "2")
    assert [event.data for event in two.take(3)] == ["1", "1", "2"]
    assert [event.data for event in both.take(3)] == ["1", "1", "2"]


def test_a_variable_cannot_become_a_pattern(redis, nginx, open_stream):
    stream = open_stream(nginx, "/channel?channel=pattern:*")
    for channel in ("a", "pattern:", "pattern:a", "pattern:*"):
        redis.publish(channel, f"to {channel}")
    assert stream.next_event().data == "to pattern:*"
    assert redis.client.pubsub_numpat() == 0


def test_a_variable_cannot_become_a_list(redis, nginx, open_stream):
    stream = open_stream(nginx, "/channel?channel=a,b")
    for channel in ("a", "b", "a,b"):
        redis.publish(channel, f"to {channel}")
    assert stream.next_event().data == "to a,b"


def test_an_item_of_a_list_cannot_become_a_pattern(redis, nginx, open_stream):
    stream = open_stream(nginx, "/list?channels=x,pattern:*")
    for channel in ("a", "pattern:a", "pattern:*", "x"):
        redis.publish(channel, f"to {channel}")
    assert [event.data for event in stream.take(2)] == ["to pattern:*", "to x"]
    assert redis.client.pubsub_numpat() == 0


# Each name with channels that it would match if it were a glob.
GLOBS = [
    ("*", ["", "a", "**"]),
    ("a*", ["a", "ab", "a**"]),
    ("n?ws", ["news", "nws"]),
    ("[ab]", ["a", "b"]),
    ("[a-c]", ["b", "-"]),
    ("[^a]", ["b", "^"]),
    ("a\\*", ["a*", "a"]),
    ("\\", ["", "\\\\"]),
    ("a]", ["a", "]"]),
]


@pytest.mark.parametrize("name, others", GLOBS, ids=[name for name, _ in GLOBS])
def test_glob_characters_from_a_variable_match_only_themselves(
    redis, nginx, open_stream, name, others
):
    stream = open_stream(nginx, f"/suffix?name={name}")
    for other in others:
        redis.publish(f"x.{other}", f"to x.{other}")
    redis.publish(f"x.{name}", "its own")
    assert stream.next_event().data == "its own"


def test_the_directives_own_glob_stays_one_beside_an_escaped_variable(redis, nginx, open_stream):
    stream = open_stream(nginx, "/prefix?name=*")
    for channel in ("a.b", "**.b", "*.b", "*.c"):
        redis.publish(channel, f"to {channel}")
    assert [event.data for event in stream.take(2)] == ["to *.b", "to *.c"]


def test_a_pattern_never_receives_the_modules_own_probes(redis, nginx, open_stream):
    stream = open_stream(nginx, "/all")
    with redis.client.pubsub(ignore_subscribe_messages=True) as observer:
        observer.psubscribe("sse:probe:*")
        probes = []
        while len(probes) < 2:  # one for each read timeout without a message
            message = observer.get_message(timeout=5)
            if message:
                probes.append(message["channel"])
    assert all(channel.startswith(b"sse:probe:") for channel in probes)
    redis.publish("c", "x")
    assert stream.next_event().data == "x"

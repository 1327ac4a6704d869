"""A wrong directive stops nginx -t and says what is wrong; a right one is inherited."""

import re

import pytest

CONF = """
load_module @MODULE@;
error_log error.log info;
pid nginx.pid;
events { worker_connections 64; }
http {
    @TEMP_PATHS@
    access_log off;
    @HTTP@
    server {
        listen 127.0.0.1:@PORT@;
        @SERVER@
        location / { @LOCATION@ }
    }
}
"""

BROKER = "sse_broker redis://127.0.0.1:6379;"
SUBSCRIBE = "sse_subscribe c;"


def check(make_nginx, http="", server="", location=""):
    nginx = make_nginx(CONF, HTTP=http, SERVER=server, LOCATION=location)
    return nginx.test_conf()


ACCEPTED = [
    "sse_broker redis://localhost;",
    "sse_broker redis://127.0.0.1:6379/15;",
    "sse_broker redis://[::1]:6379;",
    "sse_broker redis://user:pass@127.0.0.1:6379/0;",
    "sse_broker redis://:pass@127.0.0.1;",
    "sse_broker unix:/run/redis.sock;",
    "sse_broker_connect_timeout 200ms;",
    "sse_broker_read_timeout 1m;",
    "sse_open_timeout 10s;",
    "sse_channel_type pubsub;",
    "sse_channel_type stream;",
    "sse_start new;",
    "sse_start oldest;",
    "sse_start last=1;",
    "sse_start last=1000;",
    "sse_max_replay 100;",
    "sse_max_replay off;",
    "sse_max_replay 0;",
    "sse_last_event_id $arg_from;",
    'sse_last_event_id "$arg_ms-$cookie_seq";',
    "sse_payload text;",
    "sse_payload json;",
    "sse_payload event;",
    "sse_default_event none;",
    "sse_default_event channel;",
    "sse_default_event update;",
    "sse_keepalive off;",
    "sse_keepalive 0;",
    "sse_keepalive 30s;",
    "sse_retry off;",
    "sse_retry 0;",
    "sse_retry 5s;",
    "sse_retry 5s jitter=10s;",
    "sse_retry 500ms jitter=0;",
    'sse_greeting "hello $remote_addr";',
    "sse_max_message 64k;",
    "sse_max_message off;",
    "sse_max_message 0;",
    "sse_buffer_size 16m;",
    "sse_slow_subscriber close;",
    "sse_slow_subscriber skip;",
    "sse_send_timeout 5s;",
    "sse_send_timeout off;",
    "sse_max_channels 100;",
    "sse_max_channels off;",
    "sse_max_subscribers 1000;",
    "sse_max_subscribers off;",
    "sse_max_lifetime 1h;",
    "sse_max_lifetime 1h jitter=10m;",
    "sse_max_lifetime off;",
    "sse_reset_event lost;",
    "sse_direct off;",
    "sse_direct on;",
    "sse_log streams.log;",
    "sse_log streams.log buffer=64k;",
    "sse_log streams.log flush=5s buffer=64k;",
    "sse_log off;",
    "sse_limit_conn 10;",
    "sse_limit_conn 10 key=$arg_user;",
    "sse_limit_conn 10 key=all;",
    "sse_limit_conn off;",
    "sse_limit_conn 0;",
]


@pytest.mark.parametrize("level", ["http", "server", "location"])
@pytest.mark.parametrize("directive", ACCEPTED)
def test_a_right_directive_is_accepted_everywhere(make_nginx, directive, level):
    broker = "" if "sse_broker " in directive else BROKER
    texts = {"http": broker, "server": "", "location": SUBSCRIBE}
    texts[level] += directive
    passed, output = check(make_nginx, **texts)
    assert passed, output


REFUSED = [
    # directive, what the message must contain beside the directive's name
    ("sse_broker local:;", ["local:", "not supported yet"]),
    ("sse_broker rediss://h;", ["rediss://h", "not supported yet"]),
    ("sse_broker redis+sentinel://h/m;", ["redis+sentinel", "not supported yet"]),
    ("sse_broker redis+cluster://h;", ["redis+cluster", "not supported yet"]),
    ("sse_broker http://h;", ["http://h", "redis://"]),
    ("sse_broker h:6379;", ["h:6379", "redis://"]),
    ("sse_broker redis://;", ["redis://", "host"]),
    ("sse_broker redis://h:0;", ["redis://h:0", "port"]),
    ("sse_broker redis://h:65536;", ["redis://h:65536", "port"]),
    ("sse_broker redis://h:6379x;", ["redis://h:6379x", "port"]),
    ("sse_broker redis://h/db;", ["redis://h/db", "number"]),
    ("sse_broker redis://h/1/2;", ["redis://h/1/2"]),
    ("sse_broker unix:;", ["unix:", "path"]),
    ("sse_broker redis://no.such.host.invalid;", ["no.such.host.invalid", "host not found"]),
    ("sse_broker redis://h sharded=on;", ["sharded=on"]),
    ("sse_broker redis://127.0.0.1 password_file=missing.txt;", ["missing.txt"]),
    ("sse_broker;", ["invalid number of arguments"]),
    ("sse_broker_connect_timeout x;", ["x"]),
    ("sse_broker_connect_timeout 0;", ["0"]),
    ("sse_broker_read_timeout 1y;", ["1y"]),
    ("sse_open_timeout soon;", ["soon"]),
    ("sse_channel_type list;", ["list", "pubsub", "stream"]),
    ("sse_channel_type;", ["invalid number of arguments"]),
    ("sse_start now;", ["now", "new", "oldest", "last="]),
    ("sse_start last;", ['"last"', "1 to 1000"]),
    ("sse_start last=;", ['"last="', "1 to 1000"]),
    ("sse_start last=0;", ["last=0", "1 to 1000"]),
    ("sse_start last=1001;", ["last=1001", "1 to 1000"]),
    ("sse_start last=-1;", ["last=-1", "1 to 1000"]),
    ("sse_start last=1x;", ["last=1x", "1 to 1000"]),
    ("sse_start last=18446744073709551617;", ["last=18446744073709551617", "1 to 1000"]),
    ("sse_max_replay all;", ["all", "off"]),
    ("sse_max_replay -1;", ["-1"]),
    ("sse_last_event_id;", ["invalid number of arguments"]),
    ("sse_payload xml;", ["xml", "text", "json", "event"]),
    ("sse_payload text json;", ["invalid number of arguments"]),
    ('sse_default_event "a\nb";', ["line"]),
    ("sse_keepalive often;", ["often", "off"]),
    ("sse_keepalive -1;", ["-1"]),
    ("sse_retry x;", ["x"]),
    ("sse_retry 1s x;", ["x", "jitter="]),
    ("sse_retry 1s jitter=x;", ["jitter=x"]),
    ("sse_retry off jitter=1s;", ["off", "jitter="]),
    ("sse_max_message 1x;", ["1x"]),
    ("sse_buffer_size big;", ["big"]),
    ("sse_slow_subscriber wait;", ["wait", "close", "skip"]),
    ("sse_send_timeout x;", ["x"]),
    ("sse_max_channels many;", ["many"]),
    ("sse_max_channels -1;", ["-1"]),
    ("sse_max_subscribers many;", ["many"]),
    ("sse_max_lifetime x;", ["x"]),
    ("sse_max_lifetime 1h 1m;", ["1m", "jitter="]),
    ('sse_reset_event "a\nb";', ["line"]),
    ("sse_direct maybe;", ["maybe", "on", "off"]),
    ("sse_log;", ["invalid number of arguments"]),
    ('sse_log "";', ["path"]),
    ("sse_log $host.log;", ["$host.log", "variables"]),
    ("sse_log syslog:server=127.0.0.1;", ["syslog:", "file"]),
    ("sse_log off buffer=1k;", ["buffer=1k", "off"]),
    ("sse_log s.log x=1;", ["x=1", "buffer="]),
    ("sse_log s.log buffer=;", ["buffer=", "64k"]),
    ("sse_log s.log buffer=0;", ["buffer=0"]),
    ("sse_log s.log buffer=x;", ["buffer=x"]),
    ("sse_log s.log buffer=4k flush=0;", ["flush=0"]),
    ("sse_log s.log buffer=4k flush=soon;", ["flush=soon"]),
    ("sse_log s.log buffer=4k buffer=4k;", ["buffer=4k"]),
    ("sse_log s.log flush=5s;", ["flush=", "buffer="]),
    ("sse_limit_conn many;", ["many", "off"]),
    ("sse_limit_conn -1;", ["-1"]),
    ("sse_limit_conn 10 $arg_user;", ["$arg_user", "key="]),
    ("sse_limit_conn 10 key=;", ["key="]),
]


@pytest.mark.parametrize(
    "directive, words", REFUSED, ids=[d.replace("\n", "~") for d, _ in REFUSED]
)
def test_a_wrong_directive_is_refused_with_its_name_its_value_and_what_is_allowed(
    make_nginx, directive, words
):
    broker = "" if directive.startswith(("sse_broker ", "sse_broker;")) else BROKER
    passed, output = check(make_nginx, http=broker, server=directive, location=SUBSCRIBE)
    assert not passed
    for word in [directive.split()[0].rstrip(";"), *words]:
        assert word in output, output
    assert "nginx.conf:" in output, "the message names the line"


@pytest.mark.parametrize("directive", ACCEPTED)
def test_a_directive_twice_in_a_block_is_refused(make_nginx, directive):
    broker = "" if "sse_broker " in directive else BROKER
    passed, output = check(make_nginx, http=broker, server=f"{directive} {directive}")
    assert not passed
    assert "is duplicate" in output and directive.split()[0] in output


@pytest.mark.parametrize(
    "location",
    [
        "sse_subscribe;",
        "sse_subscribe_list;",
        "sse_subscribe_list a b;",
        "sse_subscribe a; sse_subscribe b;",
        "sse_subscribe_list a; sse_subscribe_list b;",
        "sse_subscribe pattern:;",
        'sse_subscribe "a\nb";',
        "sse_subscribe " + "x" * 257 + ";",
        "sse_subscribe $no_such_variable;",
        "sse_greeting $no_such_variable; sse_subscribe a;",
        "sse_last_event_id $no_such_variable; sse_subscribe a;",
        "sse_limit_conn 10 key=$no_such_variable; sse_subscribe a;",
    ],
    ids=lambda text: text[:40].replace("\n", "~"),
)
def test_a_wrong_subscription_is_refused(make_nginx, location):
    passed, output = check(make_nginx, http=BROKER, location=location)
    assert not passed
    assert "sse_" in output or "no_such_variable" in output, output


@pytest.mark.parametrize("subscription", ["sse_subscribe c;", "sse_subscribe_list $arg_c;"])
def test_a_subscription_without_a_broker_is_refused(make_nginx, subscription):
    passed, output = check(make_nginx, location=subscription)
    assert not passed
    assert "sse_broker" in output and "[emerg]" in output


@pytest.mark.parametrize("level", ["http", "server"])
def test_a_subscription_belongs_into_a_location(make_nginx, level):
    passed, output = check(make_nginx, **{level: BROKER + SUBSCRIBE})
    assert not passed
    assert '"sse_subscribe" directive is not allowed here' in output


@pytest.mark.parametrize(
    "first, second, is_right",
    [
        ("sse_log a.log;", "sse_log a.log;", True),
        ("sse_log a.log buffer=8k flush=1s;", "sse_log a.log flush=1s buffer=8k;", True),
        ("sse_log a.log buffer=8k;", "sse_log b.log buffer=16k;", True),
        ("sse_log a.log buffer=8k;", "sse_log a.log buffer=16k;", False),
        ("sse_log a.log buffer=8k;", "sse_log a.log buffer=8k flush=1s;", False),
        ("sse_log a.log buffer=8k;", "sse_log a.log;", False),
        ("sse_log a.log;", "sse_log a.log buffer=8k;", False),
        ("access_log a.log;", "sse_log a.log buffer=8k;", True),
        ("access_log a.log combined buffer=8k;", "sse_log a.log;", False),
        ("sse_log a.log buffer=8k;", "access_log a.log combined buffer=8k;", False),
    ],
)
def test_a_file_has_one_buffer(make_nginx, first, second, is_right):
    passed, output = check(make_nginx, http=first + BROKER, location=SUBSCRIBE + second)
    assert passed == is_right, output
    if not is_right:
        assert "sse_log" in output and "a.log" in output and "nginx.conf:" in output


@pytest.mark.parametrize(
    "name, right, wrong",
    [
        ("sse_drain", "10s", "x"),
        ("sse_drain", "off", "-1"),
        ("sse_buffer_total", "1g", "much"),
        ("sse_buffer_total", "off", "-1"),
        ("sse_max_worker_channels", "10", "x"),
        ("sse_max_worker_channels", "off", "-1"),
        ("sse_max_connections", "10", "x"),
        ("sse_max_connections", "off", "-1"),
        ("sse_zone", "64m", "off"),
        ("sse_zone", "32k", "31k"),
    ],
)
def test_what_is_of_a_worker_belongs_into_http(make_nginx, name, right, wrong):
    assert check(make_nginx, http=f"{name} {right};")[0]
    passed, output = check(make_nginx, server=f"{name} {right};")
    assert not passed and f'"{name}" directive is not allowed here' in output
    passed, output = check(make_nginx, http=f"{name} {wrong};")
    assert not passed and name in output and wrong in output


@pytest.mark.parametrize(
    "url",
    ["redis://user:s3cret@h:x", "redis://:s3cret@h/db", "rediss://u:s3cret@h", "bad://u:s3cret@h"],
)
def test_a_message_never_contains_the_password(make_nginx, url):
    passed, output = check(make_nginx, http=f"sse_broker {url};", location=SUBSCRIBE)
    assert not passed
    assert "sse_broker" in output and "s3cret" not in output


def test_a_buffer_below_two_messages_is_warned_about(make_nginx):
    passed, output = check(
        make_nginx, http=BROKER, location=SUBSCRIBE + "sse_buffer_size 1m; sse_max_message 1m;"
    )
    assert passed
    assert "[warn]" in output and "sse_buffer_size" in output and "sse_max_message" in output
    passed, output = check(make_nginx, http=BROKER, location=SUBSCRIBE + "sse_max_message off;")
    assert passed
    assert '"sse_buffer_size" 4194304 with "sse_max_message" off' in output
    passed, output = check(
        make_nginx, http=BROKER, location=SUBSCRIBE + "sse_buffer_size 2m; sse_max_message 1m;"
    )
    assert passed and "[warn]" not in output


NINE = "a b c d e f g h i"


@pytest.mark.parametrize(
    "subscription, words",
    [
        ("sse_subscribe a pattern:b.*;", ['"pattern:b.*" in "sse_subscribe"', "pubsub"]),
        ("sse_subscribe pattern:$arg_c;", ['"pattern:$arg_c" in "sse_subscribe"', "pubsub"]),
        (f"sse_subscribe {NINE};", ['"i" in "sse_subscribe"', "at most 8"]),
        (f"sse_subscribe $arg_c {NINE};", ['"i" in "sse_subscribe"', "at most 8"]),
        ("sse_subscribe_list a,b,c,d,e,f,g,h,i;", ['in "sse_subscribe_list"', "at most 8"]),
        ("sse_subscribe_list i,j; sse_subscribe a b c d e f g;", ['"g" in', "at most 8"]),
        ("sse_subscribe_list a,;", ['"a," in "sse_subscribe_list"', "empty name"]),
    ],
)
def test_a_subscription_that_cannot_be_of_type_stream_is_refused_wherever_the_type_is_said(
    make_nginx, subscription, words
):
    stream = "sse_channel_type stream;"
    for levels in (
        {"http": BROKER + stream, "location": subscription},
        {"http": BROKER, "location": stream + subscription},
        {"http": BROKER, "location": subscription + stream},
    ):
        passed, output = check(make_nginx, **levels)
        assert not passed
        for word in [*words, '"sse_channel_type" stream', "[emerg]", "nginx.conf:"]:
            assert word in output, output
    location = subscription + "sse_channel_type pubsub;"
    passed, output = check(make_nginx, http=BROKER + stream, location=location)
    assert passed, output


@pytest.mark.parametrize(
    "subscription",
    [
        "sse_subscribe a b c d e f g h;",
        f"sse_subscribe {NINE[:-2]} a h;",
        f"sse_subscribe {NINE[:-2]} $arg_c c$arg_c; sse_subscribe_list $arg_d;",
        "sse_subscribe_list a,b,c,d,e,f,g,h;",
        "sse_subscribe_list a,b,c,d,e,f,g,h,i$arg_c;",
    ],
)
def test_up_to_eight_fixed_channels_may_be_of_type_stream(make_nginx, subscription):
    location = "sse_channel_type stream;" + subscription
    passed, output = check(make_nginx, http=BROKER, location=location)
    assert passed and "[warn]" not in output, output


def test_a_start_beyond_the_longest_replay_is_warned_about(make_nginx):
    stream = "sse_channel_type stream;"

    def warning(**levels):
        passed, output = check(make_nginx, http=BROKER + levels.pop("http", ""), **levels)
        assert passed, output
        return re.search(r"\[warn\] (.*) in /", output)

    start = "sse_start last=100;"
    found = warning(location=SUBSCRIBE + stream + start + "sse_max_replay 99;")
    assert found[1].startswith('"sse_start" last=100 is above "sse_max_replay" 99')
    inherited = {"http": stream + start, "server": "sse_max_replay 99;"}
    assert warning(**inherited, location=SUBSCRIBE)
    for nearer in (
        "sse_start last=99;",
        "sse_start oldest;",
        "sse_start new;",
        "sse_max_replay 100;",
        "sse_max_replay off;",
        "sse_channel_type pubsub;",
    ):
        assert not warning(**inherited, location=SUBSCRIBE + nearer)
    assert not warning(location=SUBSCRIBE + stream + "sse_start last=1000;")


@pytest.mark.parametrize("arguments", ["", " 10s", " 10s jitter=5s"])
def test_sse_retry_later_belongs_into_a_location(make_nginx, arguments):
    directive = f"sse_retry_later{arguments};"
    assert check(make_nginx, location=directive)[0]
    for level in ("http", "server"):
        passed, output = check(make_nginx, **{level: directive})
        assert not passed and '"sse_retry_later" directive is not allowed here' in output
    passed, output = check(make_nginx, location=2 * directive)
    assert not passed and '"sse_retry_later" directive is duplicate' in output


@pytest.mark.parametrize("wrong", ["off", "x", "1s x", "1s jitter=x"])
def test_a_wrong_sse_retry_later_is_refused(make_nginx, wrong):
    passed, output = check(make_nginx, location=f"sse_retry_later {wrong};")
    assert not passed
    assert '"sse_retry_later"' in output and "jitter=" in output and wrong.split()[-1] in output


def test_a_location_either_subscribes_or_sends_away(make_nginx):
    for location in (SUBSCRIBE + "sse_retry_later;", "sse_retry_later;" + SUBSCRIBE):
        passed, output = check(make_nginx, http=BROKER, location=location)
        assert not passed
        assert "cannot share a location" in output and "sse_retry_later" in output


def test_a_total_below_one_buffer_is_warned_about(make_nginx):
    http = BROKER + "sse_buffer_total 1m;"
    passed, output = check(make_nginx, http=http, location=SUBSCRIBE)
    assert passed
    assert "[warn]" in output and "sse_buffer_total" in output and "sse_buffer_size" in output
    location = SUBSCRIBE + "sse_buffer_size 1m; sse_max_message 1k;"
    passed, output = check(make_nginx, http=http, location=location)
    assert passed and "[warn]" not in output


@pytest.mark.parametrize("subscription", [SUBSCRIBE, "sse_subscribe_list $arg_c;"])
def test_a_post_action_with_a_subscription_is_refused(make_nginx, subscription):
    location = f"{subscription} post_action /done;"
    passed, output = check(make_nginx, http=BROKER, location=location)
    assert not passed
    assert "[emerg]" in output and '"post_action"' in output and '"sse_subscribe"' in output
    assert check(make_nginx, http=BROKER, location="post_action /done;")[0]


def test_the_module_alone_changes_nothing(make_nginx):
    passed, output = check(make_nginx)
    assert passed and "sse" not in output.replace("ngx_http_sse_module", "")

"""What the README says of a directive's syntax, default and contexts is what nginx -t says."""

import itertools
import re

import pytest

from . import markdown

DIRECTIVES = markdown.directives()

CONF = """
load_module @MODULE@;
error_log error.log info;
pid nginx.pid;
@main@
events { worker_connections 64; }
http {
    @TEMP_PATHS@
    access_log off;
    @http@
    server {
        listen 127.0.0.1:@PORT@;
        @server@
        location / { @location@ }
    }
}
"""

LEVELS = ("main", "http", "server", "location")

# What the words of a syntax stand for; other words stand for themselves.
MEANINGS = {
    "channel ...": ["news", "$arg_channel", "news $arg_channel pattern:news.*"],
    "value": ["$arg_value"],
    "url": ["redis://127.0.0.1", "redis://user:password@127.0.0.1:6379/1", "unix:/run/redis.sock"],
    "[password_file=path]": ["", "password_file=password"],
    "time": ["3s", "300ms", "2m"],
    "[jitter=time]": ["", "jitter=3s"],
    "[time [jitter=time]]": ["", "3s", "3s jitter=3s"],
    "size": ["300k", "2m"],
    "number": ["7"],
    "last=number": ["last=7"],
    "name": ["update"],
    "[key=value]": ["", "key=$arg_user", "key=all"],
    "path [buffer=size [flush=time]]": ["streams.json", "streams.json buffer=64k", "streams.json buffer=64k flush=5s"],
}


def written(syntax):
    """Every directive that a syntax like "sse_x time [jitter=time] | off;" stands for."""
    name, _, arguments = syntax.removesuffix(";").partition(" ")
    for alternative in arguments.split(" | "):
        words = [alternative] if alternative in MEANINGS else alternative.split(" ")
        for meaning in itertools.product(*(MEANINGS.get(word, [word]) for word in words)):
            yield f"{name} {' '.join(meaning)};"


@pytest.fixture
def check(make_nginx):
    """Runs nginx -t with a directive at a level: check(directive, level) -> (passed, output)."""

    def run(directive, level):
        texts = dict.fromkeys(LEVELS, "")
        if not directive.startswith("sse_broker "):
            texts["http"] = "sse_broker redis://127.0.0.1;"
        texts[level] += directive
        conf = CONF
        for name, text in texts.items():
            conf = conf.replace(f"@{name}@", text)
        nginx = make_nginx(conf)
        (nginx.directory / "password").write_text("secret\n")
        return nginx.test_conf()

    return run


@pytest.mark.parametrize("directive", DIRECTIVES, ids=lambda directive: directive.name)
def test_the_syntax_is_accepted_as_written(check, directive):
    assert directive.syntax.startswith(f"{directive.name} ")
    for text in written(directive.syntax):
        passed, output = check(text, directive.contexts[-1])
        assert passed and "[warn]" not in output, f"{text}\n{output}"


@pytest.mark.parametrize("directive", DIRECTIVES, ids=lambda directive: directive.name)
def test_the_contexts_are_those_where_it_is_allowed(check, directive):
    text = next(written(directive.syntax))
    for level in LEVELS:
        passed, output = check(text, level)
        if level in directive.contexts:
            assert passed, output
        else:
            assert f'"{directive.name}" directive is not allowed here' in output


@pytest.mark.parametrize(
    "directive", [each for each in DIRECTIVES if each.default], ids=lambda directive: directive.name
)
def test_the_default_may_be_written(check, directive):
    passed, output = check(f"{directive.name} {directive.default};", directive.contexts[-1])
    assert passed, output


CHOICES = [each for each in DIRECTIVES if re.fullmatch(r"\w+ (none|text|close|on|pubsub)( \| \w+)+;", each.syntax)]


@pytest.mark.parametrize(
    "directive", [each for each in CHOICES if "name" not in each.syntax], ids=lambda directive: directive.name
)
def test_another_word_than_those_of_the_syntax_is_refused(check, directive):
    passed, output = check(f"{directive.name} another;", directive.contexts[-1])
    assert not passed
    for word in re.findall(r"\w+", directive.syntax):
        assert word in output


def test_every_section_about_a_directive_was_understood():
    titles = [section.title for section in markdown.sections() if section.title.startswith("sse_")]
    assert titles == [directive.name for directive in DIRECTIVES]

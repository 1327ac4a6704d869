"""Every nginx block of the documents is served, every console block gives the output that stands below it."""

import re
import resource
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from . import markdown
from .console import Console, commands

WHOLE = "In your nginx"  # the section with a whole nginx.conf
# Of each document, the section whose nginx block the examples without one refer to.
REFERRED_TO = {"README.md": WHOLE, "docs/durable-channels.md": "Durable channels"}
# test_quickstart.py, test_container.py, test_building.py
ON_THEIR_OWN = {"Try it", "In a container", "Building"}

EXAMPLES = [
    section
    for section in markdown.sections()
    if section.blocks("nginx", "console") and section.title not in ON_THEIR_OWN
]

HTTP = """
load_module modules/ngx_http_sse_module.so;
events {}
http {
    %s
}
"""

SERVER = """
    server {
        listen 8080;
        %s
    }
"""


def whole_conf(text):
    """An nginx.conf around the parts that the README shows alone."""
    if not text.startswith("load_module"):
        if "server {" not in text:
            text = SERVER % text
        if "sse_broker " not in text:
            text = "sse_broker redis://127.0.0.1:6379;" + text
        text = HTTP % text
    return "error_log error.log info; pid nginx.pid;" + text.replace("http {", "http { access_log off; @TEMP_PATHS@", 1)


def localised(conf):
    """The same with the test's own places instead of the README's."""
    places = {
        "modules/ngx_http_sse_module.so": "@MODULE@",
        "worker_processes auto": "worker_processes 2",
        "worker_rlimit_nofile 40000": f"worker_rlimit_nofile {resource.getrlimit(resource.RLIMIT_NOFILE)[1]}",
        "worker_connections 30000": "worker_connections 300",
        "listen 8080": "listen 127.0.0.1:@PORT@",
        "127.0.0.1:6379": "127.0.0.1:@REDIS_PORT@",
        "127.0.0.1:9000": "127.0.0.1:@BACKEND_PORT@",
        "/etc/nginx/": "@DIR@/",
        "/var/log/nginx/": "@DIR@/",
    }
    for text, place in places.items():
        conf = conf.replace(text, place)
    return conf


class AccessBackend(BaseHTTPRequestHandler):
    """The application: one session may read one channel, and has one of its own."""

    def do_GET(self):
        is_valid = self.headers["Cookie"] == "session=valid"
        if self.path == "/my-events":
            self.send_response(200 if is_valid else 403)
            self.send_header("X-Accel-Redirect", "/events/user-7")
            self.send_header("Content-Type", "text/html")
            self.send_header("Cache-Control", "private")
        else:
            self.send_response(204 if is_valid and self.headers["X-Original-URI"] == "/events/secret" else 403)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def backend():
    with ThreadingHTTPServer(("127.0.0.1", 0), AccessBackend) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def serve(make_nginx, redis, backend):
    """Serves an nginx block: serve(text) -> Nginx."""

    def start(text):
        ports = {"REDIS_PORT": redis.port, "BACKEND_PORT": backend.server_address[1]}
        nginx = make_nginx(localised(whole_conf(text)), **ports)
        (nginx.directory / "redis.password").write_text("secret\n")
        (nginx.directory / "events.htpasswd").write_text("reader:{PLAIN}secret\n")
        passed, output = nginx.test_conf()
        assert passed and "[warn]" not in output, output
        return nginx.start()

    return start


@pytest.fixture
def console(tmp_path, redis):
    replacements = {"redis-cli ": f"redis-cli -p {redis.port} "}
    with_streams = Console(tmp_path, replacements)
    yield with_streams
    with_streams.close()


@pytest.mark.parametrize("section", EXAMPLES, ids=lambda section: section.title)
def test_the_examples_of_this_section_work(section, serve, console):
    blocks = section.blocks("nginx", "console")
    if not section.blocks("nginx"):
        blocks = markdown.section(REFERRED_TO[section.document]).blocks("nginx") + blocks
    for block in blocks:
        if block.language == "nginx":
            nginx = serve(block.text)
            console.replacements["localhost:8080"] = f"127.0.0.1:{nginx.port}"
            console.replacements["/var/log/nginx/"] = f"{nginx.directory}/"
            continue
        assert commands(block.text), "a console block begins with its command"
        for command in commands(block.text):
            if command.is_stream:
                console.start_stream(command)
            else:
                console.run(command)
    console.check_streams()
    assert nginx.log_lines(r"\[(warn|error|crit)\]") == []


def test_every_code_block_is_of_a_kind_that_is_tested():
    others = [
        (section.title, block.language)
        for section in markdown.sections()
        for block in section.blocks()
        if block.language not in ("console", "nginx")
    ]
    assert others == [
        ("In your nginx", "js"),  # t/browser/test_readme_example.py
        ("How it works", "text"),  # the picture
        ("Resets", "js"),  # t/browser/test_durable_channels.py
        ("Publishers", "python"),  # test_publishers.py, and the next two
        ("Publishers", "js"),
        ("Publishers", "php"),
        ("Publishers", "go"),  # tried by hand, and said so
    ]


def test_the_nginx_conf_has_at_most_ten_lines():
    (block,) = markdown.section(WHOLE).blocks("nginx")
    assert block.text.count("\n") <= 10


def test_links_lead_somewhere():
    anchors = {
        (markdown.REPOSITORY / section.document, re.sub(r"[^\w -]", "", section.title.lower()).replace(" ", "-"))
        for section in markdown.sections()
    }
    links = [
        (markdown.REPOSITORY / section.document, target)
        for section in markdown.sections()
        for target in re.findall(r"\]\(([^)]+)\)", section.text)
    ]
    assert links
    for document, target in links:
        name, _, anchor = target.partition("#")
        file = (document.parent / name).resolve() if name else document
        assert file.is_file(), target
        assert not anchor or (file, anchor) in anchors, target

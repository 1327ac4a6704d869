"""Options and fixtures of every Python test: integration, browser and README.

Fixtures end in the reverse order of their start, so clients go first, then nginx, then Redis:
an nginx that quits has no stream left to drain, and a broker that ends disturbs nobody.
"""

import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from given_up import is_given_up
from harness import Nginx, Redis, SseClient, StreamPool

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_addoption(parser):
    parser.addoption("--nginx", default="nginx", help="the nginx binary to test")
    parser.addoption(
        "--module",
        default=str(REPOSITORY / "build" / "ngx_http_sse_module.so"),
        help="the module to load",
    )
    parser.addoption(
        "--nginx-env",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="environment of nginx alone, e.g. LD_PRELOAD and ASAN_OPTIONS for a sanitizer build",
    )
    parser.addoption(
        "--http-extra",
        default="",
        metavar="DIRECTIVES",
        help="put first into every http block that does not have them: 'sse_compact on;'",
    )


def pytest_collection_modifyitems(config, items):
    extra = config.getoption("--http-extra")
    given_up = [item for item in items if is_given_up(item.nodeid, extra)]
    config.hook.pytest_deselected(items=given_up)
    items[:] = [item for item in items if item not in given_up]


@pytest.fixture(scope="session")
def nginx_binary(request):
    name = request.config.getoption("--nginx")
    binary = shutil.which(name)
    assert binary, f"--nginx={name}: no such program"
    return binary


@pytest.fixture(scope="session")
def module_path(request):
    path = Path(request.config.getoption("--module")).resolve()
    assert path.is_file(), f"--module={path}: no such file; run scripts/build"
    return str(path)


@pytest.fixture(scope="session")
def nginx_environment(request):
    return dict(item.split("=", 1) for item in request.config.getoption("--nginx-env"))


@pytest.fixture
def make_redis(tmp_path):
    """Starts redis-servers: make_redis(*arguments) -> Redis."""
    with ExitStack() as stack:
        count = 0

        def start(*arguments, running=True):
            nonlocal count
            directory = tmp_path / f"redis{count}"
            count += 1
            directory.mkdir()
            server = Redis(directory, *arguments)
            stack.callback(server.close)
            return server.start() if running else server

        yield start


@pytest.fixture
def redis(make_redis):
    """One running redis-server."""
    return make_redis()


@pytest.fixture
def make_nginx(request, tmp_path, nginx_binary, module_path, nginx_environment, make_redis):
    """Writes a configuration: make_nginx(conf, NAME=value) -> Nginx, not started."""
    with ExitStack() as stack:
        count = 0

        def make(conf, **values):
            nonlocal count
            directory = tmp_path / f"nginx{count}"
            count += 1
            directory.mkdir()
            values.setdefault("MODULE", module_path)
            extra = request.config.getoption("--http-extra")
            server = Nginx(directory, conf, nginx_binary, nginx_environment, values, extra)
            stack.callback(server.close)
            return server

        yield make


@pytest.fixture
def start_nginx(make_nginx):
    """Starts an nginx: start_nginx(conf, NAME=value) -> Nginx that listens."""
    return lambda conf, **values: make_nginx(conf, **values).start()


@pytest.fixture
def send_request(make_nginx):
    """Asks for a stream: send_request(nginx, path, …) -> SseClient whose head is not read."""
    with ExitStack() as stack:

        def send(nginx, path, port=None, **options):
            return stack.enter_context(SseClient(port or nginx.port, path, **options))

        yield send


@pytest.fixture
def open_stream(send_request):
    """Opens a stream: open_stream(nginx, path, …) -> SseClient whose 200 has arrived."""
    return lambda nginx, path, **options: send_request(nginx, path, **options).open()


@pytest.fixture
def pool(make_nginx):
    """Many streams read by one epoll loop."""
    with StreamPool() as streams:
        yield streams

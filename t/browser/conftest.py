"""A real Chromium, one for each pytest process, driven through ChromeDriver."""

import shutil

import pytest
from selenium import webdriver

from .chromium import Browser

# Root cannot use the sandbox, a container may have no /dev/shm, and nothing here may reach out.
# A page kept for the Back button would keep its streams.
FLAGS = """
    --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync
    --disable-features=BackForwardCache
""".split()


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = installed("chromium")
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(installed("chromedriver"))
    started = webdriver.Chrome(options=options, service=service)
    yield started
    started.quit()


def installed(program):
    path = shutil.which(program)
    assert path, f"{program} is not installed"
    return path


@pytest.fixture
def browser(driver, make_nginx):
    """Chromium with an empty page; it leaves the test's page before nginx ends."""
    driver.get_log("browser")  # what an earlier test left
    yield Browser(driver)
    driver.get("about:blank")
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

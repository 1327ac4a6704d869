"""A browser, and what a person can do with it."""

from harness import wait_until


class Browser:
    """What a person can do with a browser, in the words of these tests."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, nginx, path="/"):
        self.driver.get(f"http://127.0.0.1:{nginx.port}{path}")

    def run(self, script, *arguments):
        """Runs JavaScript in the page and returns its value."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, script, what, **options):
        """Waits for a JavaScript expression to become true; returns its value."""
        return wait_until(lambda: self.run(f"return {script}"), what, **options)

    def faults(self):
        """Errors in the console since the last call: of scripts, of loading, of the page's policy."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def set_screen(self, width, height, scheme="light"):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

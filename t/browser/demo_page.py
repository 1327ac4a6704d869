"""The demo page as a person sees it."""

from harness import wait_until


class DemoPage:
    """What a person sees on the page."""

    def __init__(self, browser):
        self.browser = browser

    def text(self, element_id):
        return self.browser.run("return document.getElementById(arguments[0]).textContent", element_id)

    def state(self):
        return self.text("state")

    def count(self, what):
        return int(self.text(f"count-{what}").replace(",", ""))

    def command(self):
        """What the page says to type, once nginx has told it the port."""
        return wait_until(lambda: "-p" in self.text("command") and self.text("command"), "a command")

    def events(self):
        """The rows, oldest first: (name, data, id)."""
        rows = self.browser.run(
            """
            return [...document.querySelectorAll("#events > li")].map((row) =>
              [".name", ".data", ".id"].map((part) => row.querySelector(part)?.textContent ?? ""))
            """
        )
        return [tuple(row) for row in reversed(rows)]

    def click(self, selector):
        self.browser.driver.find_element("css selector", selector).click()

    def enter(self, element_id, text):
        field = self.browser.driver.find_element("id", element_id)
        field.clear()
        field.send_keys(text)

    def wait_for_state(self, state, **options):
        wait_until(lambda: self.state() == state, f"the page says {state}", **options)

    def wait_for_events(self, count, **options):
        """Waits for so many rows; returns them."""
        wait_until(lambda: len(self.events()) >= count, f"{count} events on the page", **options)
        return self.events()

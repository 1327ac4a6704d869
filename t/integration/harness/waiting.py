"""Waiting for conditions. Nothing in the tests sleeps for time to pass."""

import time

DEFAULT_TIMEOUT = 10.0  # seconds; generous, because sanitizer builds on busy machines are slow
POLL_INTERVAL = 0.005  # seconds


class WaitTimeout(AssertionError):
    """What was waited for did not come."""


class Deadline:
    """A moment on the monotonic clock, for waits that consist of several steps."""

    def __init__(self, timeout, what):
        self.what = what
        self.timeout = timeout
        self.end = time.monotonic() + timeout

    def remaining(self):
        """Seconds left; raises WaitTimeout when none are."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise WaitTimeout(f"{self.what}: not within {self.timeout:g} s")
        return left


def wait_until(condition, what, timeout=DEFAULT_TIMEOUT, interval=POLL_INTERVAL):
    """Returns the first true value of condition(), asked every `interval` seconds."""
    deadline = Deadline(timeout, what)
    while True:
        value = condition()
        if value:
            return value
        time.sleep(min(interval, deadline.remaining()))

"""Messages that show whether they are right: channel, number, size, and a filling of that size."""

import json
import time
from collections import deque

TEXT_CHANNELS = ("t0", "t1", "t2", "t3")
JSON_CHANNELS = ("j0", "j1")
CHANNELS = TEXT_CHANNELS + JSON_CHANNELS

LARGEST = 300 * 1024
FILLING = ("The quick brown fox, über 0123456789 Füchse.\n" * (LARGEST // 40))[:LARGEST]

# A message may be on its way for so long before a reader has to have it; a busy machine is slow.
UNDERWAY = 3.0  # seconds


class Messages:
    """Publishes, and knows what a reader has to have."""

    def __init__(self, redis, rng):
        self._client = redis.make_client()
        self._rng = rng
        self.count = 0
        self.next_number = dict.fromkeys(CHANNELS, 0)
        self._recent = {channel: deque() for channel in CHANNELS}  # when the newest ones were sent

    def publish(self):
        """One message to some channel: mostly small, some large."""
        largest = self._rng.choices((200, 10_000, LARGEST), weights=(80, 18, 2))[0]
        self.publish_of_size(self._rng.choice(CHANNELS), self._rng.randint(1, largest))

    def publish_of_size(self, channel, size):
        number = self.next_number[channel]
        text = f"{channel} {number} {size} {FILLING[:size]}"
        if channel in JSON_CHANNELS:
            text = json.dumps({"event": "price", "id": str(number), "data": text})
        self._client.execute_command("PUBLISH", channel, text)
        self.next_number[channel] = number + 1
        self._recent[channel].append(time.monotonic())
        self.count += 1

    def due(self, channel):
        """A reader of this channel has to have all messages below this number."""
        recent = self._recent.get(channel)
        if recent is None:
            return 0  # nothing is published there
        while recent and recent[0] < time.monotonic() - UNDERWAY:
            recent.popleft()
        return self.next_number[channel] - len(recent)

    def close(self):
        self._client.close()


class Ear:
    """Hears one stream, and notes what it should not have heard, or should have."""

    def __init__(self, name, channels, messages):
        self.name = name
        self.events = 0
        self.resets = 0
        self.faults = []
        self._messages = messages
        self._channels = channels
        self._open = False
        self._expected = {}  # of each channel; before its first message: what that is at most
        self._first = dict.fromkeys(channels, True)
        self._may_miss = dict.fromkeys(channels, False)  # after a reset, until the next message

    def on_open(self):
        """What is published from now on is due."""
        self._open = True
        self._expected = {
            channel: self._messages.next_number.get(channel, 0) for channel in self._channels
        }

    def hear(self, block):
        if block.data is None:
            return
        if block.name == "reset":
            self.resets += 1
            self._may_miss[json.loads(block.data)["channel"]] = True
            return
        channel, number, size, filling = block.data.split(" ", 3)
        number = int(number)
        if channel not in self._channels or filling != FILLING[: int(size)]:
            self._fault(f"message {number} of {channel} is not what was sent: {block.data[:60]!r}")
            return
        expected = self._expected[channel]
        if number < expected and not self._first[channel]:
            self._fault(f"message {number} of {channel} came after {expected - 1}")
        elif number > expected and not self._may_miss[channel]:
            self._fault(f"messages {expected} to {number - 1} of {channel} did not come")
        self._expected[channel] = number + 1
        self._first[channel] = self._may_miss[channel] = False
        self.events += 1

    def expect_all(self):
        """Nothing may be missing of a stream that was open until now."""
        for channel in self._channels if self._open else ():
            due = self._messages.due(channel)
            if self._expected[channel] < due and not self._may_miss[channel]:
                self._fault(
                    f"messages {self._expected[channel]} to {due - 1} of {channel} are missing"
                )

    def _fault(self, what):
        self.faults.append(f"{self.name}: {what}")

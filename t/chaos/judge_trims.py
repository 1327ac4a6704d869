"""Profile C: whether a client was told of what was trimmed, and only of that.

All entries that ever stood in a stream are known, in order, and of each whether it was *withdrawn*
(XDEL), *trimmed* (XTRIM, and not withdrawn before) or is *retained*. Trimming removes a beginning
of the stream. Let a client stand behind the id c, let n be its next entry, or r the id of a reset
before that. A reset is

- required, when an entry between c and n was trimmed: it is lost to this client;
- forbidden, when what stood first in Redis, asked after the reset had come, was c or older: then
  nothing behind c had been trimmed when the reset was decided on; Redis can show it by the first
  id alone. A withdrawn c is no exception: c was not behind the highest id withdrawn;
- allowed in every other case: c was trimmed, or withdrawn from the beginning, and nothing between
  c and n was trimmed. Ids cannot tell these from a loss.

With or without a reset no retained entry is passed over: between c and n, between c and r and
between r and n all are withdrawn or trimmed. Nothing comes twice, nothing goes back, except behind
the id of a reset; a reset for "trimmed" leads to the oldest entry, so never back.
"""

import bisect
from typing import NamedTuple

from .event_source import Heard, Reset
from .history import parse_id


class Fate(NamedTuple):
    """Of an entry that once stood in the stream."""

    id: tuple
    number: int
    end: str  # "retained", "withdrawn" or "trimmed"


class Fates:
    """All entries of a stream, in order."""

    def __init__(self, fates):
        assert [each.id for each in fates] == sorted({each.id for each in fates})
        self.fates = fates
        self._index = {each.number: index for index, each in enumerate(fates)}

    def index(self, number):
        return self._index.get(number)

    def count_up_to(self, entry_id):
        return bisect.bisect_right(self.fates, entry_id, key=lambda each: each.id)

    def numbers(self, begin, end, fate):
        return [each.number for each in self.fates[begin:end] if each.end == fate]


class TrimJudge:
    """Walks one client's track of one stream; `faults` are what is wrong."""

    def __init__(self, source, stream, fates, messages, counters):
        self._source = source
        self._stream = stream
        self._fates = fates
        self._messages = messages.of[stream]
        self._counters = counters
        self._count = 0  # it stands behind so many of all entries
        self._cursor = (0, 0)
        self._is_placed = False  # of "oldest", by its first entry: before it, all may be gone
        self._has_heard = False
        self._resets = []
        self.faults = []

    def walk(self):
        for item in self._source.tracks[self._stream]:
            if isinstance(item, Heard):
                self._hear(item)
            elif isinstance(item, Reset):
                self._counters["resets"] += 1
                self._check_reset(item)
                self._resets.append(item)
            elif self._source.is_single and not self._is_placed:
                self._stand_at(parse_id(item.id))
        return self.faults

    def judge_end(self):
        """What is wrong with having got nothing behind the last item, though there is more."""
        self._fault("lacks the last message")
        return self.faults[-1:]

    def _fault(self, text):
        self.faults.append(f"{self._source!r}, {self._stream}: {text}")

    def _stand_at(self, entry_id):
        self._cursor = entry_id
        self._count = self._fates.count_up_to(entry_id)
        self._is_placed = True

    def _check_reset(self, reset):
        if reset.reason != "trimmed":
            self._fault(f"{reset}: the only reason can be \"trimmed\"")
        if not self._is_placed:
            if self._source.is_single:
                self._fault(f"{reset} came to a client without a position")
            return
        if reset.oldest_retained and parse_id(reset.oldest_retained) <= self._cursor:
            self._fault(f"{reset} came, its cursor {self._cursor} had nothing trimmed behind it")
        if self._source.is_single:
            count = self._fates.count_up_to(parse_id(reset.id))
            if count < self._count:
                self._fault(f"{reset} leads back behind {self._cursor}")
            self._expect_gone(self._count, count, f"passed over by {reset}")
            self._cursor = parse_id(reset.id)
            self._count = count

    def _hear(self, event):
        resets, self._resets = self._resets, []
        index = self._fates.index(event.number)
        if index is None:
            self._fault(f"message {event.number} never stood in Redis")
            return
        fate = self._fates.fates[index]
        if self._source.is_single and parse_id(event.id) != fate.id:
            self._fault(f"message {event.number} has the id {event.id}, in Redis {fate.id}")
        if self._is_placed:
            self._check_continues(event, index, resets)
        elif self._source.start == "oldest":
            self._expect_gone(0, index, f"before the first event {event.number}")
        if not self._has_heard and self._source.start == "new" and not resets:
            self._check_start(event, index)
        self._has_heard = True
        self._stand_at(fate.id)

    def _check_continues(self, event, index, resets):
        if index < self._count:
            self._fault(f"message {event.number} came again, or goes back")
            return
        self._expect_gone(self._count, index, f"missing before {event.number}")
        trimmed = self._fates.numbers(self._count, index, "trimmed")
        if trimmed and not (resets and not self._source.is_single):
            # Of a single stream the count is behind the reset's id already.
            self._fault(f"{trimmed[:5]} were trimmed, and no reset came before {event.number}")
        if not trimmed and not resets and self._fates.numbers(self._count, index, "withdrawn"):
            self._counters["gaps of withdrawn entries without a reset"] += 1
        if resets:
            self._counters["resets before an entry"] += 1

    def _check_start(self, event, index):
        own = self._messages[event.number]
        if own.acked_at is not None and own.acked_at < self._source.created_at:
            self._fault(f"starts with message {event.number}, which is older than its request")
        missed = [
            each.number
            for each in self._fates.fates[:index]
            if self._messages[each.number].sent_at > self._source.first_open_at
            and each.end == "retained"
        ]
        if missed:
            self._fault(f"starts at message {event.number}, lacks {missed[:5]} sent after its open")

    def _expect_gone(self, begin, end, what):
        passed = self._fates.numbers(begin, end, "retained")
        if passed:
            self._fault(f"{what}: {passed[:5]}, which Redis still has")

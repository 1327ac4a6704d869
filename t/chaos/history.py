"""What stood in a stream: epochs, each of which keeps a beginning of the one before it.

An epoch ends when entries are lost that Redis had shown: a cut tail, a promoted replica that had
not got them. Without that there is one epoch.
"""

import bisect
from typing import NamedTuple


def parse_id(text):
    """(ms, seq) of an id as Redis writes it; raises on any other form."""
    ms, dash, sequence = text.partition("-")
    parsed = (int(ms), int(sequence))
    assert dash and text == f"{parsed[0]}-{parsed[1]}", f"not canonical: {text!r}"
    return parsed


def format_id(entry_id):
    return f"{entry_id[0]}-{entry_id[1]}"


class Entry(NamedTuple):
    id: tuple
    number: int  # of its message


class History:
    """Of one stream. `epochs` are lists of all entries that stood there when the epoch ended."""

    def __init__(self):
        self.epochs = []
        self._ended_at = []
        self._kept = []  # of each epoch: with how many entries of it the next one begins
        self._places = {}  # of each message: its first epoch and its index there

    def end_epoch(self, entries, kept=None, at=0.0):
        """Entries in order; how many of them the next epoch begins with; when, before it begins.

        At the end of the run without the latter two.
        """
        known = set()
        if self.epochs:
            known = {entry.number for entry in self.epochs[-1][: self._kept[-1]]}
            assert entries[: self._kept[-1]] == self.epochs[-1][: self._kept[-1]], (
                "Redis has not kept what it should have"
            )
        for index, entry in enumerate(entries):
            if entry.number not in known:
                assert entry.number not in self._places, f"message {entry.number} was added twice"
                self._places[entry.number] = (len(self.epochs), index)
        assert entries == sorted(set(entries)), "entries are not in order"
        self.epochs.append(entries)
        self._ended_at.append(at)
        self._kept.append(len(entries) if kept is None else kept)

    def __str__(self):
        """The epochs: how many entries, up to which id, how many of them were kept, and until when."""
        return "; ".join(
            f"{number}: {len(entries)} up to {format_id(entries[-1].id) if entries else None},"
            f" {kept} kept at {at:.1f}"
            for number, (entries, kept, at) in enumerate(
                zip(self.epochs, self._kept, self._ended_at)
            )
        )

    @property
    def has_forks(self):
        return self.forks_between(0, len(self.epochs) - 1) > 0

    def has_fork_between(self, begin, end):
        return any(begin < ended_at < end for ended_at in self._ended_at[:-1])

    def follows(self, number, epoch, index):
        """Whether a message is the one after an entry, which stood first at this place."""
        own_epoch, own_index = self._places[number]
        is_shared = own_epoch >= epoch and index < self.shared(epoch, own_epoch)
        return is_shared and own_index == index + 1

    @property
    def entries(self):
        """At the end of the run."""
        return self.epochs[-1]

    def place(self, number):
        """(epoch, index) where a message stands first; None if it never did."""
        return self._places.get(number)

    def shared(self, epoch, later):
        """How many entries of an epoch a later one still begins with."""
        return min([len(self.epochs[epoch]), *self._kept[epoch:later]])

    def forks_between(self, epoch, later):
        """How many of the epochs between lost something of this stream."""
        return sum(
            self._kept[each] < len(self.epochs[each]) for each in range(epoch, later)
        )

    def epoch_at(self, at):
        return sum(ended_at < at for ended_at in self._ended_at[:-1])

    def first_cut(self, epoch, count, at):
        """The first epoch, begun before a moment, that has not got `count` entries of another."""
        for later in range(epoch + 1, len(self.epochs)):
            if self._ended_at[later - 1] < at and self.shared(epoch, later) < count:
                return later
        return None

    def count_up_to(self, epoch, entry_id):
        """How many entries of an epoch have ids up to this one."""
        return bisect.bisect_right(self.epochs[epoch], entry_id, key=lambda entry: entry.id)

    def has_id(self, epoch, entry_id):
        count = self.count_up_to(epoch, entry_id)
        return count > 0 and self.epochs[epoch][count - 1].id == entry_id

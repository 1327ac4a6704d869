"""Profiles A and B: whether what a client got of a stream is what it had to get.

Nothing is trimmed or deleted, so a client that stands behind an entry gets the next one, each
once, in order, with its id. It starts at its position (sse_start new), which is at or behind what
stood there when it asked, and before all that was sent after it saw `open`; or at the first entry.

Entries are lost only at a fork. A client whose own position was lost is *cut*. Before its next
entry a reset is

- required, when it is cut;
- allowed, when it is cut and came back with an id that the new history gave again to another
  entry: ids alone cannot show it; and when it read slowly: more may have been sent to it than it
  had read;
- forbidden otherwise: always, where nothing was ever lost.

One reset for each fork, not more; a client that comes back with the id of a reset, before any
entry, may get another: that id is an entry's only by chance. After a reset the stream goes on
behind the reset's id, and that is not behind the fork.
"""

from .event_source import Heard, Reset
from .history import parse_id


RECENT = 5  # items that are shown before a faulty one


class TrackJudge:
    """Walks one client's track of one stream; `faults` are what is wrong."""

    def __init__(self, source, stream, history, messages, counters):
        self._source = source
        self._stream = stream
        self._history = history
        self._messages = messages.of[stream]
        self._counters = counters
        self._is_placed = source.start == "oldest"
        self._epoch = 0  # it stands behind the first _count entries of _epoch
        self._count = 0
        self._connection = 1  # where it came to stand there
        self._reset = None  # that led there
        self._is_fork_unsure = False  # of that reset
        self._has_heard = False
        self._at = 0  # in the track
        self.faults = []

    def walk(self):
        for self._at, item in enumerate(self._source.tracks[self._stream]):
            if isinstance(item, Heard):
                self._hear(item)
            elif isinstance(item, Reset):
                self._counters["resets"] += 1
                self._take_reset(item)
            elif not self._is_placed and self._source.is_single:
                self._place(item)
        return self.faults

    def judge_end(self):
        """What is wrong with having got nothing behind the last item, though there is more."""
        history = self._history
        final = len(history.epochs) - 1
        came_back = self._source.connection != self._connection
        opened_at = self._source.first_open_at
        if self._is_placed:
            is_behind_all = self._count > 0 and (
                history.count_up_to(final, self._own_id()) == len(history.entries)
            )
            is_cut = history.shared(self._epoch, final) < self._count
            is_excused = is_behind_all and (not is_cut or came_back)
        else:  # of several streams: where it stood was not said
            began_behind = self._messages[history.entries[-1].number].sent_at < opened_at
            is_excused = began_behind or (
                came_back and history.has_fork_between(opened_at, float("inf"))
            )
        if is_excused:
            return []
        self._fault("lacks the last message")
        return self.faults[-1:]

    def _own_id(self):
        return self._history.epochs[self._epoch][self._count - 1].id

    def _fault(self, text):
        recent = self._source.tracks[self._stream][max(0, self._at - RECENT) : self._at + 1]
        lines = "".join(f"\n    {item}" for item in recent)
        standing = f"behind {self._count} entries of epoch {self._epoch}"
        self.faults.append(f"{self._source!r}, {self._stream}, {standing}: {text}{lines}")

    def _stand(self, epoch, count, connection, reset=None):
        self._epoch, self._count = epoch, count
        self._connection = connection
        self._reset = reset
        self._is_fork_unsure = False
        self._is_placed = True

    def _place(self, position):
        """Where the position lies that a client was given before any event."""
        entry_id = parse_id(position.id)
        entries = self._entries_before(entry_id, position.at)
        if entries:
            places = [self._history.place(entry.number) for entry in entries]
            epoch, index = next(filter(self._explains_what_follows, places), places[0])
            self._stand(epoch, index + 1, position.connection)
            return
        if entry_id != (0, 0):
            self._fault(f"stands at {position.id}, where no entry was")
        self._stand(0, 0, position.connection)

    def _entries_before(self, entry_id, at):
        """Those that had this id before a moment, the newest first; a counter gives ids again."""
        history = self._history
        found = []
        for epoch in reversed(range(len(history.epochs))):
            if history.has_id(epoch, entry_id):
                entry = history.epochs[epoch][history.count_up_to(epoch, entry_id) - 1]
                if self._messages[entry.number].sent_at < at and entry not in found:
                    found.append(entry)
        return found

    def _explains_what_follows(self, place):
        """Whether the next item continues there: what a busy client reads late is not the newest."""
        history = self._history
        epoch, index = place
        track = self._source.tracks[self._stream]
        following = track[self._at + 1] if self._at + 1 < len(track) else None
        if following is None or following.connection != track[self._at].connection:
            return True
        if isinstance(following, Heard):
            return history.follows(following.number, epoch, index)
        return not isinstance(following, Reset) or (
            history.first_cut(epoch, index + 1, following.at) is not None
        )

    def _take_reset(self, reset):
        history = self._history
        if not history.has_forks:
            self._fault(f"{reset}, and nothing was ever lost")
        if not self._is_placed:  # a client of several streams: where it stood was not said
            self._stand(history.epoch_at(reset.at), 0, reset.connection, reset)
            self._count = len(history.epochs[self._epoch])
            return
        cut = history.first_cut(self._epoch, self._count, reset.at)
        if cut is not None:
            self._count_reset(reset)
        elif not self._may_be_told(reset):
            self._fault(f"{reset} came, its cursor was not cut")
        epoch = max(self._epoch, history.epoch_at(reset.at)) if cut is None else cut
        count = shared = min(self._count, history.shared(self._epoch, epoch))
        came_back = reset.connection != self._connection
        is_fork_unsure = came_back and self._was_given_again(history.epoch_at(reset.at))
        if self._source.is_single:
            count = history.count_up_to(epoch, parse_id(reset.id))
            if count > shared and not is_fork_unsure:
                self._fault(f"{reset} leads to entry {count}, the fork is at {shared}")
        self._stand(epoch, count, reset.connection, reset)
        self._is_fork_unsure = is_fork_unsure

    def _was_given_again(self, until):
        """Whether the id where the client stands became another entry's; then it has two forks."""
        history = self._history
        if self._count == 0:
            return False
        return any(
            history.has_id(epoch, self._own_id()) and history.shared(self._epoch, epoch) < self._count
            for epoch in range(self._epoch + 1, until + 1)
        )

    def _count_reset(self, reset):
        self._counters["resets of cut clients"] += 1
        how = "had stayed" if reset.connection == self._connection else "came back"
        self._counters[f"resets of cut clients that {how}"] += 1

    def _may_be_told(self, reset):
        came_back_to_reset = self._reset is not None and reset.connection != self._connection
        return came_back_to_reset or self._connection in self._source.slow_connections

    def _hear(self, event):
        history = self._history
        place = history.place(event.number)
        if place is None:
            self._fault(f"message {event.number} never stood in Redis")
            return
        epoch, index = max(place[0], self._epoch), place[1]
        if place[0] < epoch and index >= history.shared(place[0], epoch):
            self._fault(f"message {event.number} came after its history had ended")
            return
        entry = history.epochs[epoch][index]
        if self._source.is_single and parse_id(event.id) != entry.id:
            self._fault(f"message {event.number} has the id {event.id}, in Redis {entry.id}")
        if not self._has_heard and self._reset is None and self._source.start == "new":
            self._check_start(event, epoch, index)
        if self._is_placed:
            self._check_continues(event, epoch, index)
        self._has_heard = True
        self._stand(epoch, index + 1, event.connection)

    def _check_start(self, event, epoch, index):
        """The first event, by what was sent and acknowledged when."""
        own = self._messages[event.number]
        if own.acked_at is not None and own.acked_at < self._source.created_at:
            self._fault(f"starts with message {event.number}, which is older than its request")
        first = self._source.tracks[self._stream][0]
        if event.connection != first.connection and self._history.has_fork_between(
            self._source.first_open_at, event.at
        ):
            return  # its position's id may be another entry's now
        missed = [
            entry.number
            for entry in self._history.epochs[epoch][:index]
            if self._messages[entry.number].sent_at > self._source.first_open_at
        ]
        if missed:
            self._fault(f"starts at message {event.number}, lacks {missed[:5]} sent after its open")

    def _check_continues(self, event, epoch, index):
        history = self._history
        shared = min(self._count, history.shared(self._epoch, epoch))
        if self._count > shared:
            came_back = event.connection != self._connection
            if not (came_back and self._continues_behind_same_id(epoch, index)):
                self._fault(f"message {event.number} came without a reset, its cursor was cut")
        elif self._reset is not None and not self._source.is_single:
            if index > self._count and not self._is_fork_unsure:
                self._fault(f"after {self._reset} came entry {index}, the fork is at {shared}")
        elif index != self._count:
            what = "repeats or goes back" if index < self._count else "entries are missing"
            self._fault(f"{what}: entry {index} after {self._count} of epoch {epoch}")

    def _continues_behind_same_id(self, epoch, index):
        own = self._history.epochs[self._epoch][self._count - 1]
        if not self._history.has_id(epoch, own.id):
            return False
        return not self._source.is_single or self._history.count_up_to(epoch, own.id) == index

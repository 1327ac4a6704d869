"""What the chaos test holds for right and for wrong."""

import random
from collections import Counter

import pytest

from .append_only_file import AppendOnlyFile
from .event_source import EventSource, Heard, Position, Reset
from .history import Entry, History
from .judge_forks import TrackJudge
from .judge_trims import Fate, Fates, TrimJudge
from .messages import Messages, StreamPlan

# Message n is sent and acknowledged at n + 0.5, and stands in Redis as n-0 unless a test says
# otherwise. Clients ask and open at 0.


def make_messages(count):
    messages = Messages([StreamPlan("s", 1)], random.Random(1))
    for number in range(count):
        message = messages.of["s"][messages.new("s")]
        message.sent_at = message.acked_at = number + 0.5
    return messages


def source_of(*track, start="oldest", streams=("s",)):
    source = EventSource(1, "/", list(streams), start, None, 0)
    source.first_open_at = 0
    source.tracks["s"] = list(track)
    return source


def heard(number, connection=1, entry_id=None):
    return Heard(number, entry_id or f"{number}-0", connection, 1000)


def reset(entry_id, connection=1, at=1000, oldest=None, reason="trimmed"):
    return Reset(reason, entry_id, connection, at, oldest)


def entries(*numbers):
    return [Entry((number, 0), number) for number in numbers]


def forks_judge(source, *epochs):
    """Epochs but the last are (entries, kept); they end at 100, 200, …"""
    history = History()
    for number, (stood, kept) in enumerate(epochs[:-1]):
        history.end_epoch(stood, kept, 100 * (number + 1))
    history.end_epoch(epochs[-1])
    return TrackJudge(source, "s", history, make_messages(30), Counter())


def judge_forks(source, *epochs):
    return forks_judge(source, *epochs).walk()


def expect(faults, expected):
    if expected is None:
        assert faults == []
    else:
        assert faults and expected in faults[0], faults


@pytest.mark.parametrize(
    "track, fault",
    [
        ([heard(1), heard(2), heard(3)], None),
        ([heard(1), heard(2, connection=2), heard(3)], None),
        ([heard(2), heard(3)], "entries are missing"),
        ([heard(1), heard(3)], "entries are missing"),
        ([heard(1), heard(1), heard(2)], "repeats or goes back"),
        ([heard(2), heard(1)], "entries are missing"),
        ([heard(1), heard(2), heard(1)], "repeats or goes back"),
        ([heard(1), heard(2, entry_id="2-1")], "has the id 2-1"),
        ([heard(1), reset("1-0"), heard(2)], "nothing was ever lost"),
        ([heard(1), heard(7)], "never stood in Redis"),
    ],
)
def test_where_nothing_is_lost_every_entry_comes_once_in_order_without_a_reset(track, fault):
    expect(judge_forks(source_of(*track), entries(1, 2, 3)), fault)


@pytest.mark.parametrize(
    "track, fault",
    [
        ([Position("2-0", 1, 2.7), heard(3), heard(4)], None),
        ([Position("2-0", 1, 2.7), heard(3, connection=2), heard(4)], None),
        ([Position("2-0", 1, 2.7), Position("2-0", 2, 3), heard(3, 2)], None),
        ([Position("0-0", 1, 0.1), heard(1)], None),
        ([Position("2-0", 1, 2.7), heard(4, connection=2)], "lacks [3]"),
        ([heard(4)], "lacks [3]"),
        ([Position("9-0", 1, 2.7), heard(3)], "where no entry was"),
        ([heard(2), heard(3)], "older than its request"),
    ],
)
def test_a_new_client_starts_between_its_request_and_its_open(track, fault):
    source = source_of(*track, start="new")
    source.created_at = source.first_open_at = 2.7
    if track[0] == Position("0-0", 1, 0.1):
        source.created_at = source.first_open_at = 0.1
    expect(judge_forks(source, entries(1, 2, 3, 4)), fault)


LOST = (entries(1, 2, 3, 4), 2)  # 3 and 4 are lost
NEW = entries(1, 2, 5, 6)


@pytest.mark.parametrize(
    "track, fault",
    [
        # It had 4, or 3, and was told.
        ([heard(1), heard(2), heard(3), heard(4), reset("2-0"), heard(5), heard(6)], None),
        ([heard(1), heard(2), heard(3), reset("2-0", 2), heard(5, 2)], None),
        # The fork need not be known.
        ([heard(1), heard(2), heard(3), reset("0-0"), heard(1), heard(2), heard(5)], None),
        # It had 2: nothing was cut.
        ([heard(1), heard(2), heard(5), heard(6)], None),
        ([heard(1), heard(2), heard(5, 2), heard(6, 2)], None),
        ([heard(1), heard(2), reset("2-0"), heard(5)], "its cursor was not cut"),
        ([heard(1), heard(2), reset("2-0", 2), heard(5, 2)], "its cursor was not cut"),
        # Silence.
        ([heard(1), heard(2), heard(3), heard(5)], "without a reset"),
        ([heard(1), heard(2), heard(3), heard(5, 2)], "without a reset"),
        # Two for one fork; another is right for who came back with the first one's id.
        (
            [heard(1), heard(2), heard(3), reset("2-0"), reset("2-0"), heard(5)],
            "its cursor was not cut",
        ),
        ([heard(1), heard(2), heard(3), reset("2-0"), reset("2-0", 2), heard(5, 2)], None),
        # Behind the fork, or not behind the id that the reset said.
        ([heard(1), heard(2), heard(3), reset("5-0"), heard(6)], "the fork is at 2"),
        ([heard(1), heard(2), heard(3), reset("2-0"), heard(6)], "entries are missing"),
        ([heard(1), heard(2), heard(3), reset("1-0"), heard(5)], "entries are missing"),
        ([heard(1), heard(2), heard(3), reset("2-0"), heard(2), heard(5)], "goes back"),
        # A reset of before there was a fork.
        ([heard(1), heard(2), heard(3), reset("2-0", at=50), heard(3)], "was not cut"),
        # The lost ones never again.
        ([heard(1), heard(2), reset("2-0"), heard(5), heard(3)], "was not cut"),
        ([heard(1), heard(2), heard(5), heard(3)], "after its history had ended"),
    ],
)
def test_who_is_cut_gets_one_reset_and_the_others_none(track, fault):
    expect(judge_forks(source_of(*track), LOST, NEW), fault)


def test_who_has_only_a_position_can_be_cut_too():
    def judge(*track):
        source = source_of(Position("4-0", 1, 5), *track, start="new")
        source.created_at = source.first_open_at = 4.6
        return judge_forks(source, LOST, NEW)

    expect(judge(reset("2-0"), heard(5), heard(6)), None)
    expect(judge(reset("2-0", 2), heard(5, 2), heard(6, 2)), None)
    expect(judge(heard(5), heard(6)), "without a reset")


def test_ids_that_are_given_again_excuse_silence_only_to_who_came_back():
    again = [*entries(1, 2), Entry((3, 0), 13), Entry((4, 0), 14)]
    before = [heard(1), heard(2), heard(3)]

    def judge(*track):
        return judge_forks(source_of(*before, *track), LOST, again)

    expect(judge(heard(14, 2, "4-0")), None)
    expect(judge(reset("2-0", 2), heard(13, 2, "3-0")), None)
    expect(judge(reset("2-0"), heard(13, 1, "3-0")), None)
    expect(judge(heard(14, 1, "4-0")), "without a reset")
    expect(judge(heard(13, 2, "3-0")), "without a reset")


def test_an_id_that_is_of_two_lost_histories_has_two_forks_for_who_came_back():
    again = [*entries(1), *(Entry((n, 0), 10 + n) for n in (2, 3, 4, 5))]
    epochs = ((entries(1, 2, 3, 4), 1), (again, 3), [*again[:3], Entry((20, 0), 20)])
    had = [heard(n) for n in (1, 2, 3, 4)]
    expect(judge_forks(source_of(*had, reset("3-0", 2), heard(20, 2)), *epochs), None)
    expect(judge_forks(source_of(*had, reset("1-0", 2), heard(12, 2, "2-0")), *epochs), None)
    expect(judge_forks(source_of(*had, reset("3-0"), heard(20)), *epochs), "the fork is at 1")


def test_a_position_is_of_the_history_that_goes_on_behind_it():
    again = [*entries(1), *(Entry((n, 0), 10 + n) for n in (2, 3))]

    def judge(opened_at, *track):
        source = source_of(Position("2-0", 1, 150), *track, start="new")
        source.created_at = source.first_open_at = opened_at
        return judge_forks(source, (entries(1, 2, 3), 1), again)

    expect(judge(2.7, heard(3)), None)  # read late: it had been sent before the fork
    expect(judge(2.7, heard(3), reset("1-0"), heard(12, 1, "2-0")), None)
    expect(judge(2.7, reset("1-0"), heard(12, 1, "2-0")), None)
    expect(judge(12.7, heard(13, 1, "3-0")), None)
    expect(judge(2.7, heard(13, 1, "3-0")), "lacks [12]")
    expect(judge(2.7, heard(12, 1, "2-0")), "repeats")


def test_everybody_gets_the_last_message_whose_id_is_not_the_last_ones_by_chance():
    again = [*entries(1), Entry((2, 0), 12)]

    def judge_end(*track):
        source = source_of(*track)
        source.connection = track[-1].connection + 1
        judge = forks_judge(source, (entries(1, 2), 1), again)
        judge.walk()
        return judge.judge_end()

    expect(judge_end(heard(1), heard(2)), None)  # it came back with 2-0, which is the last one's
    expect(judge_end(heard(1)), "lacks the last message")


def test_who_reads_slowly_may_be_told_of_what_it_had_not_read():
    source = source_of(heard(1), heard(2), reset("2-0"), heard(5))
    source.slow_connections = {1}
    expect(judge_forks(source, LOST, NEW), None)


def test_two_forks_are_two_resets_at_most():
    epochs = (LOST, (NEW, 2), entries(1, 2, 7))
    had = [heard(1), heard(2), heard(3)]
    expect(judge_forks(source_of(*had, reset("2-0"), heard(7)), *epochs), None)
    both = [reset("2-0", at=150), heard(5), reset("2-0"), heard(7)]
    expect(judge_forks(source_of(*had, *both), *epochs), None)


def fates(**ends):
    """fates(_1="trimmed", …) of the entries 1 to 6, retained otherwise."""
    return Fates([Fate((n, 0), n, ends.get(f"_{n}", "retained")) for n in range(1, 7)])


def judge_trims(source, stood):
    return TrimJudge(source, "s", stood, make_messages(10), Counter()).walk()


@pytest.mark.parametrize(
    "track, stood, fault",
    [
        ([heard(1), heard(2), heard(3)], fates(), None),
        ([heard(1), heard(3)], fates(), "which Redis still has"),
        ([heard(1), heard(1)], fates(), "came again"),
        # Withdrawn: silence is right, also where the client stands.
        ([heard(1), heard(4)], fates(_2="withdrawn", _3="withdrawn"), None),
        ([heard(1), heard(2), heard(3)], fates(_2="withdrawn"), None),
        (
            [heard(1), heard(2), reset("2-0", 2, oldest="1-0"), heard(3, 2)],
            fates(_2="withdrawn"),
            "nothing trimmed behind it",
        ),
        # Trimmed: a reset, to the oldest.
        ([heard(1), reset("3-9", oldest="4-0"), heard(4)], fates(_2="trimmed", _3="trimmed"), None),
        ([heard(1), heard(4)], fates(_2="trimmed", _3="trimmed"), "no reset came"),
        ([heard(1), heard(4)], fates(_2="trimmed", _3="withdrawn"), "[2] were trimmed"),
        (
            [heard(1), reset("4-0", oldest="4-0"), heard(5)],
            fates(_2="trimmed", _3="trimmed"),
            "passed over",
        ),
        # Once more while it was reading on.
        (
            [heard(1), reset("1-9", oldest="2-0"), reset("3-9", oldest="4-0"), heard(4)],
            fates(_1="trimmed", _2="trimmed", _3="trimmed"),
            None,
        ),
        (
            [heard(1), reset("1-9", oldest="2-0"), heard(4)],
            fates(_1="trimmed", _2="trimmed", _3="trimmed"),
            "no reset came",
        ),
        # Allowed: the client's own entry was trimmed, and none behind it.
        ([heard(1), reset("1-9", oldest="2-0"), heard(2)], fates(_1="trimmed"), None),
        ([heard(1), heard(2)], fates(_1="trimmed"), None),
        # Forbidden: its own entry stands first.
        ([heard(1), reset("0-9", oldest="1-0"), heard(2)], fates(), "nothing trimmed behind it"),
        ([heard(2), reset("1-9", oldest="2-0"), heard(2)], fates(_1="trimmed"), "nothing trimmed"),
        ([heard(1), reset("3-9", reason="ahead"), heard(4)], fates(), "can be \"trimmed\""),
        # Begins with the oldest.
        ([heard(3)], fates(_1="trimmed", _2="withdrawn"), None),
        ([heard(3)], fates(_1="trimmed"), "before the first event"),
    ],
)
def test_who_lost_something_by_trimming_is_told_and_the_others_are_not(track, stood, fault):
    expect(judge_trims(source_of(*track), stood), fault)


def command(*words):
    parts = [word.encode() for word in words]
    lengths = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
    return b"*%d\r\n%s" % (len(parts), lengths)


def test_the_tail_of_an_append_only_file_is_cut_between_two_commands(tmp_path):
    folder = tmp_path / "appendonlydir"
    folder.mkdir()
    older, newer = (folder / f"appendonly.aof.{n}.incr.aof" for n in (2, 10))
    older.write_bytes(command("XADD", "s", "1-0", "data", "older"))
    select = command("SELECT", "0")
    added = [command("XADD", "s", f"{n}-0", "data", "x\r\n" * n) for n in range(3)]
    newer.write_bytes(select + added[0] + added[1] + select + added[2] + added[0][:-3])
    file = AppendOnlyFile(tmp_path)
    assert [entry_id for _, entry_id, _ in file.entries()] == ["0-0", "1-0", "2-0"]
    assert file.entries()[2] == ("s", "2-0", {b"data": b"x\r\nx\r\n"})
    file.cut(1)
    assert newer.read_bytes() == select + added[0] + added[1] + select
    file.cut(1)
    assert newer.read_bytes() == select + added[0]
    file.cut(5)
    assert newer.read_bytes() == select

"""The soak test, run for a short time, and what it concludes from its samples."""

import random

import pytest

from . import soak, verdict
from .messages import FILLING, Ear
from .world import World

KIB = 1024


def test_nothing_is_lost_or_left_behind_on_any_transport(
    tmp_path, nginx_binary, module_path, nginx_environment
):
    world = World(tmp_path, nginx_binary, module_path, nginx_environment)
    with world:
        run = soak.Soak(world, 12, seed=1)
        is_well = run.run()
    assert is_well, "\n".join(run.findings)
    assert run.load.totals.by_transport.keys() == {transport.name for transport in world.transports}
    assert run.load.totals.events > 200
    assert run.load.totals.resets > 0, "the connection to Redis was cut"
    assert run.load.totals.ended_by_server > 0, "a reload drained streams"
    (pids,) = [line["workers"].keys() for line in run.recorder.lines[:1]]
    assert len(pids) == 2


def noisy(slope, count=8, noise=60):
    rng = random.Random(1)
    return [10_000 * KIB + slope * i + rng.randrange(noise * KIB) for i in range(count)]


def test_growth_is_seen_through_noise():
    found = verdict.growth(noisy(40 * KIB))
    assert found.is_leak(200 * KIB)
    assert 30 * KIB < found.per_step < 50 * KIB


def test_noise_is_no_growth():
    assert not verdict.growth(noisy(0)).is_leak(20 * KIB)


def test_what_grows_at_first_and_then_stays_is_no_leak():
    assert not verdict.growth([5000, 7000, 8000, 8500, 8500, 8500, 8500, 8500]).is_leak(100)


def test_one_odd_sample_decides_nothing():
    assert not verdict.growth([100, 100, 100, 100, 100, 100, 100, 9000]).is_leak(10)


def test_growth_is_put_down_to_what_it_came_with():
    causes = [(0, 0), (100, 10), (110, 110), (210, 120), (220, 220)]
    values = [1000 * visits + 7 * messages for visits, messages in causes]
    assert verdict.shares(values, causes) == pytest.approx((1000, 7))


class Published:
    """Messages of one channel, as far as an ear asks for them."""

    def __init__(self, count, due):
        self.next_number = {"t0": count}
        self._due = due

    def due(self, channel):
        return self._due


class Heard:
    def __init__(self, number=None, name=None, channel="t0", filling=FILLING[:3]):
        self.name = name
        self.data = (
            f"{channel} {number} 3 {filling}" if name is None else f'{{"channel":"{channel}"}}'
        )


RESET = Heard(name="reset")


@pytest.mark.parametrize(
    "heard, fault",
    [
        ([Heard(10), Heard(11)], None),
        ([Heard(8), Heard(9), Heard(10)], None),
        ([RESET, Heard(12), Heard(13)], None),
        ([Heard(11)], "messages 10 to 10 of t0 did not come"),
        ([Heard(10), Heard(12)], "messages 11 to 11 of t0 did not come"),
        ([Heard(10), Heard(10)], "message 10 of t0 came after 10"),
        ([RESET, Heard(12), Heard(14)], "messages 13 to 13 of t0 did not come"),
        ([Heard(10, filling="The")], None),
        ([Heard(10, filling="Thf")], "is not what was sent"),
        ([Heard(10, channel="t1")], "is not what was sent"),
    ],
)
def test_an_ear_notes_what_is_lost_doubled_or_torn(heard, fault):
    ear = Ear("stream", ["t0"], Published(count=10, due=8))
    ear.on_open()
    for block in heard:
        ear.hear(block)
    assert [fault in noted for noted in ear.faults] == ([True] if fault else [])


@pytest.mark.parametrize(
    "due, missing", [(8, None), (10, None), (12, "messages 10 to 11 of t0 are missing")]
)
def test_an_ear_misses_what_should_have_come_by_now(due, missing):
    ear = Ear("stream", ["t0"], Published(count=10, due=due))
    ear.on_open()
    ear.expect_all()
    assert ear.faults == ([f"stream: {missing}"] if missing else [])

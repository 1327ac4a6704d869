"""Whether something grows: a line through noise by medians; an odd sample decides nothing."""

import itertools
import statistics
from typing import NamedTuple


class Growth(NamedTuple):
    per_step: float  # the median of the slopes between any two samples
    total: float  # over all samples
    is_steady: (
        bool  # three of four of these slopes rise, and the last third is above the middle one
    )

    def is_leak(self, allowed):
        return self.is_steady and self.total > allowed


def growth(values):
    """Of samples that would all be the same if nothing were left behind; needs six of them."""
    assert len(values) >= 6, values
    pairs = itertools.combinations(enumerate(values), 2)
    slopes = sorted((b - a) / (j - i) for (i, a), (j, b) in pairs)
    third = len(values) // 3
    rises = statistics.median(values[-third:]) > statistics.median(values[third : 2 * third])
    per_step = statistics.median(slopes)
    return Growth(per_step, per_step * (len(values) - 1), rises and slopes[len(slopes) // 4] > 0)


def shares(values, causes):
    """How much of a growth each of two causes explains, per unit: least squares over the steps.

    `causes` are pairs of running totals, one for each value.
    """
    steps = [b - a for a, b in itertools.pairwise(values)]
    units = [(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(causes)]
    xx = sum(x * x for x, _ in units)
    yy = sum(y * y for _, y in units)
    xy = sum(x * y for x, y in units)
    xz = sum(x * z for (x, _), z in zip(units, steps))
    yz = sum(y * z for (_, y), z in zip(units, steps))
    determinant = xx * yy - xy * xy
    if determinant == 0:
        return 0.0, 0.0
    return (xz * yy - yz * xy) / determinant, (yz * xx - xz * xy) / determinant

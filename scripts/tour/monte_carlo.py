"""A Monte Carlo integral with reproducible random streams.

Each task has a stream of random numbers of its own, seeded by (seed, sample size,
replicate). So the result depends on the tasks alone: not on how many engines
there are, nor on which of them a task comes to.

Local engines have the client's `sys.path`, so they find this module, and with it
`integrand`, by name.
"""

from __future__ import annotations

import random
from math import cos, log, sin, sqrt
from operator import ne
from statistics import fmean, linear_regression
from time import perf_counter
from typing import NamedTuple

from story import Story

from parallel import Client

__all__ = ["tell"]

SEED = 20240229
SIZES = [200, 800, 3200, 12800, 51200]
REPLICATES = 64


class Estimate(NamedTuple):
    """One estimate of the integral, and the variance of its samples."""

    value: float
    variance: float


def integrand(x: float) -> float:
    """Return the height of the curve."""
    return sin(x) / (x + cos(x) ** 2)


def estimate(task: tuple[int, int, int]) -> Estimate:
    """Estimate the integral from n samples of this task's own random stream."""
    seed, n, replicate = task
    stream = random.Random(f"{seed}/{n}/{replicate}")
    samples = [integrand(stream.random()) for _ in range(n)]
    value = sum(samples) / n
    return Estimate(value, sum((y - value) ** 2 for y in samples) / (n - 1))


def integrate(rc: Client) -> list[Estimate]:
    """Make every estimate, wherever an engine is free."""
    tasks = [(SEED, n, replicate) for n in SIZES for replicate in range(REPLICATES)]
    lview = rc.load_balanced_view()
    estimates: list[Estimate] = lview.map(estimate, tasks, block=True)
    return estimates


def integrate_again(rc: Client) -> list[Estimate]:
    """Make them once more, backwards, in equal shares on every other engine."""
    tasks = [(SEED, n, replicate) for n in SIZES for replicate in range(REPLICATES)]
    estimates: list[Estimate] = rc[::2].map_sync(estimate, tasks[::-1])
    return estimates[::-1]


def simpson(intervals: int = 1000) -> float:
    """Return the integral by Simpson's rule, exact to twelve digits."""
    h = 1 / intervals
    ends = integrand(0.0) + integrand(1.0)
    odd = sum(integrand(i * h) for i in range(1, intervals, 2))
    even = sum(integrand(i * h) for i in range(2, intervals, 2))
    return h / 3 * (ends + 4 * odd + 2 * even)


def tell(story: Story, rc: Client) -> None:
    """Tell the chapter."""
    story.chapter("3. A Monte Carlo integral")
    story.say(
        f"""The integral of sin(x) / (x + cos(x)**2) on [0, 1], from random points:
        {len(SIZES)} sample sizes, {REPLICATES} independent estimates of each, every
        estimate a task with a random stream of its own."""
    )
    story.code(estimate, integrate)
    begun = perf_counter()
    first = integrate(rc)
    wall = perf_counter() - begun
    story.say(
        """And once more, in another order, on half of the engines, without load
        balancing:"""
    )
    story.code(integrate_again)
    second = integrate_again(rc)

    truth = simpson()
    groups = [first[at : at + REPLICATES] for at in range(0, len(first), REPLICATES)]
    errors = [sqrt(fmean((e.value - truth) ** 2 for e in group)) for group in groups]
    story.table(
        ["n", "one estimate", "error (RMS)", "error * sqrt(n)"],
        [
            [n, f"{group[0].value:.6f}", f"{error:.6f}", f"{error * sqrt(n):.4f}"]
            for n, group, error in zip(SIZES, groups, errors, strict=True)
        ],
    )
    samples = sum(SIZES) * REPLICATES
    story.say(f"{samples:,} samples in {len(first)} tasks took {wall:.2f} s.")
    check(story, first, second, errors)


def check(
    story: Story, first: list[Estimate], second: list[Estimate], errors: list[float]
) -> None:
    """Hold both runs against the truth and against each other."""
    truth = simpson()
    largest = first[-REPLICATES:]
    value = fmean(e.value for e in largest)
    sigma = sqrt(fmean(e.variance for e in largest) / (SIZES[-1] * REPLICATES))
    slope = linear_regression([log(n) for n in SIZES], [log(e) for e in errors]).slope
    print()
    story.check(f"Simpson's rule gives {truth:.5f}", f"{truth:.5f}" == "0.36358")
    story.check(
        f"all estimates of the last size together: {value:.5f} +- {sigma:.5f}",
        abs(value - truth) < 4 * sigma,
        f"that is {(value - truth) / sigma:.1f} sigma off",
    )
    story.check(
        f"the error falls as n**({slope:.2f}), by theory n**(-0.5)",
        abs(slope + 0.5) < 0.1,
    )
    story.check(
        "the second run gave the same numbers, to the last bit",
        second == first,
        f"{sum(map(ne, first, second))} of {len(first)} differ",
    )

"""Many samples in five figures."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """What is told of a figure's samples.

    `p99` is on the bad side: 99 of 100 samples are as good or better, whether less
    or more is better.  With fewer than 100 samples it is the worst.
    """

    n: int
    median: float
    p99: float
    min: float
    max: float


def summarize(samples: Sequence[float], *, higher_is_better: bool) -> Summary:
    """Return the summary of at least one sample."""
    from_best = sorted(samples, reverse=higher_is_better)
    rank = -(-99 * len(from_best) // 100)
    return Summary(
        n=len(from_best),
        median=statistics.median(from_best),
        p99=from_best[rank - 1],
        min=min(from_best),
        max=max(from_best),
    )

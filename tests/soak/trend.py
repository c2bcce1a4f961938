"""Whether a curve is flat: judged so that neither a spike nor chance decides.

1. The first quarter is warm-up: caches fill, and memory is touched for the first time.
2. The rest is cut into 24 windows of equal length. Of each counts the lower quartile:
   what work needs for a moment, such as a large argument, is above it; what is never
   given back is in it.
3. A line is fitted to these as Theil and Sen do: its slope is the median of the slopes
   between any two of them, so that up to a quarter of them may be anything.
4. By so much as the line rises from the end of the warm-up to the end, it has grown.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from statistics import median

from tests.soak.samples import Curve

__all__ = ["WARM_UP", "Trend", "trend_of"]

#: This part of the time is warm-up.
WARM_UP = 0.25
WINDOWS = 24


@dataclass(frozen=True)
class Trend:
    """What became of a curve.

    Parameters
    ----------
    begin, warm, end
        At first, after the warm-up, and at last.
    most
        The highest value of all.
    growth
        By how much it has grown since the warm-up.
    hours
        How long that was.
    points
        What counted of each window: its middle, seconds since the begin, and a value.
    """

    begin: float
    warm: float
    end: float
    most: float
    growth: float
    hours: float
    points: list[tuple[float, float]]

    @property
    def rate(self) -> float:
        """By how much it grows in an hour."""
        return self.growth / self.hours if self.hours else 0.0


def trend_of(curve: Curve) -> Trend:
    """Return what became of a curve that has one value at least."""
    times, values = curve.times, curve.values
    begin = times[0] + WARM_UP * (times[-1] - times[0])
    points = _windows(curve, begin)
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for earlier, later in combinations(points, 2)
    ]
    watched = times[-1] - begin
    return Trend(
        begin=values[0],
        warm=points[0][1],
        end=points[-1][1],
        most=max(values),
        growth=median(slopes) * watched if slopes else 0.0,
        hours=watched / 3600,
        points=points,
    )


def _windows(curve: Curve, begin: float) -> list[tuple[float, float]]:
    """Return the middle of each window, and the lower quartile of what it has."""
    length = (curve.times[-1] - begin) / WINDOWS
    windows: dict[int, list[float]] = {}
    for moment, value in zip(curve.times, curve.values, strict=True):
        if moment >= begin:
            which = min(WINDOWS - 1, int((moment - begin) / length)) if length else 0
            windows.setdefault(which, []).append(value)
    return [
        (begin + (which + 0.5) * length, sorted(found)[len(found) // 4])
        for which, found in sorted(windows.items())
    ]

"""Swing a weight on a spring, driven by an oscillating force.

This stands for the program that somebody else wrote: it knows nothing of
`parallel`. It takes its parameter on the command line, writes its result to
stdout, a word about its work to stderr, and exits with status 3 if the spring
breaks.
"""

from __future__ import annotations

import argparse
import sys
from math import cos, hypot

__all__ = ["main"]

FRICTION = 0.05
STRENGTH = 18.0
STEP = 0.05
STEPS = 8000


class SpringBroke(Exception):
    """Raised when the weight has swung too far."""


def acceleration(time: float, x: float, v: float, frequency: float) -> float:
    """Return the sum of the three forces on a unit weight."""
    return cos(frequency * time) - FRICTION * v - x


def swing(frequency: float) -> float:
    """Return the amplitude that the weight settles on (Runge and Kutta's method)."""
    x = v = 0.0
    h = STEP
    for step in range(STEPS):
        t = step * h
        a1 = acceleration(t, x, v, frequency)
        v2 = v + h / 2 * a1
        a2 = acceleration(t + h / 2, x + h / 2 * v, v2, frequency)
        v3 = v + h / 2 * a2
        a3 = acceleration(t + h / 2, x + h / 2 * v2, v3, frequency)
        v4 = v + h * a3
        a4 = acceleration(t + h, x + h * v3, v4, frequency)
        x += h / 6 * (v + 2 * v2 + 2 * v3 + v4)
        v += h / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
        if abs(x) > STRENGTH:
            raise SpringBroke(f"the spring broke at t = {t:.1f}, x = {x:.1f}")
    return hypot(x, v / frequency) if frequency else abs(x)


def main() -> int:
    """Read the command line, simulate, tell; return the exit status."""
    parser = argparse.ArgumentParser(description="Swing a weight on a spring.")
    parser.add_argument("--frequency", type=float, required=True)
    frequency = parser.parse_args().frequency
    try:
        amplitude = swing(frequency)
    except SpringBroke as error:
        print(f"simulator: error: {error}", file=sys.stderr)
        return 3
    print(f"simulator: {STEPS} steps of {STEP}", file=sys.stderr)
    print(f"amplitude {amplitude:.6f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

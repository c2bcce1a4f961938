"""Sweep a simulation over all combinations of its parameters.

Heat spreads along a rod, computed by finite differences for every mesh width and every
time step. Some combinations are unstable: they fail, are reported, and cost the others
nothing. Prints a table, the most accurate combination first, then what failed.
"""

import itertools
import math
from argparse import SUPPRESS, ArgumentParser

import parallel as ipp

END = 0.1  # the time at which we look


def simulate(width, step):
    """Return the temperature in the middle of the rod at the end."""
    ratio = step / width**2
    if ratio > 0.5:
        raise ArithmeticError(f"unstable: step / width² is {ratio:.2f}, over 0.5")
    cells = round(1 / width)
    heat = [math.sin(math.pi * i / cells) for i in range(cells + 1)]
    for _ in range(round(END / step)):
        inner = [
            here + ratio * (left - 2 * here + right)
            for left, here, right in zip(heat, heat[1:], heat[2:], strict=False)
        ]
        heat = [0.0, *inner, 0.0]
    return heat[cells // 2]


def predict(width, step):
    """Return what the scheme gives in exact arithmetic: a power, for a sine."""
    factor = 1 - 4 * step / width**2 * math.sin(math.pi * width / 2) ** 2
    return factor ** round(END / step)


def main(rc):
    """Run the sweep, print the table, check every cell of it."""
    widths = [1 / 10, 1 / 20, 1 / 40]
    steps = [0.005, 0.0025, 0.00125, 0.000625, 0.00025]
    sweep = list(itertools.product(widths, steps))

    lview = rc.load_balanced_view()
    ar = lview.map_async(
        lambda cell: simulate(*cell), sweep, chunksize=1, return_exceptions=True
    )
    runs = list(zip(sweep, ar.get(), strict=True))
    good = [run for run in runs if not isinstance(run[1], Exception)]
    failed = [run for run in runs if isinstance(run[1], Exception)]

    exact = math.exp(-(math.pi**2) * END)
    print("   width       step    middle      error")
    for (width, step), heat in sorted(good, key=lambda run: abs(run[1] - exact)):
        print(f"{width:8.4f} {step:10.6f} {heat:9.6f} {heat - exact:+10.2e}")
    for (width, step), error in failed:
        print(f"{width:8.4f} {step:10.6f} failed: {error}")

    assert all(math.isclose(heat, predict(*cell)) for cell, heat in good)
    assert all(isinstance(error, ArithmeticError) for _, error in failed)
    assert [cell for cell, _ in failed] == [
        (width, step) for width, step in sweep if step / width**2 > 0.5
    ]
    print(f"{len(runs)} runs: {len(good)} as predicted, {len(failed)} unstable")


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, argument_default=SUPPRESS)
    parser.add_argument("--profile", help="of a cluster that is running")
    parser.add_argument("--cluster-id", help="of one in this profile")
    asked = vars(parser.parse_args())
    with ipp.Client(**asked) if asked else ipp.Cluster(n=4) as rc:
        main(rc)

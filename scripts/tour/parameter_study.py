"""A parameter study: an external program, run once for each of 100 parameters.

Local engines have the client's `sys.path`, so they find this module, and with it
`run` and `SIMULATOR`, by name.
"""

from __future__ import annotations

import subprocess
import sys
from math import hypot
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from simulator import FRICTION
from story import Story

from parallel import Client

__all__ = ["tell"]

SIMULATOR = str(Path(__file__).with_name("simulator.py"))
#: The spring swings by itself at 1, and does not survive being driven there.
FREQUENCIES = [step / 50 for step in range(100)]
BREAKING = FREQUENCIES.index(1.0)


class Run(NamedTuple):
    """What one run of the program left."""

    status: int
    stdout: str
    stderr: str


def run(frequency: float) -> Run:
    """Run the simulator once."""
    command = [sys.executable, SIMULATOR, f"--frequency={frequency}"]
    done = subprocess.run(command, capture_output=True, text=True)
    return Run(done.returncode, done.stdout, done.stderr)


def study(rc: Client) -> list[Run]:
    """Run the simulator for each frequency, wherever an engine is free."""
    lview = rc.load_balanced_view()
    runs: list[Run] = lview.map(run, FREQUENCIES, block=True)
    return runs


def expected(frequency: float) -> float:
    """Return the amplitude that the textbook gives."""
    return 1 / hypot(1 - frequency**2, FRICTION * frequency)


def tell(story: Story, rc: Client) -> None:
    """Tell the chapter."""
    story.chapter("1. A parameter study")
    story.say(
        f"""simulator.py is a program of its own: a weight on a spring, driven at a
        frequency; it prints how far the weight swings. It is run for
        {len(FREQUENCIES)} frequencies. One of them breaks the spring: that run
        prints an error and exits with status 3."""
    )
    story.code(run, study)
    begun = perf_counter()
    runs = study(rc)
    wall = perf_counter() - begun

    rows = []
    for index in (0, 25, BREAKING - 1, BREAKING, BREAKING + 1, 75, 99):
        done = runs[index]
        said = (done.stdout if done.status == 0 else done.stderr).strip()
        rows.append([f"{FREQUENCIES[index]:.2f}", done.status, said])
    story.say(f"{len(runs)} runs of the program took {wall:.2f} s. Some of them:")
    story.table(["frequency", "status", "what it said"], rows)
    check(story, runs)


def check(story: Story, runs: list[Run]) -> None:
    """Hold the runs against what is known of them."""
    print()
    bad = {at: done for at, done in enumerate(runs) if done.status != 0}
    good = {at: done for at, done in enumerate(runs) if done.status == 0}
    story.check("one run of 100 failed, the one meant to", [*bad] == [BREAKING], bad)
    broken = runs[BREAKING]
    story.check(
        "it is reported: status 3, a message on stderr, nothing on stdout",
        broken.status == 3 and "spring broke" in broken.stderr and not broken.stdout,
        broken,
    )
    story.check(
        "the other 99 left their result and their diagnostic",
        len(good) == 99
        and all(done.stdout.startswith("amplitude") for done in good.values())
        and all("8000 steps" in done.stderr for done in good.values()),
        [done for done in good.values() if "8000 steps" not in done.stderr],
    )
    total = sum(float(done.stdout.split()[-1]) for done in good.values())
    truth = sum(expected(FREQUENCIES[at]) for at in good)
    story.check(
        f"their sum is {total:.3f}, by the textbook {truth:.3f}",
        abs(total / truth - 1) < 1e-4,
        f"they differ by {total - truth:.6f}",
    )

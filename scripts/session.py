"""Measure what a session in IPython takes: import, %px on many engines, a first line.

The exit status is 1 if a median misses its budget.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import parallel as ipp

#: The import, seconds; %px on so many engines beside one; a first line, seconds.
IMPORT, ENGINES, RATIO, LINE = 0.150, 16, 3.0, 0.050
#: So often measurements take turns that are compared.
TURNS = 10
#: What engines print for the last one.
PRINTING = "for i in range(1000): print('line', i)"
#: An import, timed in the process that does it.
TIMED = (
    "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
)


class Told(io.StringIO):
    """What a cell shows, and when it began to."""

    first = 0.0

    def write(self, text: str) -> int:
        """Take a text."""
        self.first = self.first or time.perf_counter()
        return super().write(text)


def imported(module: str) -> float:
    """Return how long an interpreter takes to import a module, seconds."""
    command = [sys.executable, "-c", TIMED.format(module)]
    done = subprocess.run(
        command, capture_output=True, check=True, cwd=Path(__file__).parent.parent
    )
    return float(done.stdout)


def timed(run: Callable[[], object]) -> float:
    """Return how long a call takes, seconds."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def measured(measure: Callable[[], float], times: int) -> list[float]:
    """Return some measurements behind one that does not count."""
    measure()
    return [measure() for _ in range(times)]


def median(measure: Callable[[], float], times: int) -> float:
    """Return the median of some measurements."""
    return statistics.median(measured(measure, times))


def medians(measures: Sequence[Callable[[], float]], times: int) -> list[float]:
    """Return the medians of measurements that take turns, a few of each at a time.

    How fast a call is that waits most of the time changes by a third with where the
    processes happen to run: for a while, so that one alone is not to be compared.
    """
    found: list[list[float]] = [[] for _ in measures]
    for _ in range(TURNS):
        for measure, seconds in zip(measures, found, strict=True):
            seconds += measured(measure, times)
    return [statistics.median(each) for each in found]


@contextlib.contextmanager
def session(engines: int) -> Iterator[tuple[Any, ipp.Client]]:
    """Have IPython in this process, and a cluster."""
    config = Config()
    config.HistoryManager.enabled = False
    module = types.ModuleType("session")
    shell: Any = InteractiveShell.instance(config=config, user_module=module)
    with ipp.Cluster(n=engines) as rc:
        rc.activate()
        shell.run_line_magic("pxconfig", "--progress-after -1")
        yield shell, rc
    InteractiveShell.clear_instance()


def px_on(shell: Any, engines: str) -> float:
    """Return how long a cell takes that does nothing, seconds."""
    return timed(lambda: shell.run_cell_magic("px", f"-t {engines}", "pass"))


def first_line(shell: Any) -> float:
    """Return how long a cell takes to show the first of many lines, seconds."""
    told: Any = Told()
    with contextlib.redirect_stdout(told):
        began = time.perf_counter()
        shell.run_cell_magic("px", "", PRINTING)
    if told.getvalue().count("line") != 4 * 1000:
        raise RuntimeError("not all that was printed has been shown")
    return float(told.first - began)


def say(what: str, value: str, ok: bool) -> bool:
    """Print a figure, and whether it keeps its budget; return that."""
    print(f"{what:<52}{value:<34}{'met' if ok else 'MISSED'}", flush=True)
    return ok


def main() -> int:
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=21, help="of each (%(default)s)")
    times = parser.parse_args().times
    own = median(lambda: imported("parallel"), times)
    zmq = median(lambda: imported("zmq"), times)
    told = f"{own * 1e3:.0f} ms, {own / zmq:.1f} x import zmq"
    met = [say(f"import parallel, <= {IMPORT * 1e3:.0f} ms", told, own <= IMPORT)]
    with session(ENGINES) as (shell, rc):
        call = median(lambda: timed(lambda: rc[0].apply_sync(abs, -1)), times * 5)
        both = [lambda: px_on(shell, "0"), lambda: px_on(shell, "all")]
        one, every = medians(both, times)
    print(f"(a call of one engine, without IPython: {call * 1e3:.2f} ms)")
    told = f"{every * 1e3:.1f} ms, {every / one:.1f} x {one * 1e3:.1f} ms"
    what = f"%px pass on {ENGINES} engines, <= {RATIO:.0f} x on one"
    met.append(say(what, told, every <= RATIO * one))
    with session(4) as (shell, _):
        line = median(lambda: first_line(shell), times)
    what = f"the first of 4 x 1,000 lines, < {LINE * 1e3:.0f} ms"
    met.append(say(what, f"{line * 1e3:.1f} ms", line < LINE))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Runs one sitting in a process of its own, and leaves nothing of it behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import uuid
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.environments import ROOT
from benchmarks.outcome import Outcome, measuring_process
from benchmarks.plan import Sitting

#: Seconds that a finished sitting's processes have to end by themselves.
DEPARTURE = 5.0

#: Seconds between looks at a sitting's progress.
INTERVAL = 1.0

#: Seconds for a sitting that hangs to write down where.
CONFESSION = 0.5

#: How often what is left of a sitting is looked for and killed.
ROUNDS = 10

#: What fails where every measurement has been made.
END = "the end of a sitting"

#: Lines of a sitting's output that are told when it fails.
TOLD = 25


class Runner:
    """Runs sittings, one after the other.

    Parameters
    ----------
    folder
        Working folder of the sittings, for their temporary files and their logs.
    quick
        Fewer calls and bouts.
    """

    def __init__(self, folder: Path, *, quick: bool) -> None:
        self.folder = folder
        self.quick = quick

    def run(self, sitting: Sitting, python: str) -> Outcome:
        """Run a sitting and return what it found, its failures included."""
        mark = uuid.uuid4().hex
        results, log = self.folder / f"{mark}.jsonl", self.folder / f"{mark}.log"
        results.touch()
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.command(sitting, python, results),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.environment(sitting, mark),
                cwd=self.folder,
                start_new_session=True,
            )
        try:
            trouble = watch(process, results, self.patience(sitting))
            left = () if trouble else departed(mark)
        finally:
            clear(process, mark)
        if process.returncode and not trouble:
            trouble = f"exit status {process.returncode}"
        outcome = Outcome.read(sitting, results)
        missing = ", ".join(outcome.missing(sitting))
        if trouble or missing:
            said = log.read_text(encoding="utf-8", errors="replace").splitlines()
            why = "\n".join([trouble or "no result", *said[-TOLD:]])
            outcome.fail(sitting, missing or END, why)
        if left and not sitting.contestant.requirements:
            why = f"still there {DEPARTURE:.0f} s later: {', '.join(left)}"
            outcome.fail(sitting, END, why)
        return outcome

    def patience(self, sitting: Sitting) -> float:
        """Return how long to wait for each of a sitting's results."""
        return max(each.limit(quick=self.quick) for each in sitting.measurements)

    def command(self, sitting: Sitting, python: str, results: Path) -> list[str]:
        """Return the command line of a sitting."""
        contestant = sitting.contestant
        engines = sitting.measurements[0].engines
        order = json.dumps(self.order(sitting, results))
        module = ["-m", "benchmarks.sitting", order]
        if not contestant.under_mpi:
            return [python, *module]
        mpiexec = str(Path(python).with_name("mpiexec"))
        ranks = str(engines + 1)
        return [mpiexec, "-n", ranks, python, "-m", "mpi4py.futures", *module]

    def order(self, sitting: Sitting, results: Path) -> dict[str, Any]:
        """Return what `sitting` is told."""
        contestant, first = sitting.contestant, sitting.measurements[0]
        amounts = []
        for each in sitting.measurements:
            count = each.size(quick=self.quick)
            bouts = max(1, each.bouts // 3) if self.quick else each.bouts
            amounts.append(
                {
                    "name": each.name,
                    "method": each.method,
                    "count": contestant.count(each.name, count),
                    "bouts": bouts,
                    "seconds": each.seconds,
                }
            )
        return {
            "module": f"benchmarks.systems.{contestant.module}",
            "factory": contestant.factory,
            "arguments": contestant.arguments,
            "packages": contestant.packages,
            "engines": first.engines,
            "transport": first.transport,
            "results": str(results),
            "measurements": amounts,
        }

    def environment(self, sitting: Sitting, mark: str) -> dict[str, str]:
        """Return a sitting's environment: this checkout, and nobody's profiles."""
        paths = [str(ROOT / "scripts")]
        if not sitting.contestant.requirements:
            paths.append(str(ROOT))
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "IPYTHONDIR": str(self.folder / "ipython"),
            "TMPDIR": str(self.folder),
            processes.MARK: mark,
        }


def watch(
    process: subprocess.Popen[bytes], results: Path, patience: float
) -> str | None:
    """Wait for a sitting to end; return what is wrong if it hangs.

    Patience counts from its last result: a sitting of many measurements may take
    long, one measurement may not.
    """
    size, idle = 0, 0.0
    while processes.Departure([process.pid]).wait(INTERVAL):
        idle += INTERVAL
        if (now := results.stat().st_size) != size:
            size, idle = now, 0.0
        if idle < patience:
            continue
        told = measuring_process(results)
        if told is not None:
            os.kill(told, signal.SIGUSR1)
            processes.Departure([process.pid]).wait(CONFESSION)
        return f"no result for {patience:.0f} s; where it was:"
    process.wait()
    return None


def departed(mark: str) -> list[str]:
    """Wait for the last processes of a sitting; return the names of those that stay."""
    left = processes.Departure(marked(mark)).wait(DEPARTURE)
    return [processes.name(each) for each in left]


def clear(process: subprocess.Popen[bytes], mark: str) -> None:
    """Kill what is left of a sitting, and what that starts in its place."""
    for _ in range(ROUNDS):
        left = marked(mark)
        if not left:
            break
        processes.kill(left)
        processes.Departure(left).wait(INTERVAL)
    process.kill()
    process.wait()


def marked(mark: str) -> set[int]:
    """Return what is left of a sitting whose first process may be gone."""
    return processes.members(mark, client=-1)

"""What runs have found, in words and as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from tests.chaos.run import Run

__all__ = ["as_json", "in_words", "summary"]

#: So many complaints of a run are told in words.
SHOWN = 20


def in_words(run: Run) -> str:
    """Tell what one run has found: a line, and one for each complaint."""
    faults = ", ".join(f"{n} {name}" for name, n in sorted(run.faults.items()))
    excused = ", ".join(f"{n} {name}" for name, n in sorted(run.excused.items()))
    memory = ", ".join(
        f"{name} {before:g} to {after:g} MiB"
        for name, (before, after) in sorted(run.memory.items())
    )
    told = [
        f"seed {run.seed}: {sum(run.jobs.values())} jobs, {run.tasks} tasks",
        f"{run.again} started again after a death",
        f"the longest took {run.longest:.1f} s",
        f"faults: {faults or 'none'}",
    ]
    if excused:
        told.append(f"errors as they should be: {excused}")
    if memory:
        told.append(memory)
    verdict = "FAILED" if run.complaints else "good"
    lines = [f"{verdict:6} {'; '.join(told)}"]
    if run.slowest:
        lines.append(f"  the longest: {run.slowest}")
    lines += [f"  - {complaint}" for complaint in run.complaints[:SHOWN]]
    if len(run.complaints) > SHOWN:
        lines.append(f"  - and {len(run.complaints) - SHOWN} more")
    if run.complaints:
        lines += [f"  at {s:.2f} s {name}: {words}" for s, name, words in run.strikes]
    return "\n".join(lines)


def summary(runs: Sequence[Run]) -> str:
    """Tell of all runs together."""
    bad = [str(run.seed) for run in runs if run.complaints]
    tasks = sum(run.tasks for run in runs)
    again = sum(run.again for run in runs)
    strikes = sum(len(run.strikes) for run in runs)
    verdict = f"failed: seed {', '.join(bad)}" if bad else "nothing was found"
    return (
        f"{len(runs)} runs, {tasks} tasks, {strikes} faults, {again} started again "
        f"after a death: {verdict}"
    )


def as_json(runs: Sequence[Run]) -> str:
    """Return all that was found."""
    told = [{**dataclasses.asdict(run), "faults": dict(run.faults)} for run in runs]
    return json.dumps({"runs": told}, indent=1)

"""The job that took longest, and what happened around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.chaos.jobs import Job

if TYPE_CHECKING:
    from tests.chaos.faults import Strike

__all__ = ["Longest", "longest_of"]

#: Of a job of many tasks, so many of those that ended last are told.
SHOWN = 3


@dataclass
class Longest:
    """A job, and when it was submitted: seconds (monotonic), as all processes count."""

    seconds: float = 0.0
    job: str = ""
    submitted: float = 0.0
    #: Of its tasks those that ended last: engine, started, completed; the latter in
    #: seconds after the submission.
    tasks: list[tuple[int, float, float]] = field(default_factory=list)

    def around(self, begin: float, strikes: Sequence[Strike]) -> str:
        """Say which job it was, where it ran, and which faults happened meanwhile."""
        first = self.submitted - begin
        words = [f"{self.job}, submitted at {first:.2f} s"]
        words += [
            f"on engine {engine} from {first + started:.2f} s to {first + ended:.2f} s"
            for engine, started, ended in self.tasks
        ]
        last = first + self.seconds
        words += [
            f"at {s:.2f} s {name}: {what}"
            for s, name, what in strikes
            if first - 1 <= s <= last
        ]
        return "; ".join(words)


def longest_of(job: Job, seconds: float) -> Longest:
    """Return what is to be known of a job that has ended."""
    facts: Any = getattr(job.result, "metadata", [])
    ran = [
        (each.engine_id, each.submitted, each.started, each.completed)
        for each in (facts if isinstance(facts, list) else [facts])
    ]
    tasks = [
        (engine, _after(submitted, started), _after(submitted, completed))
        for engine, submitted, started, completed in ran
        if started is not None and completed is not None
    ]
    tasks.sort(key=lambda each: each[-1])
    return Longest(seconds, f"{job.kind} {job.key}", job.submitted, tasks[-SHOWN:])


def _after(submitted: datetime, moment: datetime) -> float:
    return round((moment - submitted).total_seconds(), 3)

"""What a sitting found: samples, reasons for none, failures."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.plan import Sitting


@dataclass(frozen=True)
class Failure:
    """Something that could not be measured, and why."""

    contestant: str
    what: str
    why: str


@dataclass
class Outcome:
    """The content of a sitting's file of results; samples by measurement and part."""

    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    @classmethod
    def read(cls, sitting: Sitting, results: Path) -> Outcome:
        """Return what a sitting has written so far."""
        outcome = cls()
        for line in results.read_text(encoding="utf-8").splitlines():
            match json.loads(line):
                case {"versions": dict(versions)}:
                    outcome.versions = versions
                case {"name": name, "samples": dict(samples)}:
                    outcome.samples[name] = samples
                case {"name": name, "absent": reason}:
                    outcome.absent[name] = reason
                case {"name": name, "failure": why}:
                    outcome.fail(sitting, name, why)
        return outcome

    def missing(self, sitting: Sitting) -> list[str]:
        """Return the measurements of which nothing is known."""
        failed = [each.what for each in self.failures]
        known = {*self.samples, *self.absent, *failed}
        return [each.name for each in sitting.measurements if each.name not in known]

    def fail(self, sitting: Sitting, what: str, why: str) -> None:
        """Take note of a failure."""
        self.failures.append(Failure(sitting.contestant.name, what, why))


def measuring_process(results: Path) -> int | None:
    """Return the process that writes this file: the first thing that it says."""
    with results.open(encoding="utf-8") as lines:
        first = lines.readline()
    return json.loads(first)["pid"] if first else None

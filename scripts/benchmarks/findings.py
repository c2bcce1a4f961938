"""What a run has found so far, by system and row, and what it says of the budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.catalogue import FLOOR, OWN, Contestant
from benchmarks.outcome import Failure, Outcome
from benchmarks.plan import Sitting
from benchmarks.rows import Row
from benchmarks.samples import Summary, summarize


@dataclass
class Findings:
    """The samples of a run, pooled, and all that went wrong.

    Parameters
    ----------
    contestants
        Who is measured, in the order of the table's columns.
    rows
        What is asked for.
    """

    contestants: Sequence[Contestant]
    rows: Sequence[Row]
    samples: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    absent: dict[tuple[str, str], str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def add(self, sitting: Sitting, outcome: Outcome) -> None:
        """Take in what a sitting found."""
        name = sitting.contestant.name
        self.failures += outcome.failures
        self.versions[name] = outcome.versions or self.versions.get(name, {})
        for row in self.rows:
            key = name, row.name
            figures = outcome.samples.get(row.measurement, {})
            self.samples.setdefault(key, []).extend(figures.get(row.part, []))
            if row.measurement in outcome.absent:
                self.absent[key] = outcome.absent[row.measurement]

    def drop(self, contestant: Contestant, failures: Sequence[Failure]) -> None:
        """Go on without a system that cannot be installed or started."""
        self.failures += failures
        self.contestants = [each for each in self.contestants if each != contestant]

    def summary(self, contestant: Contestant, row: Row) -> Summary | None:
        """Return a figure's summary; None where there is no figure."""
        samples = self.samples.get((contestant.name, row.name))
        if not samples:
            return None
        return summarize(samples, higher_is_better=row.higher_is_better)

    def ratio(self, row: Row) -> float | None:
        """Return our median as a multiple of the floor's."""
        own, floor = self.summary(OWN, row), self.summary(FLOOR, row)
        if own is None or floor is None or floor.median <= 0:
            return None
        return own.median / floor.median

    def verdict(self, row: Row) -> str:
        """Return ``met``, ``missed``, ``no budget`` or ``not measured``."""
        own, floor = self.summary(OWN, row), self.summary(FLOOR, row)
        if own is None:
            return "not measured"
        met = row.is_met(own.median, floor.median if floor else None)
        return {None: "no budget", True: "met", False: "missed"}[met]

    def check(self) -> None:
        """Count each figure of ours that nothing explains the lack of as a failure."""
        if OWN not in self.contestants:
            return
        failed = [each.what for each in self.failures if each.contestant == OWN.name]
        told = {name for what in failed for name in what.split(", ")}
        for row in self.rows:
            known = self.summary(OWN, row) or (OWN.name, row.name) in self.absent
            if not known and row.measurement not in told:
                why = f"no figure for {row.part or row.name} came"
                self.failures.append(Failure(OWN.name, row.name, why))

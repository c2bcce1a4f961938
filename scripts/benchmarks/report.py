"""A run's findings as a table for people and as JSON for programs."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.catalogue import FLOOR, OWN
from benchmarks.environments import ROOT
from benchmarks.findings import Findings
from benchmarks.rows import MEASUREMENTS, Row
from benchmarks.samples import Summary

#: Stands where there is no figure.
NOTHING = "–"

#: The load average from which others are held to have disturbed a run.
BUSY = 0.5


def table(findings: Findings) -> str:
    """Return the table in Markdown, its columns aligned for a terminal."""
    peers = [each for each in findings.contestants if each not in (OWN, FLOOR)]
    heads = ["row", "budget", OWN.label, "p99", FLOOR.label, "÷ floor"]
    lines = [[*heads, *(each.label for each in peers), "verdict"]]
    for row in findings.rows:
        own, floor = findings.summary(OWN, row), findings.summary(FLOOR, row)
        summaries = [findings.summary(each, row) for each in peers]
        lines.append(
            [
                row.name,
                budget(row),
                median(own),
                number(own.p99) if own else NOTHING,
                median(floor),
                number(findings.ratio(row)),
                *map(median, summaries),
                findings.verdict(row),
            ]
        )
    return aligned(lines)


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of cells as a Markdown table; figures stand to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    last = len(widths) - 1
    left = (0, 1, last)

    def joined(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cells)} |"

    def padded(line: Sequence[str]) -> Iterable[str]:
        for column, (cell, width) in enumerate(zip(line, widths, strict=True)):
            yield cell.ljust(width) if column in left else cell.rjust(width)

    rule = (
        "-" * width if column in left else "-" * (width - 1) + ":"
        for column, width in enumerate(widths)
    )
    head, *rest = (joined(padded(line)) for line in lines)
    return "\n".join([head, joined(rule), *rest])


def budget(row: Row) -> str:
    """Return a budget in words and signs."""
    if row.budget is None:
        return f"({row.unit})"
    sign = "≥" if row.higher_is_better else "≤"
    text = f"{sign} {row.budget:,g} {row.unit}".rstrip()
    if row.budget >= 1e6:
        text = f"{sign} {row.budget / 1e6:g} M {row.unit}"
    if row.floor_ratio is not None:
        text += f", ≤ {row.floor_ratio:.1f} × floor"
    return text


def median(summary: Summary | None) -> str:
    """Return a summary's median."""
    return number(summary.median) if summary else NOTHING


def number(value: float | None) -> str:
    """Return a figure with three digits that count, or four near a small budget."""
    if value is None:
        return NOTHING
    if abs(value) >= 1e6:
        return f"{value / 1e6:.2f} M"
    if value.is_integer() and abs(value) < 1000:
        return f"{value:.0f}"
    for least, digits in ((100, 0), (10, 1)):
        if abs(value) >= least:
            return f"{value:,.{digits}f}"
    return f"{value:.3f}"


def notes(findings: Findings, *, quick: bool, load: float) -> list[str]:
    """Return what has to be known beside the table.

    Parameters
    ----------
    load
        The machine's load average before the run.
    """
    told = []
    if load > BUSY:
        told.append(f"the machine was busy (load {load:.1f}): read the ratios only")
    growth = next(each for each in MEASUREMENTS if each.name == "growth")
    if any(row.measurement == growth.name for row in findings.rows):
        size = growth.size(quick=quick)
        counts = (
            f"{each.label} {each.count(growth.name, size):,}"
            for each in findings.contestants
            if growth.name in each.measurements
        )
        told.append(f"growth, over tasks: {', '.join(counts)}")
    for (contestant, row), reason in findings.absent.items():
        told.append(f"{row}, {contestant}: {reason}")
    if quick:
        told.append("--quick: few repetitions, read the orders of magnitude only")
    return told


def document(findings: Findings, options: dict[str, Any]) -> dict[str, Any]:
    """Return all that is known, for JSON."""
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(),
        "options": options,
        "versions": findings.versions,
        "rows": [entry(findings, row) for row in findings.rows],
        "absent": {f"{who}: {row}": why for (who, row), why in findings.absent.items()},
        "failures": [asdict(each) for each in findings.failures],
    }


def entry(findings: Findings, row: Row) -> dict[str, Any]:
    """Return one row for JSON."""
    summaries = {
        each.name: findings.summary(each, row) for each in findings.contestants
    }
    return {
        "row": row.name,
        "unit": row.unit,
        "better": "higher" if row.higher_is_better else "lower",
        "budget": row.budget,
        "floor_ratio_budget": row.floor_ratio,
        "ratio_to_floor": findings.ratio(row),
        "verdict": findings.verdict(row),
        "results": {name: asdict(each) for name, each in summaries.items() if each},
    }


def machine() -> dict[str, Any]:
    """Return what the figures depend on, without naming the machine."""
    return {
        "platform": platform.platform(),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(
            os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1
        ),
        "python": platform.python_version(),
        "revision": revision(),
    }


def processor() -> str:
    """Return the processor's name as the kernel tells it."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def revision() -> str | None:
    """Return the commit that is checked out; None outside a repository."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()

"""What a soak has found, in words and as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

from tests.soak.run import Soak
from tests.soak.trend import Trend

__all__ = ["as_json", "in_words"]

HEAD = (
    "process           first    warm     end    most  grew  an hour  files    threads"
)


def in_words(found: Soak) -> str:
    """Tell what was found: a table, and a line for each complaint."""
    tasks = sum(found.tasks.values())
    told = f"{found.plan.name} in {found.seconds:.0f} s"
    if tasks:
        rate = tasks / found.seconds
        told += f": {tasks:,} tasks in {found.rounds:,} rounds, {rate:,.0f}/s"
    verdict = "FAILED" if found.complaints else "good"
    lines = [f"{verdict:6} {told}", *(f"  {line}" for line in _table(found))]
    lines += [f"  - {complaint}" for complaint in found.complaints]
    return "\n".join(lines)


def _table(found: Soak) -> Iterator[str]:
    yield "MiB of memory, and numbers of open files and threads"
    yield HEAD
    for name, trends in found.trends.items():
        if not trends:
            continue
        memory, opened, threads = (
            trends[what] for what in ("memory", "descriptors", "threads")
        )
        counts = f"{_counts(opened):7}  {_counts(threads)}"
        yield f"{name:12} {_figures(memory)}  {counts}"
    if found.disk and found.files:
        yield f"{'on disk':12} {_figures(found.disk)}  {_counts(found.files)} files"


def _figures(trend: Trend) -> str:
    values = [trend.begin, trend.warm, trend.end, trend.most]
    shown = "".join(f"{value:8.1f}" for value in values)
    return f"  {shown}{trend.growth:+6.1f} {trend.rate:+8.1f}"


def _counts(trend: Trend) -> str:
    return f"{trend.warm:.0f} → {trend.end:.0f}"


def as_json(found: Soak) -> str:
    """Return all that was found."""
    return json.dumps(dataclasses.asdict(found), indent=1)

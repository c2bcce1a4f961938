"""Showing here what tasks printed and displayed there, at the end."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from .frontend import in_notebook, in_qt_console
from .metadata import Metadata
from .names import name_of, named_value
from .screen import prefix, publish, put

__all__ = ["display_outputs"]

_STREAMS = "stdout", "stderr"


def display_outputs(
    facts: Sequence[Metadata], groupby: str, *, result_only: bool, single: bool
) -> None:
    """Show what tasks printed and displayed: see `AsyncResult.display_outputs`."""
    if groupby not in ("type", "engine", "order"):
        raise ValueError(f"groupby is 'type', 'engine' or 'order', not {groupby!r}")
    labels = [""] * len(facts) if single else [str(_engine(each)) for each in facts]
    tasks = list(zip(labels, facts, strict=True))
    groups = [[task] for task in tasks] if groupby == "engine" else [tasks]
    for group in groups:
        if not result_only:
            _show_texts(group)
            _show_displays(group, in_turn=groupby == "order")
        for _, each in group:
            if each.execute_result is not None:
                _show_value(each)


def _engine(facts: Metadata) -> Any:
    return "?" if facts.engine_id is None else facts.engine_id


def _show_texts(tasks: Sequence[tuple[str, Metadata]]) -> None:
    for stream, (label, facts) in itertools.product(_STREAMS, tasks):
        _write(facts[stream], stream, label)


def _show_displays(tasks: Sequence[tuple[str, Metadata]], *, in_turn: bool) -> None:
    rows: list[list[tuple[str, Metadata, Any]]] = [
        [(label, facts, output) for output in facts.outputs] for label, facts in tasks
    ]
    if in_turn:
        turns = itertools.zip_longest(*rows)
        rows = [[each] for turn in turns for each in turn if each is not None]
    for row in rows:
        if row and row[0][0]:
            print(f"[output:{row[0][0]}]")
        for _, facts, output in row:
            publish(output, facts.engine_id)


def _show_value(facts: Metadata) -> None:
    """Show what the last expression gave, named as IPython names such values."""
    found = facts.execute_result
    data = dict(found.get("data", {}))
    number = _engine(facts), found.get("execution_count")
    if len(data) > 1 and (in_notebook() or in_qt_console()):  # they show another form
        print(name_of(*number))
    data["text/plain"] = named_value(*number, str(data.get("text/plain", "")))
    publish({**found, "data": data}, facts.engine_id)


def _write(text: str, stream: str, label: str) -> None:
    """Print what a task printed, on the same stream, with its engine before it."""
    if text:
        end = "" if text.endswith("\n") else "\n"
        put(f"{prefix(text, stream, label)}{text}{end}", stream)

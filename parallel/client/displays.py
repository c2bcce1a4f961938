"""Showing here what tasks print and display there: at the end, or as it comes."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .facts import Facts
from .metadata import Metadata

__all__ = ["display_outputs", "publish", "streaming"]

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
        write(facts[stream], stream, label)


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
    found = facts.execute_result
    if _shell() is not None:
        publish(found, facts.engine_id)
        return
    text = found.get("data", {}).get("text/plain", "")
    separator = "\n" if "\n" in text else ""
    count = found.get("execution_count")
    print(f"Out[{_engine(facts)}:{count}]: {separator}{text}")


def write(text: str, stream: str, label: str) -> None:
    """Print what a task printed, on the same stream, with its engine before it."""
    if not text:
        return
    file = getattr(sys, stream)
    several = "\n" in text.rstrip("\n")
    prefix = f"[{stream}:{label}]" if label else ""
    if prefix:
        prefix += "\n" if several else " "
    file.write(f"{prefix}{text}" + ("" if text.endswith("\n") else "\n"))
    file.flush()


def publish(output: dict[str, Any], engine_id: int | None) -> None:
    """Display something here: richly in IPython, as text elsewhere."""
    shell = _shell()
    data, metadata = output.get("data", {}), dict(output.get("metadata") or {})
    if shell is None:
        text = data.get("text/plain")
        if text is not None:
            print(text)
        return
    shell.display_pub.publish(data=data, metadata={**metadata, "engine": engine_id})


def _shell() -> Any:
    """Return the running IPython, if this is one."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


class _Stream:
    """Shows what is new of each task, once."""

    def __init__(self, result: Facts) -> None:
        self._result = result
        self._lock = threading.RLock()
        self._seen: dict[int, list[int]] = {}

    def catch_up(self, index: int | None = None) -> None:
        """Show what a task, or any of them, has printed and displayed of late."""
        with self._lock:
            tasks = [index] if index is not None else range(len(self._result.msg_ids))
            for i in tasks:
                self._show(i)

    def _show(self, index: int) -> None:
        stdout, stderr, displays = self._result.said(index)
        seen = self._seen.get(index, [0, 0, 0])
        engine = self._result.engine_of(index)
        label = "?" if engine is None else str(engine)
        self._seen[index] = [len(stdout), len(stderr), len(displays)]
        write(stdout[seen[0] :], "stdout", label)
        write(stderr[seen[1] :], "stderr", label)
        if displays[seen[2] :]:
            print(f"[output:{label}]")
        for display in displays[seen[2] :]:
            publish(display, engine)


@contextmanager
def streaming(result: Facts) -> Iterator[None]:
    """Show what a result's tasks print and display as it comes.

    What they showed before is shown first. It is written by the thread that reads
    the connection: one that waits for the result, for instance.
    """
    stream = _Stream(result)
    with result.watched(stream.catch_up):
        stream.catch_up()
        try:
            yield
        finally:
            stream.catch_up()

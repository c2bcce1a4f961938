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
    end = "" if text.endswith("\n") else "\n"
    _put(f"{_prefix(text, stream, label)}{text}{end}", stream)


def _prefix(text: str, stream: str, label: str) -> str:
    if not label:
        return ""
    # What begins its line anew would overwrite the label.
    alone = "\n" in text.rstrip("\n") or "\r" in text
    return f"[{stream}:{label}]" + ("\n" if alone else " ")


def _put(text: str, stream: str) -> None:
    file = getattr(sys, stream)
    file.write(text)
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
        #: The stream and label of a line that was begun, and may go on.
        self._begun: tuple[str, str] | None = None

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
        self._write(stdout[seen[0] :], "stdout", label)
        self._write(stderr[seen[1] :], "stderr", label)
        if displays[seen[2] :]:
            self.end_line()
            print(f"[output:{label}]")
        for display in displays[seen[2] :]:
            publish(display, engine)

    def _write(self, text: str, stream: str, label: str) -> None:
        """Print text; what goes on with the last line has no label of its own.

        So a bar that a task draws with carriage returns is drawn on one line here.
        """
        if not text:
            return
        if self._begun == (stream, label):
            _put(text, stream)
        else:
            self.end_line()
            _put(_prefix(text, stream, label) + text, stream)
        self._begun = None if text.endswith("\n") else (stream, label)

    def end_line(self) -> None:
        """End a line that was begun."""
        with self._lock:
            if self._begun is not None:
                _put("\n", self._begun[0])
                self._begun = None


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
            stream.end_line()

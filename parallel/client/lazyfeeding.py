"""A balanced map over what has no length: elements are taken as engines need them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

from ..state.chunks import Chunks
from .submitter import Submitter

__all__ = ["LazyFeeder"]


class LazyFeeder:
    """Takes elements in a thread, and submits them in chunks.

    Taking one may last, so it is done by a thread of its own, and while an engine is
    idle nothing that was taken waits for a chunk to be full.

    Parameters
    ----------
    rows
        Each the arguments of one call.
    """

    def __init__(
        self, submit: Submitter, rows: Iterator[tuple[Any, ...]],
        chunksize: int | None,
    ) -> None:  # fmt: skip
        self._submitter = submit
        self._result = submit.result
        self._rows = rows
        self._adapts = chunksize is None
        self._chunks = Chunks(sys.maxsize, submit.engines, chunksize)
        self._size = self._chunks.next_size()
        self._batch: list[tuple[Any, ...]] = []
        self._at = 0
        self._under_way = 0
        self._stopped = False
        self._changed = threading.Condition()
        self._result.feeding = self

    def start(self) -> None:
        """Begin to take elements."""
        threading.Thread(target=self._run, name="parallel-map", daemon=True).start()

    def stop(self) -> None:
        """Submit no more; what was taken meanwhile is dropped."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def chunk_came(self, size: int, duration: float) -> None:
        """Take note of a chunk that came; submit what was taken meanwhile."""
        with self._changed:
            self._under_way -= 1
            if self._adapts:
                self._chunks.learn(size, max(duration, 0.0))
                self._size = self._chunks.next_size()
            self._changed.notify_all()
            try:
                self._submit_if_due()
                return
            except Exception as error:
                failure = error
        self._end(failure)

    def _run(self) -> None:
        error = None
        try:
            for row in self._rows:
                if not self._take(row):
                    return
                self._submitter.connection.set_off()
        except BaseException as raised:  # by the generator, or an element cannot travel
            error = raised
        try:
            with self._changed:
                if self._stopped:
                    return
                self._submit()  # what was taken last
        except Exception as raised:
            error = raised
        if error is None:
            self._result.end_at(self._at)
        else:
            self._end(error)
        self._submitter.connection.set_off()

    def _take(self, row: tuple[Any, ...]) -> bool:
        """Put an element into the next chunk; tell whether more are wanted."""
        with self._changed:
            if self._stopped:
                return False
            self._batch.append(row)
            self._submit_if_due()
            while self._under_way >= self._submitter.most and not self._stopped:
                self._changed.wait()
            return not self._stopped

    def _submit_if_due(self) -> None:
        full = len(self._batch) >= self._size
        idle = self._adapts and self._under_way < self._submitter.engines
        if self._batch and (full or idle) and not self._stopped:
            self._submit()

    def _submit(self) -> None:
        batch, self._batch = self._batch, []
        if not batch:
            return
        parts = list(zip(*batch, strict=True))
        self._under_way += 1
        self._submitter(parts, len(batch), self._at)
        self._at += len(batch)
        self._size = self._chunks.next_size()

    def _end(self, error: BaseException) -> None:
        """End with an error, behind all that was taken before."""
        with self._changed:
            stopped, self._stopped = self._stopped, True
            self._changed.notify_all()
        if not stopped:
            self._result.cut_short(error)

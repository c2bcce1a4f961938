"""What a client has asked its controller, and the answers that are to come."""

from __future__ import annotations

import builtins
import itertools
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from ..errors import TransportError
from ..protocol.messages import Answer, Query

__all__ = ["Questions"]


class Questions:
    """Open questions by number; each has a future."""

    def __init__(self) -> None:
        self._seqs = itertools.count()
        self._open: dict[int, tuple[str, Future[Any]]] = {}

    def put(self, name: str, arguments: dict[str, Any]) -> tuple[Query, Future[Any]]:
        """Return the message that asks something, and the future of its answer."""
        seq = next(self._seqs)
        future: Future[Any] = Future()
        self._open[seq] = name, future
        return Query(seq, name, arguments), future

    def withdraw(self, query: Query) -> None:
        """Forget a question: nobody wants to know any more."""
        self._open.pop(query.seq, None)

    def on_answer(self, answer: Answer) -> None:
        """Take an answer in."""
        name, future = self._open.pop(answer.seq, ("", None))
        if future is None or not future.set_running_or_notify_cancel():
            return
        if answer.error:
            future.set_exception(_error_of(name, answer.error))
        else:
            future.set_result(answer.value)

    def give_up(self, error: Exception) -> None:
        """Tell all who wait that no answer will come."""
        while self._open:
            with suppress(KeyError):  # it was withdrawn
                _, (_, future) = self._open.popitem()
                if future.set_running_or_notify_cancel():
                    future.set_exception(error)


def _error_of(name: str, text: str) -> Exception:
    """Return the exception that the controller raised, if it is a built-in one."""
    kind, _, message = text.partition(": ")
    found = getattr(builtins, kind, None)
    if isinstance(found, type) and issubclass(found, (LookupError, ValueError)):
        return found(message)
    if kind == "Omitted":
        return ValueError(message)
    return TransportError(f"{name}: {text}")

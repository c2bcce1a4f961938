"""Futures of what is made of others' results."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TypeVar

__all__ = ["then"]

A = TypeVar("A")
B = TypeVar("B")


def then(
    future: Future[A], do: Callable[[A], B], made: Future[B] | None = None
) -> Future[B]:
    """Return the future of what is made of another's result."""
    made = Future() if made is None else made

    def pass_on(known: Future[A]) -> None:
        with suppress(InvalidStateError):  # given up meanwhile
            try:
                made.set_result(do(known.result()))
            except Exception as error:
                made.set_exception(error)

    future.add_done_callback(pass_on)
    return made

"""`Abort` with a stand-in for MPI: `tests/mpi` has real ones."""

from __future__ import annotations

import types
from typing import NoReturn

import pytest

from parallel.engine import abort
from parallel.engine.abort import make_abort_last


class Ended(Exception):
    """The process ends."""


def test_nobody_is_returned_to_who_aborts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Comm:
        def Abort(self, errorcode: int = 0) -> None:  # noqa: N802
            asked.append(errorcode)

    def end(status: int) -> NoReturn:
        raise Ended(status)

    monkeypatch.setattr(abort, "PATIENCE", 0.01)
    monkeypatch.setattr(abort.os, "_exit", end)
    make_abort_last(types.SimpleNamespace(Comm=Comm))
    for given, status in ((7, 7), (0, 1), (256, 1)):
        with pytest.raises(Ended, match=str(status)):
            Comm().Abort(given)
    assert asked == [7, 0, 256]

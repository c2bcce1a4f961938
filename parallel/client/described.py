"""A result in words: its state, and in IPython how far it is."""

from __future__ import annotations

from typing import Any

from ..protocol.messages import Status
from .awaited import Awaited
from .tables import Table
from .tallies import Tally, slowest_of

__all__ = ["Described"]


class Described(Awaited):
    """A result that says how far it is, without waiting for anything."""

    #: What `repr` calls it.
    _kind = "AsyncResult"

    def _state_word(self) -> str:
        if not self.ready():
            return "pending"
        if self.cancelled():
            return "cancelled"
        return "failed" if self._failed or self._failure is not None else "finished"

    def _tally(self) -> Tally:
        """Count what has come."""
        self._connection.look()
        outcomes = [each and each.outcome for each in self._delivered]
        missing = [i for i, outcome in enumerate(outcomes) if outcome is None]
        over = self.ready()  # a given-up result waits for nothing
        engines = {self.engine_of(i) for i in ([] if over else missing)} - {None}
        known = [outcome for outcome in outcomes if outcome is not None]
        return Tally(
            done=self._progress(),
            total=self._expected(),
            failed=sum(outcome.status != Status.OK for outcome in known),
            under_way=0 if over else len(missing),
            engines=tuple(sorted(each for each in engines if each is not None)),
            elapsed=self.elapsed if known or not over else None,
            slowest=slowest_of(known),
        )

    def __repr__(self) -> str:
        return f"<{self._kind}({self._fname}): {self._state_word()}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Say in IPython what `repr` says, and how far it is."""
        told = ", ".join(f"{name} {what}" for name, what in self._tally().facts())
        printer.text(f"{repr(self)[:-1]}, {told}>")

    def _repr_html_(self) -> str:
        table = Table(self._kind, f"{self._fname}: {self._state_word()}")
        return str(table.add_facts(self._tally().facts()))

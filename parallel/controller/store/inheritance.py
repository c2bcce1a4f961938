"""What an earlier controller left unfinished, and nobody has asked for yet."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from ...state.naming import TaskKey
from ...state.past import later
from .entry import Entry

__all__ = ["Inheritance"]


class Inheritance:
    """Unfinished tasks that wait for whoever asks for them again.

    The writer's thread brings them, once the file is open. Either thread takes them
    out, and whichever did has the task: nothing is locked.

    Parameters
    ----------
    in_hand
        The tasks that the controller has in hand, to which these come.
    """

    def __init__(self, in_hand: dict[TaskKey, Entry]) -> None:
        self._in_hand = in_hand
        self._left: dict[TaskKey, Entry] = {}

    # The controller's thread

    def unclaimed(self) -> list[Entry]:
        """Return those that are unfinished, and nobody asked for."""
        live, left = self._in_hand, list(self._left.items())
        return [e for key, e in left if e.outcome is None and live.get(key) is e]

    def give_up(self, but: Container[TaskKey]) -> Iterator[Entry]:
        """Take out all; yield them, but those of these that nobody else asked for."""
        for key in list(self._left):
            entry = self._left.pop(key, None)
            if entry is None or (key in but and self._in_hand.get(key) is entry):
                continue
            yield entry

    # The writer's thread

    def bring(self, entries: Sequence[Entry]) -> None:
        """Take in what the file has, also among the tasks in hand."""
        for entry in entries:
            self._left[entry.key] = entry
            self._in_hand.setdefault(entry.key, entry)

    def adopt(self, fresh: Sequence[Entry]) -> None:
        """See that tasks which clients ask for again are the ones that were known."""
        left = self._left
        if not left:
            return
        for entry in fresh:
            if left.get(entry.key, entry) is entry:
                continue
            known = left.pop(entry.key, None)
            if known is not None:
                entry.row, entry.submitted = known.row, known.submitted
                entry.past = later(known.past, entry.past)

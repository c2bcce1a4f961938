"""Tasks that others depend on, and of which nothing is known yet."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable

from ...protocol.terms import Terms
from ..dependencies import named_in
from ..naming import TaskKey

__all__ = ["Lacking"]


class Lacking:
    """What clients are to tell of, or the record: that is asked once.

    Parameters
    ----------
    knows
        Tells whether the scheduler has a task, or knows how it ended.
    may_come
        Tells whether a task waits itself, or its client may yet submit it.
    """

    def __init__(
        self,
        knows: Callable[[TaskKey], bool],
        may_come: Callable[[TaskKey], bool],
    ) -> None:
        self._knows = knows
        self._may_come = may_come
        self._lacking: set[TaskKey] = set()
        self._asked: set[TaskKey] = set()
        self._answered: set[TaskKey] = set()

    def holds_up(
        self, key: TaskKey, terms: Terms, going: Container[TaskKey] = ()
    ) -> bool:
        """Tell whether a task with these terms waits for news of another.

        Parameters
        ----------
        going
            Those that go before it.
        """
        others = [each for each in named_in(terms) if each != key]
        return any(each not in going and self._lacks(each) for each in others)

    def _lacks(self, key: TaskKey) -> bool:
        if self._knows(key):
            return False
        if self._may_come(key) or key not in self._answered:
            self._lacking.add(key)
            return True
        return False

    def told_of(self, key: TaskKey) -> bool:
        """Take note that a client has told of a task; tell whether others wait."""
        was_lacking = key in self._lacking
        self._lacking.discard(key)
        return was_lacking

    def to_ask(self) -> set[TaskKey]:
        """Return of which tasks the record is to be asked how they ended, once."""
        asked = self._lacking - self._asked
        self._asked |= asked
        return asked

    def found(self, asked: Iterable[TaskKey]) -> None:
        """Take note that the record has told all that it knows of these."""
        self._answered.update(asked)

    @property
    def is_answered(self) -> bool:
        """Tell whether the record has nothing more to tell."""
        return self._lacking <= self._answered

    def clear(self) -> None:
        """Forget all: nothing waits any more.

        What comes next is asked for again: it may have ended meanwhile.
        """
        for known in (self._lacking, self._asked, self._answered):
            known.clear()

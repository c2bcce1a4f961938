"""The ids of what was submitted: ranges of numbers, spelt out when somebody looks."""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from typing import Any, Protocol, overload

from .interrupts import INTERRUPTS

__all__ = ["Counted", "MsgIds", "Numbers", "Outstanding", "Spans"]


class Numbers(Protocol):
    """Numbers of tasks, in the order of their submission."""

    def __len__(self) -> int:
        """Return how many there are."""

    def __contains__(self, seq: object) -> bool:
        """Tell whether a task is one of them."""

    def at(self, index: int) -> int:
        """Return the one of this index."""

    def clear(self) -> None:
        """Forget those that are there now."""


class Counted:
    """All the numbers that were given out so far, but for some.

    Parameters
    ----------
    total
        Tells how many they are.
    unlisted
        Those that do not count, in their order; more may come.
    """

    def __init__(self, total: Callable[[], int], unlisted: Sequence[int] = ()) -> None:
        self._total = total
        self._unlisted = unlisted
        self._first = 0
        #: So many of the unlisted come before the first.
        self._skipped = 0

    def __len__(self) -> int:
        unlisted = len(self._unlisted) - self._skipped
        return self._total() - self._first - unlisted

    def __contains__(self, seq: object) -> bool:
        if not (isinstance(seq, int) and self._first <= seq < self._total()):
            return False
        at = bisect_left(self._unlisted, seq)
        return at == len(self._unlisted) or self._unlisted[at] != seq

    def at(self, index: int) -> int:
        """Return the number of this index."""
        places = range(self._skipped, len(self._unlisted))
        before = bisect_right(places, index, key=self._listed_before)
        return self._first + index + before

    def _listed_before(self, place: int) -> int:
        """Return how many that count come before one of the unlisted."""
        return self._unlisted[place] - self._first - (place - self._skipped)

    def clear(self) -> None:
        """Begin anew after those that are there now."""
        self._first = self._total()
        self._skipped = len(self._unlisted)


class Spans:
    """Some of the numbers, kept as ranges: a million in a row take two words."""

    def __init__(self) -> None:
        self._begins = array("q")
        self._ends = array("q")
        #: How many numbers come before each range; made when somebody looks.
        self._before: list[int] | None = None
        self._lock = threading.Lock()

    def add(self, seq: int, count: int = 1) -> None:
        """Take in the next numbers: almost always they follow the last ones."""
        with self._lock:
            ends = self._ends
            if ends and ends[-1] == seq:
                ends[-1] = seq + count
                return
            with INTERRUPTS:  # a begin without its end would harm all that come
                self._put(seq, seq + count)

    def _put(self, begin: int, end: int) -> None:
        self._before = None
        at = bisect_right(self._begins, begin)
        if at and self._ends[at - 1] == begin:
            self._ends[at - 1] = end
        else:
            self._begins.insert(at, begin)
            self._ends.insert(at, end)

    def __len__(self) -> int:
        with self._lock:
            return self._counted()[-1] + self._last() if self._begins else 0

    def __contains__(self, seq: object) -> bool:
        if not isinstance(seq, int):
            return False
        with self._lock:
            at = bisect_right(self._begins, seq) - 1
            return at >= 0 and seq < self._ends[at]

    def at(self, index: int) -> int:
        """Return the number of this index, counted from 0."""
        with self._lock:
            before = self._counted()
            at = bisect_right(before, index) - 1
            return self._begins[at] + index - before[at]

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock, INTERRUPTS:
            self._begins, self._ends = array("q"), array("q")
            self._before = None

    def _last(self) -> int:
        return self._ends[-1] - self._begins[-1]

    def _counted(self) -> list[int]:
        if self._before is None:
            total, before = 0, []
            for begin, end in zip(self._begins, self._ends, strict=True):
                before.append(total)
                total += end - begin
            self._before = before
        return self._before


class MsgIds(Sequence[str]):
    """The ids of tasks in the order of their submission: a list that cannot be changed.

    Parameters
    ----------
    session
        What each id begins with.
    """

    def __init__(self, session: str, numbers: Numbers) -> None:
        self._session = session
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, key: int) -> str: ...
    @overload
    def __getitem__(self, key: slice) -> list[str]: ...
    def __getitem__(self, key: int | slice) -> str | list[str]:
        total = len(self)
        if isinstance(key, slice):
            return [self._at(i) for i in range(*key.indices(total))]
        index = key + total if key < 0 else key
        if not 0 <= index < total:
            raise IndexError(f"no submission {key}: there were {total} so far")
        return self._at(index)

    def _at(self, index: int) -> str:
        return f"{self._session}_{self._numbers.at(index)}"

    def __contains__(self, msg_id: object) -> bool:
        seq = number_in(self._session, msg_id)
        return seq is not None and seq in self._numbers

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (list, MsgIds)):
            return NotImplemented
        return len(self) == len(other) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it changes, as a list does

    def clear(self) -> None:
        """Forget what was submitted so far."""
        self._numbers.clear()

    def become(self, ids: Sequence[str]) -> None:
        """Be what a program sets a history to: an empty list, and nothing else.

        Raises
        ------
        ValueError
            The list is not empty.
        """
        if len(ids):
            raise ValueError(
                f"a history can be set to [], not to {len(ids)} ids: it tells what was "
                "submitted"
            )
        self.clear()

    def __repr__(self) -> str:
        if len(self) <= 10:
            return repr(list(self))
        return f"<{len(self)} ids, the last {self[-1]!r}>"


class Outstanding(Set[str]):
    """The ids of tasks that have not ended: a set that changes as results come.

    Parameters
    ----------
    unfinished
        Returns the numbers of all the client's unfinished tasks.
    numbers
        Those of them that count here; None for all.
    """

    def __init__(
        self, session: str, unfinished: Callable[[], Iterable[int]],
        numbers: Numbers | None = None,
    ) -> None:  # fmt: skip
        self._session = session
        self._unfinished = unfinished
        self._numbers = numbers

    def seqs(self) -> list[int]:
        """Return their numbers."""
        numbers = self._numbers
        unfinished = self._unfinished()
        return [seq for seq in unfinished if numbers is None or seq in numbers]

    def __contains__(self, msg_id: object) -> bool:
        return number_in(self._session, msg_id) in self.seqs()

    def __iter__(self) -> Iterator[str]:
        return (f"{self._session}_{seq}" for seq in self.seqs())

    def __len__(self) -> int:
        return len(self.seqs())

    @classmethod
    def _from_iterable(cls, it: Iterable[Any]) -> Any:
        return set(it)

    def __repr__(self) -> str:
        return repr(set(self))


def number_in(session: str, msg_id: object) -> int | None:
    """Return the number of a task by its id, or None if it is of another session."""
    if not isinstance(msg_id, str):
        return None
    before, _, seq = msg_id.rpartition("_")
    return int(seq) if before == session and seq.isdigit() else None

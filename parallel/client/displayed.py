"""The displays of a task as they stand: bounded, and changed in their place."""

from __future__ import annotations

import itertools
from typing import Any

from ..protocol.views import without_view
from .frontend import in_notebook

__all__ = ["MOST_NBYTES", "Display", "Displays", "Place"]

#: Of the displays of a task the first and the last are kept, up to so many bytes each.
MOST_NBYTES = 32 << 20
#: So many characters had been printed on stdout, and on stderr.
Place = tuple[int, int]


class Display:
    """Something that a task displays, and may display anew."""

    __slots__ = ("came", "changed", "nbytes", "place", "value")

    def __init__(
        self, value: dict[str, Any], nbytes: int, now: int, place: Place
    ) -> None:
        self.value = value
        self.nbytes = nbytes
        #: How much had been printed by then: that comes by another way.
        self.place = place
        #: How many changes there had been, with this one.
        self.came = self.changed = now

    def since(self, changes: int) -> dict[str, Any]:
        """Return it for somebody who knows of so many changes: perhaps as an update."""
        again = self.came <= changes
        return {**self.value, "update": True} if again else self.value


class Displays:
    """All that one task displays."""

    def __init__(self) -> None:
        #: How many changes there have been.
        self.changes = 0
        self._cut = 0
        #: By the number that each had when it came: in that order.
        self._first: dict[int, Display] = {}
        self._last: dict[int, Display] = {}
        self._first_nbytes = self._last_nbytes = 0
        #: The same, in the order of its changes.
        self._latest: dict[int, Display] = {}
        self._by_id: dict[Any, int] = {}

    @property
    def values(self) -> list[dict[str, Any]]:
        """What there is to see: dicts of `data`, by mime type, and `metadata`."""
        cut = [_say_cut(self._cut)] if self._cut else []
        first, last = self._first.values(), self._last.values()
        return [*(d.value for d in first), *cut, *(d.value for d in last)]

    def clear(self) -> None:
        """Let go of all of them."""
        for each in (self._first, self._last, self._latest, self._by_id):
            each.clear()
        self._first_nbytes = self._last_nbytes = self._cut = 0

    def since(self, changes: int) -> list[Display]:
        """Return those that came or changed since so many changes, in this order."""
        latest = reversed(self._latest.values())
        late = itertools.takewhile(lambda display: display.changed > changes, latest)
        return list(late)[::-1]

    def take(self, value: dict[str, Any], nbytes: int, place: Place) -> None:
        """Take one; if it has the id of one before, that changes."""
        if not in_notebook():
            value = {**value, "data": without_view(value["data"])}
        elif "model" in value:  # a notebook draws the widget, and not its text
            return
        self.changes += 1
        name = _display_id(value)
        number = self._by_id.get(name)
        if name is None or number is None:
            self._add(Display(value, nbytes, self.changes, place))
            return
        display = self._latest.pop(number)
        if number in self._first:
            self._first_nbytes += nbytes - display.nbytes
        else:
            self._last_nbytes += nbytes - display.nbytes
        # It is the first that a reader of `outputs` sees of it, and no update.
        display.value = {key: value[key] for key in value if key != "update"}
        display.nbytes, display.changed = nbytes, self.changes
        display.place = place
        self._latest[number] = display
        self._let_go()

    def _add(self, display: Display) -> None:
        number = display.came
        self._latest[number] = display
        if (name := _display_id(display.value)) is not None:
            self._by_id[name] = number
        if not self._last and self._first_nbytes + display.nbytes <= MOST_NBYTES:
            self._first[number] = display
            self._first_nbytes += display.nbytes
            return
        self._last[number] = display
        self._last_nbytes += display.nbytes
        self._let_go()

    def _let_go(self) -> None:
        """Cut the middle out of too much; the latest stays."""
        while self._last_nbytes > MOST_NBYTES and len(self._last) > 1:
            number = next(iter(self._last))
            gone = self._last.pop(number)
            self._last_nbytes -= gone.nbytes
            del self._latest[number]
            self._by_id.pop(_display_id(gone.value), None)
            self._cut += 1


def _display_id(value: dict[str, Any]) -> Any:
    return (value.get("transient") or {}).get("display_id")


def _say_cut(count: int) -> dict[str, Any]:
    text = f"[... {count:,} displays cut here ...]"
    return {"data": {"text/plain": text}, "metadata": {}}

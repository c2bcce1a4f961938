"""What a task shows beside its result: text, displays, data."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..protocol.messages import Outcome, Status
from .displayed import Displays, Place
from .frontend import in_notebook
from .printed import Printed

__all__ = ["NOTHING", "SILENCE", "News", "Piece", "Shown", "Told"]


class Told(NamedTuple):
    """How far a task has been told."""

    #: So many characters.
    stdout: int = 0
    stderr: int = 0
    #: So many changes of its displays.
    changes: int = 0
    #: So often it has been cleared.
    clears: int = 0


#: No part of it.
NOTHING = Told()


class Piece(NamedTuple):
    """Text, and the displays behind it."""

    stdout: str = ""
    stderr: str = ""
    #: Those that take the place of one that was told before say `update`.
    displays: Sequence[dict[str, Any]] = ()


class News(NamedTuple):
    """What is new of a task, and how far it has been told with that."""

    #: In the order in which it was shown there.
    pieces: Sequence[Piece] = ()
    #: Whether what was told before is to vanish: this is all that stands since then.
    cleared: bool = False
    told: Told = NOTHING


#: Of a task that has shown nothing.
SILENCE = News()


class Shown:
    """All that one task showed so far."""

    def __init__(self) -> None:
        self.stdout = Printed()
        self.stderr = Printed()
        #: What it published, by name.
        self.data: dict[str, Any] = {}
        #: Where its text ended when it was cleared, or is to be with what comes next.
        self._cleared = self._to_clear = (0, 0)
        self._is_to_clear = False
        self._clears = 0
        self._has_ended = False
        self._displays = Displays()

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """What it displays: dicts of `data`, by mime type, and `metadata`."""
        self._clear_if_due()
        return [each for each in self._displays.values if "into" not in each]

    def take(self, kind: str, value: dict[str, Any], nbytes: int = 0) -> None:
        """Take what it published: `data`, a `display`, or to `clear` the displays.

        A display that has the id of one before takes its place.

        Raises
        ------
        ValueError
            That is of no known kind.
        """
        if kind == "data":
            self.data.update(value)
        elif "into" in value and not in_notebook():
            if kind == "clear":  # where no widgets are drawn, all is in one place
                self.take(kind, {key: value[key] for key in value if key != "into"})
        elif kind == "clear" and "into" in value:
            mark = {"data": {}, "into": value["into"], "clear": value}
            self._displays.take(mark, 0, _place_of(value))
        elif kind == "clear":
            self._is_to_clear, self._to_clear = True, _place_of(value)
            if not value.get("wait"):
                self._clear()
        elif kind == "display":
            self._clear()
            seen = {key: value[key] for key in value if key != "reach"}
            self._displays.take(seen, nbytes, _place_of(value))
        else:
            raise ValueError(f"a task published something of an unknown kind: {kind!r}")

    def end(self, outcome: Outcome) -> None:
        """Take what the outcome tells again, or of an engine that died, its last words.

        Those may be lost, too.
        """
        self._has_ended = True
        for stream, text in (
            (self.stdout, outcome.stdout),
            (self.stderr, outcome.stderr),
        ):
            if outcome.status == Status.LOST:
                stream.end(text)
            else:
                stream.settle(text)

    def since(self, told: Told) -> News:
        """Return what is new since so much was told.

        A display waits until there is what was printed before it.
        """
        self._clear_if_due()
        cleared = self._clears > told.clears
        if cleared:
            told = NOTHING
        # What was printed before a clear may come late.
        out, err = map(max, (told.stdout, told.stderr), self._cleared)
        changes = told.changes
        pieces: list[Piece] = []
        late = self._displays.since(changes)
        for place, group in itertools.groupby(late, lambda display: display.place):
            if not self._has_come(place):
                break
            stdout, out = _between(self.stdout, out, place[0])
            stderr, err = _between(self.stderr, err, place[1])
            displays = list(group)
            pieces.append(
                Piece(stdout, stderr, [d.since(told.changes) for d in displays])
            )
            changes = displays[-1].changed
        stdout, out = self.stdout.since(out)
        stderr, err = self.stderr.since(err)
        if stdout or stderr:
            pieces.append(Piece(stdout, stderr))
        return News(pieces, cleared, Told(out, err, changes, self._clears))

    def _has_come(self, place: Place) -> bool:
        """Tell whether all is there that was printed before this place."""
        streams = zip((self.stdout, self.stderr), place, strict=True)
        return self._has_ended or all(
            not end or stream.reaches(end - 1) for stream, end in streams
        )

    def _clear_if_due(self) -> None:
        """Clear what was to be, if more was printed since: that is what came next."""
        if self._is_to_clear:
            stdout, stderr = self._to_clear
            if self.stdout.reaches(stdout) or self.stderr.reaches(stderr):
                self._clear()

    def _clear(self) -> None:
        if self._is_to_clear:
            self._displays.clear()
            self._cleared = self._to_clear
            self._clears += 1
        self._is_to_clear = False


def _place_of(value: dict[str, Any]) -> Place:
    stdout, stderr = value.get("reach") or (0, 0)
    return int(stdout), int(stderr)


def _between(stream: Printed, begin: int, end: int) -> tuple[str, int]:
    """Return what was printed from one place to another, and where that ends."""
    if end <= begin:
        return "", begin
    text, last = stream.since(begin)
    if end >= last or last - begin != len(text):  # some of it was cut
        return text, last
    return text[: end - begin], end

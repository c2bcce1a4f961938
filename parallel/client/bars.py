"""Bars of text, such as tqdm's, that several tasks draw at the same time."""

from __future__ import annotations

import re
import uuid

from .blocks import Block
from .frontend import terminal_size
from .printed import overwritten
from .screen import prefix, publish, put

__all__ = ["Bar", "Bars", "moves_cursor", "split_bar"]

#: So many lines are one bar, at most: then another one begins.
MOST_ROWS = 10
#: Of a line that goes on and on so much is kept, of the end, characters.
LONGEST = 4096
#: How a bar is drawn: what ends a line, goes up, erases what is drawn anew anyway, and
#: what is written.
_STEPS = re.compile(r"(\n)|\x1b\[(\d*)([AK])|((?:[^\n\x1b]+|\x1b\[[\d;]*m)+|\x1b)")
#: What moves the cursor otherwise.
_MOVES = re.compile(r"\x1b\[[0-9;]*[B-HJST]|\x08")


class Bar:
    """Lines that a task draws anew, one beneath the other: those of loops in loops."""

    def __init__(self, text: str, stream: str, label: str) -> None:
        self._stream = stream
        self._label = label
        #: It goes on elsewhere.
        self.has_moved = False
        self._rows = [""]
        #: In which of them the task writes.
        self._row = 0
        self.take(text)

    @property
    def is_ended(self) -> bool:
        """Whether its task has ended its last line, or wiped that out."""
        *above, row = self._rows
        is_blank = not row.strip("\r ") and (row or above)
        return bool(is_blank) and self._row == len(above)

    @property
    def lines(self) -> list[str]:
        """The lines as they stand, but for those that were wiped out."""
        rows = [row.rstrip("\r ") for row in self._rows]
        return [prefix(row, self._stream, self._label) + row for row in rows if row]

    def take(self, text: str) -> str:
        """Take more of it; return what no longer belongs to it."""
        for step in _STEPS.finditer(text):
            newline, count, move, drawn = step.groups()
            if self._row >= MOST_ROWS:
                return text[step.start() :]
            if newline:
                self._row += 1
                self._rows += [""] * (self._row == len(self._rows))
            elif move == "A":
                self._row = max(0, self._row - int(count or 1))
            elif drawn:
                if self.is_ended and drawn[0] != "\r":
                    return text[step.start() :]
                row = overwritten(self._rows[self._row] + drawn)
                self._rows[self._row] = row[-LONGEST:]
        return ""


class Bars(Block):
    """The bars that tasks draw in one place, in the order of the tasks and streams.

    They go on there, whatever follows. In a notebook they are a display: nothing else
    can be changed there once it is shown. In a terminal they take half of the screen at
    most, as what has left it cannot be drawn anew; so they do in a Qt console, where
    they go on until anything follows.

    Parameters
    ----------
    is_display
        Whether they are a display.
    is_cut
        Whether they are cut to the width of a terminal: in a Qt console a line that
        takes two rows is not drawn anew as a whole.
    """

    def __init__(self, *, is_display: bool, is_cut: bool = False) -> None:
        super().__init__()
        self._longest = terminal_size().columns - 1 if is_cut else None
        self._display = uuid.uuid4().hex if is_display else ""
        self._bars: dict[tuple[int, str], Bar] = {}
        #: So many lines have been written of it.
        self._height = 0
        #: What is shown of it, unless that has changed.
        self._told: str | None = None

    def __contains__(self, key: tuple[int, str]) -> bool:
        return key in self._bars

    def __getitem__(self, key: tuple[int, str]) -> Bar:
        return self._bars[key]

    def add(self, owner: int, stream: str, text: str, label: str) -> None:
        """Have another one here, of a task on a stream."""
        self.owners.add(owner)
        self._bars[owner, stream] = Bar(text, stream, label)
        self._told = None

    def take(self, key: tuple[int, str], text: str) -> str:
        """Take more of one; return what no longer belongs to it."""
        self._told = None
        return self._bars[key].take(text)

    def drop(self, owner: int) -> bool:
        """Drop what is a task's; tell whether anything is left."""
        self._bars = {key: bar for key, bar in self._bars.items() if key[0] != owner}
        self._told = None
        return super().drop(owner)

    @property
    def _lines(self) -> list[str]:
        return [line for key in sorted(self._bars) for line in self._bars[key].lines]

    @property
    def told(self) -> str:
        """What a terminal shows of it: nothing once all were wiped out."""
        if self._told is None:
            lines, room = self._lines, _room()
            if len(lines) > room:
                lines[room:] = [f"[... {len(lines) - room} more lines of bars ...]"]
            self._told = "".join(f"{line[: self._longest]}\n" for line in lines)
        return self._told

    @property
    def untold(self) -> str:
        """What a terminal does not show of it, nor elsewhere."""
        bars = (self._bars[key] for key in sorted(self._bars))
        lines = [(line, bar.has_moved) for bar in bars for line in bar.lines]
        return "".join(f"{line}\n" for line, moved in lines[_room() :] if not moved)

    def show(self, *, update: bool = False) -> None:
        """Write them, or display them: the first time, or as they stand by now."""
        if self._display:
            data = {"text/plain": "\n".join(self._lines)}
            transient = {"display_id": self._display}
            display = {"data": data, "transient": transient, "update": update}
            publish(display, None)
            return
        if told := self._drawn_over() if update else self.told:
            put(told, "stdout")
        self._height = max(self._height, self.told.count("\n"))

    def _drawn_over(self) -> str:
        """Return what draws it where it stands, in the lines right above.

        What erases all beneath the cursor would erase all of a Qt console.
        """
        lines = self.told.splitlines()
        lines += [""] * (self._height - len(lines))
        back = f"\x1b[{self._height}A" if self._height else ""
        return f"\r{back}" + "".join(f"\x1b[K{line}\n" for line in lines)


def _room() -> int:
    return terminal_size().lines // 2


def split_bar(text: str) -> tuple[str, str]:
    """Return a text in two: what comes before a bar, and the bar, if it ends in one."""
    if "\r" not in text or moves_cursor(text):
        return text, ""
    lines = text.split("\n")
    begin = len(lines)
    while begin and lines[begin - 1][:1] in ("", "\r"):
        begin -= 1
    if begin == len(lines) and "\r" in lines[-1]:  # behind something in its line
        begin -= 1
    begin = max(begin, len(lines) - MOST_ROWS)
    before, bar = "\n".join([*lines[:begin], ""]), "\n".join(lines[begin:])
    return (overwritten(before), bar) if "\r" in bar else (overwritten(text), "")


def moves_cursor(text: str) -> bool:
    """Tell whether a text is drawn as no bar is."""
    return _MOVES.search(text) is not None

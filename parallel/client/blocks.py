"""What a task has shown in one go: text, a display, or a bar that it draws anew."""

from __future__ import annotations

import re
import uuid
from typing import Any

from .printed import overwritten
from .screen import publish, put

__all__ = [
    "LONGEST",
    "Bar",
    "Block",
    "Place",
    "Shown",
    "Text",
    "moves_cursor",
    "split_bar",
]

#: Of a line that goes on and on so much is kept, of the end, characters.
LONGEST = 64 << 10
#: So many lines are one bar, at most: then another one begins.
MOST_ROWS = 10
#: How a bar is drawn: what ends a line, goes up, erases what is drawn anew anyway, and
#: what is written.
_STEPS = re.compile(r"(\n)|\x1b\[(\d*)([AK])|((?:[^\n\x1b]+|\x1b\[[\d;]*m)+|\x1b)")
#: What moves the cursor otherwise.
_MOVES = re.compile(r"\x1b\[[0-9;]*[B-HJST]|\x08")


class Block:
    """Something shown, from the begin of a line on."""

    stream = "stdout"

    def __init__(self, owner: int) -> None:
        self.owner = owner

    @property
    def told(self) -> str:
        """What a terminal shows of it."""
        return ""

    @property
    def size(self) -> int:
        """How much is kept of it, characters."""
        return len(self.told)

    @property
    def is_begun(self) -> bool:
        """Whether what is written next would stand in its last line."""
        return False

    def show(self) -> None:
        """Show it behind all else."""

    def end(self) -> None:
        """Take note that something follows, in a line of its own."""


class Place(Block):
    """Where something stood that its task has cleared, and will stand."""


class Text(Block):
    """Text, whose last line goes on as long as nothing follows."""

    def __init__(self, owner: int, text: str, stream: str = "stdout") -> None:
        super().__init__(owner)
        self.text = text
        self.stream = stream

    @property
    def told(self) -> str:
        """What a terminal shows of it."""
        return self.text

    @property
    def is_begun(self) -> bool:
        """Whether it ends within a line."""
        return bool(self.text) and not self.text.endswith("\n")

    def show(self) -> None:
        """Write it."""
        if self.text:
            put(self.text, self.stream)

    def end(self) -> None:
        """End its last line."""
        if self.is_begun:
            self.text += "\n"


class Shown(Block):
    """What an engine displays."""

    def __init__(self, owner: int, display: dict[str, Any], engine: int | None) -> None:
        super().__init__(owner)
        self.display = display
        self.engine = engine

    @property
    def told(self) -> str:
        """What a terminal shows of it."""
        text = self.display.get("data", {}).get("text/plain")
        return "" if text is None else f"{text}\n"

    @property
    def name(self) -> str | None:
        """What it is called for updates, if it is."""
        return (self.display.get("transient") or {}).get("display_id")

    @property
    def size(self) -> int:
        """How much all its forms take, characters."""
        return len(self.told) + sum(map(len, map(str, self.display["data"].values())))

    def show(self) -> None:
        """Display it."""
        publish(self.display, self.engine)


class Bar(Block):
    """Lines that their task draws anew, where others show something meanwhile.

    One stands beneath the other, as an outer loop's and an inner one's. They go on in
    their place. In a notebook they are a display: nothing else can be changed there
    once it is shown.
    """

    def __init__(
        self, owner: int, text: str, stream: str, label: str, *, is_display: bool
    ) -> None:
        super().__init__(owner)
        self.stream = stream
        self._label = f"[{stream}:{label}] "
        self._display = uuid.uuid4().hex if is_display else ""
        self._rows = [""]
        #: In which of them the task writes.
        self._row = 0
        self._has_followers = False
        self.take(text)

    @property
    def is_ended(self) -> bool:
        """Whether its task has ended its last line, or wiped that out."""
        *above, row = self._rows
        is_blank = not row.strip("\r ") and (row or above)
        return bool(is_blank) and self._row == len(above)

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

    @property
    def _lines(self) -> str:
        rows = (row.rstrip("\r ") for row in self._rows)
        return "\n".join(self._label + row for row in rows if row)

    @property
    def told(self) -> str:
        """What a terminal shows of it: nothing once it was wiped out."""
        lines = self._lines
        return f"{lines}\n" if lines and self._is_closed else lines

    @property
    def _is_closed(self) -> bool:
        return self._has_followers or self.is_ended

    @property
    def is_begun(self) -> bool:
        """Whether what is written next would stand in its last line."""
        return not (self._display or self._is_closed) and bool(self._lines)

    def show(self, *, update: bool = False) -> None:
        """Write it, or display it: the first time, or how it stands by now."""
        if self._display:
            data = {"text/plain": self._lines}
            transient = {"display_id": self._display}
            display = {"data": data, "transient": transient, "update": update}
            publish(display, None)
        elif told := self.told:
            put(told, self.stream)

    def end(self) -> None:
        """End its line for what follows; it goes on nevertheless."""
        self._has_followers = True


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

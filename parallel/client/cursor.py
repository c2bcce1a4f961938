"""Where text leaves a terminal's cursor, and how many lines it takes there."""

from __future__ import annotations

import functools
import re
import unicodedata

from .frontend import terminal_size

__all__ = ["Cursor", "rows_of"]

#: A text above this is on no screen as a whole, characters.
_LONG = 64 << 10
#: What colours text, and has no width.
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
#: What stood there is gone; we do so from the begin of a line on.
_ERASED = re.compile(r"\x1b\[0?J")


class Cursor:
    """Follows what is written, so that bars stand beneath a line that was begun.

    A bar is drawn from the begin of the line on in which the cursor is.
    """

    def __init__(self) -> None:
        #: Something stands in the cursor's line, or did before it went below.
        self._is_begun = False
        #: Where that ends.
        self._column = 0
        #: The cursor is in the line beneath, for a bar.
        self._is_below = False

    def follow(self, text: str) -> None:
        """Take note of what was written."""
        begin = text.rfind("\n") + 1
        *before, last = _ERASED.split(text[begin:])
        if begin or before:
            self._is_begun, self._column = False, 0
        line = _ESCAPES.sub("", last)
        self._is_begun |= bool(line.strip("\r"))
        self._column = _column_behind(line, self._column, _columns())

    def go_below(self) -> str:
        """Return what brings it to where a bar can be drawn."""
        if not self._is_begun or self._is_below:
            return ""
        self._is_below = True
        return "\n"

    def go_back(self, text: str, *, bars: bool) -> str:
        """Return what writes a text behind the one before, from a bar's line on.

        Parameters
        ----------
        bars
            Whether they are still there, on a terminal's screen; they end their line
            when they close. Elsewhere the text goes on beneath.
        """
        if not self._is_below:
            return text
        self._is_below = False
        if not bars:
            self._is_begun, self._column = False, 0
            return text.removeprefix("\n")
        if self._column == _columns() and not text.startswith(("\r", "\n")):
            return text  # a letter would begin a row: this one
        right = f"\x1b[{self._column}C" if self._column else ""
        return f"\r\x1b[A{right}{text}"


def rows_of(text: str) -> int:
    """Return how many lines of the terminal a text takes; one that is begun counts."""
    columns = _columns()
    if len(text) > _LONG:
        return -(-len(text) // columns)
    lines = _ESCAPES.sub("", text).expandtabs(8).split("\n")
    if not lines[-1]:
        lines.pop()
    return sum(max(1, -(-_width(line) // columns)) for line in lines)


def _columns() -> int:
    return terminal_size().columns


def _width(line: str) -> int:
    return max(sum(map(_width_of, part)) for part in line.split("\r"))


def _column_behind(line: str, column: int, columns: int) -> int:
    """Return where the cursor is behind a text without newlines.

    Behind the last column it waits there for what comes next.
    """
    if len(line) > _LONG:
        line = line[(len(line) - _LONG) // columns * columns :]
    for letter in line:
        if letter == "\r":
            column = 0
        elif letter == "\b":
            column = max(0, column - 1)
        elif letter == "\t":
            column = min(columns - 1, column // 8 * 8 + 8)
        else:
            width = _width_of(letter)
            column += width
            if column > columns:
                column = width
    return column


@functools.lru_cache(4096)
def _width_of(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1

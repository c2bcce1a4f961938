"""What stands on a terminal's screen, and above it, once a text was written to it."""

from __future__ import annotations

import re

__all__ = ["drawn"]

#: A sequence that moves the cursor or erases, or one letter.
_STEPS = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b[()=>78].?|(.)", re.DOTALL)


def drawn(text: str, columns: int = 200) -> str:
    """Return the lines that a terminal shows, as far as it was written to."""
    return "\n".join("".join(row).rstrip() for row in _Picture(columns).write(text))


class _Picture:
    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._rows: list[list[str]] = [[]]
        self._row = self._column = 0

    def write(self, text: str) -> list[list[str]]:
        for step in _STEPS.finditer(text):
            if step[3] is not None:
                self._put(step[3])
            elif step[2] is not None:
                self._obey(step[2], step[1])
        return self._rows

    def _put(self, letter: str) -> None:
        if letter == "\r":
            self._column = 0
        elif letter == "\n":
            self._go_down()
        elif letter == "\t":
            self._column = min(self._columns - 1, self._column // 8 * 8 + 8)
        elif letter >= " ":
            if self._column == self._columns:  # it waits there for what comes next
                self._column = 0
                self._go_down()
            row = self._rows[self._row]
            row += " " * (self._column + 1 - len(row))
            row[self._column] = letter
            self._column += 1

    def _go_down(self) -> None:
        self._row += 1
        if self._row == len(self._rows):
            self._rows.append([])

    def _obey(self, letter: str, told: str) -> None:
        count = int(told) if told.isdecimal() else 0
        if letter == "A":
            self._row = max(0, self._row - max(1, count))
        elif letter == "B":
            self._row = min(len(self._rows) - 1, self._row + max(1, count))
        elif letter == "C":
            self._column = min(self._columns - 1, self._column + max(1, count))
        elif letter == "G":
            self._column = max(1, count) - 1
        elif letter == "J" and not count:
            del self._rows[self._row][self._column :]
            del self._rows[self._row + 1 :]
        elif letter == "K" and not count:
            del self._rows[self._row][self._column :]

"""What several tasks show in one place, of which the part of each can be drawn anew.

A task that calls `clear_output` takes back what it has shown, and not what the others
have. In a notebook the cell is cleared, and what stays is shown again; in a terminal
the cursor goes back over as many lines as the screen has. Elsewhere text stays text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .cursor import rows_of
from .frontend import in_notebook, in_terminal, terminal_size
from .screen import clear_cell, prefix, publish, put

__all__ = ["Canvas", "Part"]

#: So much of what was shown is kept to be shown again, characters and blocks.
MOST, MOST_BLOCKS = 4 << 20, 2000
#: Of a block whose last line goes on and on, as a bar does, so much of the end.
LONGEST = 64 << 10
_NOT_AGAIN = "[... what was shown before is not shown again ...]\n"


@dataclass(slots=True)
class _Block:
    """Something shown, from the begin of a line on."""

    owner: int
    text: str = ""
    stream: str = "stdout"
    display: dict[str, Any] | None = None
    engine: int | None = None

    @property
    def size(self) -> int:
        return len(self.told) + sum(map(len, map(str, self._forms())))

    def _forms(self) -> list[Any]:
        return [] if self.display is None else list(self.display["data"].values())

    @property
    def told(self) -> str:
        """What a terminal shows of it."""
        if self.display is None:
            return self.text
        text = self.display.get("data", {}).get("text/plain")
        return "" if text is None else f"{text}\n"

    @property
    def is_begun(self) -> bool:
        """Whether its last line may go on."""
        return self.display is None and not self.text.endswith("\n")

    def show(self) -> None:
        if self.display is not None:
            publish(self.display, self.engine)
        elif self.text:
            put(self.text, self.stream)


class Part:
    """What one task adds."""

    def __init__(self, canvas: Canvas, owner: int, label: str) -> None:
        self._canvas = canvas
        self._owner = owner
        self._label = label

    def write(self, text: str, stream: str) -> None:
        """Show text; what goes on with the last line has no label of its own.

        So a bar that a task draws with carriage returns is drawn on one line here.
        """
        if text and not self._canvas.go_on(self._owner, stream, text):
            text = prefix(text, stream, self._label) + text
            self._canvas.add(_Block(self._owner, text, stream))

    def tell(self, text: str) -> None:
        """Show a text of the session's own, as an error is."""
        self._canvas.add(_Block(self._owner, text))

    def display(self, displays: Sequence[dict[str, Any]], engine: int | None) -> None:
        """Show what was displayed."""
        if any(not display.get("update") for display in displays):
            self.tell(f"[output:{self._label}]\n")
        for display in displays:
            self._canvas.add(_Block(self._owner, display=display, engine=engine))


class Canvas:
    """What is shown, block by block."""

    def __init__(self) -> None:
        self._is_notebook = in_notebook()
        self._can_redraw = self._is_notebook or in_terminal()
        self._blocks: list[_Block] = []
        self._size = 0
        self._cut = False
        #: Where blocks go that are not shown yet; None where they are shown at once.
        self._drawn: list[_Block] | None = None

    @contextmanager
    def part_of(self, owner: int, label: str, *, anew: bool) -> Iterator[Part]:
        """Give what adds to a task's part.

        Parameters
        ----------
        anew
            Whether this takes the place of all that the task has shown.
        """
        at = self._place(owner, anew) if self._can_redraw else None
        if at is None:
            yield Part(self, owner, label)
            return
        drawn: list[_Block] = []
        self._drawn = drawn
        try:
            yield Part(self, owner, label)
        finally:
            self._drawn = None
        if drawn or anew:
            self._redraw(at, owner, drawn)

    def _place(self, owner: int, anew: bool) -> int | None:
        """Return where a task's part is drawn anew, or stood until it was cleared."""
        for at, block in enumerate(self._blocks):
            if block.owner == owner and (anew or not block.told):
                return at
        return None

    def go_on(self, owner: int, stream: str, text: str) -> bool:
        """Go on with the last line, if that is this task's; tell whether it was."""
        blocks = self._blocks if self._drawn is None else self._drawn
        last = blocks[-1] if blocks else None
        if last is None or not (last.is_begun and last.text):
            return False
        if (last.owner, last.stream) != (owner, stream):
            return False
        if self._drawn is None:
            put(text, stream)
        self._size -= len(last.text)
        last.text = (last.text + text)[-LONGEST if self._can_redraw else -1 :]
        self._size += len(last.text)
        return True

    def add(self, block: _Block) -> None:
        """Show something, from the begin of a line on."""
        if self._drawn is not None:
            _end_line(self._drawn)
            self._drawn.append(block)
            return
        self.end_line()
        block.show()
        if not self._can_redraw:
            self._blocks = [_Block(block.owner, block.told[-1:], block.stream)]
            return
        if block.display is None or not self._updates(block.display):
            self._blocks.append(block)
            self._bound(block)

    def _updates(self, display: dict[str, Any]) -> bool:
        """Keep an update in the place of what it updates, which may not be ours."""
        if not (self._is_notebook and display.get("update")):
            return False
        name = display["transient"]["display_id"]
        for block in self._blocks:
            shown = block.display
            if shown and (shown.get("transient") or {}).get("display_id") == name:
                block.display = {**display, "update": False}
        return True

    def _bound(self, block: _Block) -> None:
        self._size += block.size
        while self._size > MOST or len(self._blocks) > MOST_BLOCKS:
            self._size -= self._blocks.pop(0).size
            self._cut = True

    def end_line(self) -> None:
        """End a line that was begun."""
        if _end_line(self._blocks):
            put("\n", self._blocks[-1].stream)

    def _redraw(self, at: int, owner: int, drawn: list[_Block]) -> None:
        """Draw a task's blocks where those it had were, and all behind them again."""
        blocks = self._blocks
        if self._is_notebook:
            clear_cell()
            first = 0
        else:
            first = _first_on_screen(blocks)
            if first == len(blocks):  # all has left it
                self.end_line()
            put(f"{_go_up(blocks[first:])}\x1b[J", "stdout")
            at = max(at, first)
        # What has left the screen stays there, and is nobody's any more.
        before = [each for each in blocks[first:at] if each.owner != owner]
        after = [each for each in blocks[at:] if each.owner != owner]
        self._blocks = [*before, *(drawn or [_Block(owner)]), *after]
        self._size = sum(each.size for each in self._blocks)
        if self._cut and self._is_notebook:
            put(_NOT_AGAIN, "stdout")
        for block, follower in zip(
            self._blocks, [*self._blocks[1:], None], strict=True
        ):
            if follower is not None:
                _end_line([block])
            block.show()


def _end_line(blocks: list[_Block]) -> bool:
    """End the line that the last of these has begun; tell whether it had."""
    if not (blocks and blocks[-1].text and blocks[-1].is_begun):
        return False
    blocks[-1].text += "\n"
    return True


def _first_on_screen(blocks: list[_Block]) -> int:
    """Return the first of these from which on all of them are still to be seen."""
    left = terminal_size().lines - 1
    first = len(blocks)
    while first and (left := left - rows_of(blocks[first - 1].told)) >= 0:
        first -= 1
    return first


def _go_up(blocks: list[_Block]) -> str:
    """Return what brings the cursor back to where these begin."""
    up = sum(rows_of(each.told) for each in blocks)
    if blocks and blocks[-1].is_begun and blocks[-1].text:
        up -= 1  # it is on that line
    return "\r" + (f"\x1b[{up}A" if up else "")

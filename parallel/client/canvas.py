"""What several tasks show in one place, of which the part of each can be drawn anew.

A task that calls `clear_output` takes back what it has shown, and not what the others
have; one that draws a bar draws it on, though others have shown something since. In a
notebook the cell is cleared, and what stays is shown again; in a terminal the cursor
goes back over as many lines as the screen has. Elsewhere text stays text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .bars import Bars, moves_cursor, split_bar
from .blocks import (
    Block,
    Place,
    Shown,
    Text,
    first_on_screen,
    go_back,
    show_all,
)
from .frontend import in_notebook, in_qt_console, in_terminal
from .screen import clear_cell, prefix, put

__all__ = ["Canvas", "Part"]

#: So much of what was shown is kept to be shown again, characters and blocks.
MOST, MOST_BLOCKS = 4 << 20, 2000
#: Of text whose last line goes on and on so much, of the end.
LONGEST = 64 << 10
_NOT_AGAIN = "[... what was shown before is not shown again ...]\n"


class Part:
    """What one task adds."""

    def __init__(self, canvas: Canvas, owner: int, label: str) -> None:
        self._canvas = canvas
        self._owner = owner
        self._label = label

    def write(self, **texts: str) -> None:
        """Show what was printed on each stream; what goes on with a bar comes first."""
        for stream in sorted(texts, key=self._has_no_bar):
            self._write(texts[stream], stream)

    def _has_no_bar(self, stream: str) -> bool:
        return (self._owner, stream) not in self._canvas.bars

    def _write(self, text: str, stream: str) -> None:
        """Show text; what goes on with a line has no label of its own.

        So a bar that a task draws with carriage returns is drawn on one line here.
        """
        text, bar = self._canvas.split_bar(
            self._canvas.go_on(self._owner, stream, text)
        )
        if text:
            text = prefix(text, stream, self._label) + text
            self._canvas.add(Text(self._owner, text, stream))
        if bar:
            self._canvas.add_bar(self._owner, stream, bar, self._label)

    def tell(self, text: str) -> None:
        """Show a text of the session's own, as an error is."""
        self._canvas.add(Text(self._owner, text))

    def display(self, displays: Sequence[dict[str, Any]], engine: int | None) -> None:
        """Show what was displayed."""
        updates = self._canvas.is_notebook
        if any(not (updates and display.get("update")) for display in displays):
            self.tell(f"[output:{self._label}]\n")
        for display in displays:
            self._canvas.add(Shown(self._owner, display, engine))


class Canvas:
    """What is shown, block by block."""

    def __init__(self) -> None:
        #: Whether what is displayed changes.
        self.is_notebook, self._is_terminal = in_notebook(), in_terminal()
        self._can_redraw = self.is_notebook or self._is_terminal
        #: Nothing is drawn anew there but the last lines.
        self._is_qt_console = in_qt_console()
        self._blocks: list[Block] = []
        #: Where tasks go on with their bars, by task and stream.
        self.bars: dict[tuple[int, str], Bars] = {}
        self._size = 0
        self._cut = False
        #: Where blocks go that are not shown yet; None where they are shown at once.
        self._drawn: list[Block] | None = None

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
        self.bars = {key: bars for key, bars in self.bars.items() if key[0] != owner}
        drawn: list[Block] = []
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
            if owner in block.owners and (anew or isinstance(block, Place)):
                return at
        return None

    def go_on(self, owner: int, stream: str, text: str) -> str:
        """Go on with a task's bar, or its line if that is the last; return the rest."""
        if text and (owner, stream) in self.bars:
            return self._go_on_with_bar((owner, stream), text)
        blocks = self._blocks if self._drawn is None else self._drawn
        last = blocks[-1] if blocks else None
        if not (text and isinstance(last, Text) and last.is_begun):
            return text
        if (last.owners, last.stream) != ({owner}, stream):
            return text
        if self._drawn is None:
            put(text, stream)
        self._size -= last.size
        last.text = (last.text + text)[-LONGEST if self._can_redraw else -1 :]
        self._size += last.size
        return ""

    def split_bar(self, text: str) -> tuple[str, str]:
        """Return a text in two: what comes before a bar, and the bar, if any."""
        has_bars = self._can_redraw or self._is_qt_console
        return split_bar(text) if has_bars else (text, "")

    def add_bar(self, owner: int, stream: str, text: str, label: str) -> None:
        """Show a bar that its task goes on with, whatever is shown meanwhile.

        It joins those that stand at the end.
        """
        key = owner, stream
        blocks = self._blocks if self._drawn is None else self._drawn
        last = blocks[-1] if blocks else None
        if isinstance(last, Bars) and key not in last and self._can_reach(last):
            with self._drawn_anew(last):
                last.add(owner, stream, text, label)
        else:
            last = Bars(is_display=self.is_notebook, is_cut=self._is_qt_console)
            last.add(owner, stream, text, label)
            self.add(last)
        self.bars[key] = last

    def _go_on_with_bar(self, key: tuple[int, str], text: str) -> str:
        """Draw a bar anew in its place; return what is no part of it."""
        bars, rest = self.bars[key], text
        if not self._can_reach(bars):
            bars[key].has_moved = True
        elif not moves_cursor(text):
            with self._drawn_anew(bars):
                rest = bars.take(key, text)
        if rest:
            del self.bars[key]
        return rest

    def _can_reach(self, bars: Bars) -> bool:
        """Tell whether bars can be drawn anew.

        They may have left the screen, and a Qt console changes what is shown last.
        """
        if self._drawn is not None:
            return True
        if self._is_terminal:
            return bars in self._blocks[first_on_screen(self._blocks) :]
        return bars in self._blocks[-1 if self._is_qt_console else 0 :]

    @contextmanager
    def _drawn_anew(self, bars: Bars) -> Iterator[None]:
        """Show bars as they are changed in the block, in their place."""
        if self._drawn is not None:
            yield  # they are shown in the end
            return
        below = self._blocks[self._blocks.index(bars) :]
        back = go_back(below) if self._is_terminal else ""
        self._size -= bars.size
        yield
        self._size += bars.size
        if self._is_terminal:
            show_all(below, back)
        else:
            bars.show(update=True)

    def add(self, block: Block) -> None:
        """Show something, from the begin of a line on."""
        if not isinstance(block, Bars):
            self._forget_ended_bars(block.owners)
        if self._drawn is not None:
            self._drawn.append(block)
            return
        self.end_line()
        block.show()
        if not self._can_redraw:
            if isinstance(block, Text):
                block.text = block.text[-1:]  # it only matters how it ends
            self._blocks = [block]
            return
        if not (isinstance(block, Shown) and self._updates(block.display)):
            self._blocks.append(block)
            self._bound(block)

    def _forget_ended_bars(self, owners: set[int]) -> None:
        """Have the next bars of tasks stand behind what they show now."""
        for key, bars in list(self.bars.items()):
            if key[0] in owners and bars[key].is_ended:
                del self.bars[key]

    def _updates(self, display: dict[str, Any]) -> bool:
        """Keep an update in the place of what it updates, which may not be ours."""
        if not (self.is_notebook and display.get("update")):
            return False
        name = display["transient"]["display_id"]
        for block in self._blocks:
            if isinstance(block, Shown) and block.name == name:
                block.display = {**display, "update": False}
        return True

    def _bound(self, block: Block) -> None:
        self._size += block.size
        while self._size > MOST or len(self._blocks) > MOST_BLOCKS:
            self._size -= self._blocks.pop(0).size
            self._cut = True

    def end(self) -> None:
        """End a line that was begun, and show the bars that had no room."""
        self.end_line()
        if not self.is_notebook:
            untold = [block.untold for block in self._blocks if isinstance(block, Bars)]
            if any(untold):
                put("".join(untold), "stdout")

    def end_line(self) -> None:
        """End a line that was begun."""
        for last in self._blocks[-1:]:
            if last.is_begun:
                put("\n", last.stream)
            last.end()

    def _redraw(self, at: int, owner: int, drawn: list[Block]) -> None:
        """Draw a task's blocks where those it had were, and all behind them again."""
        blocks, first, back = self._blocks, 0, ""
        if not self.is_notebook:
            first = first_on_screen(blocks)
            if first == len(blocks):  # all has left it
                self.end_line()
            back = go_back(blocks[first:])
            at = max(at, first)
        # What has left the screen stays there, and is nobody's any more.
        before = [each for each in blocks[first:at] if each.drop(owner)]
        after = [each for each in blocks[at:] if each.drop(owner)]
        self._blocks = [*before, *(drawn or [Place(owner)]), *after]
        self._size = sum(each.size for each in self._blocks)
        if self.is_notebook:
            clear_cell()
            if self._cut:
                put(_NOT_AGAIN, "stdout")
        show_all(self._blocks, back)

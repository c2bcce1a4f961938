"""What is shown in one go: text, a display, or nothing yet; and where that stands."""

from __future__ import annotations

from typing import Any

from .cursor import rows_of
from .frontend import terminal_size
from .screen import publish, put

__all__ = [
    "Block",
    "Place",
    "Shown",
    "Text",
    "first_on_screen",
    "go_back",
    "show_all",
]


class Block:
    """Something shown, from the begin of a line on.

    Parameters
    ----------
    owners
        The tasks that have shown it.
    """

    stream = "stdout"

    def __init__(self, *owners: int) -> None:
        self.owners = set(owners)

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

    def drop(self, owner: int) -> bool:
        """Drop what is a task's; tell whether anything is left."""
        self.owners.discard(owner)
        return bool(self.owners)

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


def show_all(blocks: list[Block], back: str) -> None:
    """Show blocks one behind the other; in a terminal, from where this brings us back.

    There it is one text as far as possible, as a bar of this session's stands below.
    """
    for block in blocks[:-1]:
        block.end()
    text = back
    for block in blocks:
        if back and not isinstance(block, Shown):
            text += block.told
            continue
        if text:
            put(text, "stdout")
        text = ""
        block.show()
    if text:
        put(text, "stdout")


def first_on_screen(blocks: list[Block]) -> int:
    """Return the first of these from which on all of them are still to be seen."""
    left = terminal_size().lines - 1
    first = len(blocks)
    while first and (left := left - rows_of(blocks[first - 1].told)) >= 0:
        first -= 1
    return first


def go_back(blocks: list[Block]) -> str:
    """Return what brings the cursor back to where these begin, and takes them off."""
    up = sum(rows_of(each.told) for each in blocks)
    if blocks and blocks[-1].is_begun:
        up -= 1  # it is on that line
    return "\r" + (f"\x1b[{up}A" if up else "") + "\x1b[J"

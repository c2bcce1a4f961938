"""What a task prints on one stream: bounded, and told bit by bit."""

from __future__ import annotations

from ..state.excerpt import Excerpt

__all__ = ["Printed", "overwritten"]

#: By so many characters the place is found again.
MARK = 256


def overwritten(text: str) -> str:
    """Return what stays of a text where carriage returns let lines begin anew.

    A bar that was drawn a hundred times is told once, as it was drawn last. Those at
    the end of a line, before its newline, overwrite nothing and stay.
    """
    if "\r" not in text:
        return text
    return "\n".join(map(_last_version, text.split("\n")))


def _last_version(line: str) -> str:
    written = len(line.rstrip("\r"))
    return line[line.rfind("\r", 0, written) + 1 :]


class Printed:
    """The text of one stream: what came beside the result, and may come before it."""

    __slots__ = ("_beside", "_shift", "_whole")

    def __init__(self) -> None:
        #: The text of the result, which told again what had come before it.
        self._whole = ""
        #: What came beside that.
        self._beside = Excerpt()
        #: By so much more was told before than the result tells of it again.
        self._shift = 0

    @property
    def text(self) -> str:
        """All of it; of too much, the begin and the end."""
        return self._whole + self._beside.text

    def add(self, text: str) -> None:
        """Take more of it."""
        self._beside.add(text)

    def settle(self, whole: str) -> None:
        """Take the text of the result, which tells again all that came before it."""
        before = self._beside
        if before.cut or not whole.startswith(before.begin + before.end):
            self._shift = len(before) - _end_of(before, whole)
        self._beside = Excerpt()
        self._whole = whole

    def end(self, last: str) -> None:
        """Take the last words of a task that has no result: the end of all it said."""
        if len(self._beside) <= len(last):
            self.settle(last)
        if not last or not len(self._beside):
            return
        said = self._beside.last(len(last))
        self.add(last[_overlap(said, last) :])

    def reaches(self, place: int) -> bool:
        """Tell whether there is more than so many characters."""
        return len(self._whole) + len(self._beside) + self._shift > place

    def since(self, told: int) -> tuple[str, int]:
        """Return what is new since so much was told, and how much is told with that."""
        at, whole = max(0, told - self._shift), len(self._whole)
        new = self.text[at:] if at < whole else self._beside.since(at - whole)
        return new, whole + len(self._beside) + self._shift


def _end_of(before: Excerpt, whole: str) -> int:
    """Return where the end of what was told before stands in a result's text.

    The result was cut elsewhere, or where nothing had been cut. If the end is not in
    it, all is new from there on where the two differ.
    """
    same, differ = 0, min(len(before.begin), len(whole)) + 1
    while same + 1 < differ:
        middle = (same + differ) // 2
        if whole.startswith(before.begin[:middle]):
            same = middle
        else:
            differ = middle
    mark = before.last(MARK)
    found = whole.find(mark, same)
    return same if found < 0 else found + len(mark)


def _overlap(said: str, last: str) -> int:
    """Return how much of the last words had been said."""
    at = said.find(last[:MARK])
    while at >= 0 and not last.startswith(said[at:]):
        at = said.find(last[:MARK], at + 1)
    return len(said) - at if at >= 0 else 0

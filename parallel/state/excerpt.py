"""Of a text that may be too long to be kept whole: its begin and its end."""

from __future__ import annotations

__all__ = ["HALF", "Excerpt"]

#: So many characters are kept of the begin, and of the end.
HALF = 4 << 20


class Excerpt:
    """The begin and the end of a text, and how much is missing between them."""

    __slots__ = ("begin", "cut", "end")

    def __init__(self) -> None:
        self.begin = self.end = ""
        #: So many characters are missing between the two.
        self.cut = 0

    def __len__(self) -> int:
        """How long the whole text was."""
        return len(self.begin) + self.cut + len(self.end)

    @property
    def text(self) -> str:
        """What is kept of it, and how much is not."""
        return self.since(0)

    def add(self, text: str) -> None:
        """Take more of it."""
        room = 0 if self.end or self.cut else HALF - len(self.begin)
        if len(text) <= room:
            self.begin += text
            return
        self.begin += text[:room]
        self.end += text[room:]
        over = len(self.end) - HALF
        if over > 0:
            self.end = self.end[over:]
            self.cut += over

    def skip(self, count: int) -> None:
        """Go on behind so many characters that nobody has read.

        What is kept of the end was before these, and is missing as well.
        """
        self.cut += len(self.end) + count
        self.end = ""

    def extend(self, more: Excerpt) -> None:
        """Take what another one has of the text that follows."""
        self.add(more.begin)
        if more.cut:
            self.skip(more.cut)
        self.add(more.end)

    def since(self, place: int) -> str:
        """Return what is kept of it from a place in the whole text on."""
        begin = len(self.begin)
        if place >= begin + self.cut:
            return self.end[place - begin - self.cut :]
        return f"{self.begin[place:]}{self._say_cut()}{self.end}"

    def last(self, count: int) -> str:
        """Return so many of the last characters that are kept."""
        return (self.begin + self.end)[-count:]

    def _say_cut(self) -> str:
        if not self.cut:
            return ""
        return f"\n[... {self.cut:,} characters of output cut here ...]\n"

"""How the tour speaks: chapters, code, tables, and checks that are counted.

Plain ASCII and narrow, so that it reads the same in a terminal, a pipe and a log.
The code shown is the source of what is run, so that the two cannot drift apart.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import Any

__all__ = ["Story"]

WIDTH = 76


class Story:
    """Tell what is done, and remember which checks did not hold."""

    def __init__(self) -> None:
        #: So many checks were made.
        self.checks = 0
        #: The checks that did not hold, each with its chapter.
        self.failures: list[str] = []
        self._title = "the start"
        self._begun = perf_counter()

    @property
    def elapsed(self) -> float:
        """Seconds since the story began."""
        return perf_counter() - self._begun

    def chapter(self, title: str) -> None:
        """Open a chapter."""
        self._title = title
        print(f"\n\n{title}\n{'=' * len(title)}", flush=True)

    def say(self, text: str) -> None:
        """Print a paragraph."""
        words = " ".join(text.split())
        print("\n" + textwrap.fill(words, WIDTH, break_on_hyphens=False), flush=True)

    def code(self, *sources: str | Callable[..., Any]) -> None:
        """Show some lines of code, or the source of functions."""
        for source in sources:
            lines = source if isinstance(source, str) else inspect.getsource(source)
            text = textwrap.dedent(lines).strip()
            print("\n" + textwrap.indent(text, "    "), flush=True)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Print a table; what begins with a digit stands on the right."""
        cells = [[str(cell) for cell in row] for row in [head, *rows]]
        columns = []
        for column in zip(*cells, strict=True):
            width = max(map(len, column))
            align = str.rjust if column[1][:1].isdigit() else str.ljust
            head_, *rest = (align(cell, width) for cell in column)
            columns.append([head_, "-" * width, *rest])
        self.lines("  ".join(row) for row in zip(*columns, strict=True))

    def lines(self, lines: Iterable[str]) -> None:
        """Print lines as they are, indented."""
        print()
        for line in lines:
            print(f"    {line}".rstrip(), flush=True)

    def check(self, claim: str, held: bool, seen: object = "") -> None:
        """Say whether a claim holds, and what was seen if not."""
        self.checks += 1
        print(f"  {'ok    ' if held else 'FAILED'}  {claim}", flush=True)
        if held:
            return
        self.failures.append(f"{self._title}: {claim}")
        for line in str(seen).splitlines():
            print(f"          {line}", flush=True)

    def end(self) -> int:
        """Sum the checks up; the exit status that they deserve."""
        self.chapter("The end")
        if not self.failures:
            self.say(f"All {self.checks} checks held. It took {self.elapsed:.1f} s.")
            return 0
        self.say(f"{len(self.failures)} of {self.checks} checks FAILED:")
        self.lines(self.failures)
        return 1

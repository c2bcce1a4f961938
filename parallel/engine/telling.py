"""Tells what tasks print while they run, and what is printed after their results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..protocol.messages import Output, ToEngine
from ..transport.dealer import Dealer

__all__ = ["OUTPUT_AGAIN", "OUTPUT_EVERY", "Printing", "Telling"]

#: Late and live output is looked for this often, seconds; what Python prints is told
#: at once, and so often while it goes on.
OUTPUT_EVERY, OUTPUT_AGAIN = 0.5, 0.1
#: A flood of it takes memory until then: so what is to be cut is freed this often.
TRIM_EVERY, FLOOD = 0.05, 4 << 20


class Printing(Protocol):
    """Where output is read."""

    def take_output(self) -> list[Output]:
        """Return what was printed, and that no result has carried yet."""

    def trim_output(self) -> bool:
        """Free what nobody will read of a flood; tell whether there is one."""


class Telling:
    """Says on the control line what was printed.

    Parameters
    ----------
    rouse
        Ends the side thread's wait.
    """

    def __init__(
        self, printing: Printing, line: Dealer[ToEngine], rouse: Callable[[], None]
    ) -> None:
        self._printing = printing
        self._line = line
        self._rouse = rouse
        #: When that was looked for: at all, and because something had been printed.
        self._looked = self._heeded = 0.0
        self._is_expected = False
        #: Much was printed of late.
        self._flooded = False

    def expect(self) -> None:
        """Note, from any thread, that something was printed."""
        if not self._is_expected:
            self._is_expected = True
            self._rouse()

    def patience(self, now: float) -> float:
        """Return after how many seconds there is to be looked again at the latest."""
        patience = TRIM_EVERY if self._flooded else OUTPUT_EVERY
        if self._is_expected and self._line.was_open:
            patience = min(patience, max(0.0, self._heeded + OUTPUT_AGAIN - now))
        return patience

    def look(self, now: float) -> bool:
        """Tell what was printed, if it is time; tell whether it was time anyway."""
        if now - self._looked >= OUTPUT_EVERY:
            self._looked = now
            self._tell()
            return True
        if self._is_expected and now - self._heeded >= OUTPUT_AGAIN:
            self._heeded = now
            self._tell()
        elif self._flooded:
            self._printing.trim_output()
        return False

    def _tell(self) -> None:
        self._is_expected = False
        printed = self._printing.take_output()
        if printed:
            self._line.say(printed)
        self._flooded = sum(len(o.stdout) + len(o.stderr) for o in printed) > FLOOD

"""What goes into a measuring method and what comes out."""

from __future__ import annotations

from dataclasses import dataclass

#: Figures in the unit of their row, by part; a single part has no name.
Samples = dict[str, list[float]]

#: Calls before anything is measured.
WARM_UP = 100


@dataclass(frozen=True)
class Amount:
    """How much to do: calls in a bout, bouts, and seconds after which none begins."""

    count: int
    bouts: int
    seconds: float


class NotHere(RuntimeError):
    """A measurement cannot be done in this environment; no failure."""

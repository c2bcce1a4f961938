"""What is needed of the engines, beyond their work."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Engines"]


class Engines(Protocol):
    """What engines can be asked to keep of what they said."""

    def hold_back(self, holds_back: bool) -> None:
        """Have them keep what they send now, or no longer than clients need it."""

    def leave_to_record(self) -> None:
        """Have them keep what they said in this turn until the record has it."""

"""A terminal of a size, which a test looks at, in the place of our streams."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TextIO

import pytest

from parallel.client import frontend, screen

__all__ = ["show_in"]


def show_in(
    terminal: TextIO, patch: pytest.MonkeyPatch, lines: int, columns: int
) -> None:
    """Have what the session shows written to a terminal."""
    patch.setenv("TERM", "xterm")
    patch.setenv("LINES", str(lines))
    patch.setenv("COLUMNS", str(columns))
    streams = SimpleNamespace(stdout=terminal, stderr=terminal, modules=sys.modules)
    for module in (screen, frontend):
        patch.setattr(module, "sys", streams)

"""A program that is a small script, for launchers to start."""

from __future__ import annotations

from pathlib import Path

import pytest

from parallel.cluster.launchers.program import ENGINES, Program
from parallel.transport.locations import make_profile


class Script(Program, frozen=True, kw_only=True):
    """Runs a line of shell in the place of engines."""

    line: str = "sleep 60"

    def words(self, n: int | None = None, python: str = "") -> list[str]:
        """Return the command."""
        return ["/bin/sh", "-c", self.line, "sh", str(n), *self.arguments]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    folder = make_profile(tmp_path / "profile_x")
    return Script(role=ENGINES, profile_dir=str(folder), cluster_id="c", set_id="first")

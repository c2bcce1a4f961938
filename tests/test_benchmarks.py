"""The peers are measured in environments of their own, which lack our packages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


def test_what_measures_peers_needs_nothing_that_they_lack() -> None:
    code = "import benchmarks.methods, benchmarks.tasks"
    command = [sys.executable, "-S", "-c", code]  # without what is installed
    subprocess.run(command, cwd=SCRIPTS, check=True, timeout=60)

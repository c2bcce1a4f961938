"""The real systems of `scripts/testbeds`, for the tests that need one."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests import ROOT

__all__ = ["variables_of"]


def variables_of(name: str) -> dict[str, str]:
    """Return the variables with which the commands of a testbed find it.

    A test that needs one that does not run is skipped, and fails where
    $REQUIRED_TESTBEDS names it, so that nobody passes by skipping.
    """
    script = ROOT / "scripts" / "testbeds" / name
    up = subprocess.run([script, "status"], capture_output=True, text=True)
    if up.returncode:
        needed = name in os.environ.get("REQUIRED_TESTBEDS", "").split()
        reason = f"{up.stderr.strip() or up.stdout.strip()}"
        (pytest.fail if needed else pytest.skip)(reason)
    said = subprocess.check_output([script, "variables"], text=True)
    return dict(line.split("=", 1) for line in said.split())

"""The real systems of `scripts/testbeds`, for the tests that need one."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests import ROOT

__all__ = ["need", "variables_of"]


def need(name: str, why_not: str) -> None:
    """Skip the test if something lacks; fail where $REQUIRED_TESTBEDS names that."""
    if why_not:
        required = name in os.environ.get("REQUIRED_TESTBEDS", "").split()
        (pytest.fail if required else pytest.skip)(why_not)


def variables_of(name: str) -> dict[str, str]:
    """Return the variables with which the commands of a testbed find it.

    A test that needs one that does not run is skipped, and fails where
    $REQUIRED_TESTBEDS names it, so that nobody passes by skipping.
    """
    script = ROOT / "scripts" / "testbeds" / name
    up = subprocess.run([script, "status"], capture_output=True, text=True)
    if up.returncode:
        need(name, up.stderr.strip() or up.stdout.strip() or "it does not run")
    said = subprocess.check_output([script, "variables"], text=True)
    return dict(line.split("=", 1) for line in said.split())

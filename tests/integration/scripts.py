"""Scripts run as users run them: each a process with a `__main__` of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest


def write_script(folder: Path, text: str) -> Path:
    """Write a script, its lines moved to the left margin; return its path."""
    path = folder / "script.py"
    path.write_text(textwrap.dedent(text))
    return path


def run_script(folder: Path, text: str, *arguments: object, timeout: float = 90) -> str:
    """Run a script to its end; return what it printed.

    It fails the test, with all that it said, if its status is not 0.
    """
    with started_script(folder, text, *arguments) as process:
        out, err = process.communicate(timeout=timeout)
    if process.returncode:
        words = f"the script exited with {process.returncode}\n{out}{err}"
        pytest.fail(words, pytrace=False)
    return out


@contextlib.contextmanager
def started_script(
    folder: Path, text: str, *arguments: object
) -> Iterator[subprocess.Popen[str]]:
    """Start a script; it is killed at the end of the block if it still runs."""
    script = write_script(folder, text)
    with subprocess.Popen(
        [sys.executable, "-W", "error", str(script), *map(str, arguments)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(script: subprocess.Popen[str]) -> str:
    """Return the first line that a script prints; if it ends before, fail the test."""
    assert script.stdout is not None
    line = script.stdout.readline()
    if not line:
        pytest.fail(script.communicate(timeout=30)[1], pytrace=False)
    return line.rstrip("\n")

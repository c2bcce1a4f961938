"""What the tests let engines do: found there by name, so it imports next to nothing.

Engines look for modules where the client does, and so find this one.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

#: Seconds after which an engine gives up waiting for a file.
PATIENCE = 60


def fsquare(x: float) -> float:
    """Return the square of a number."""
    return x**2


def add(x: float, y: float = 1) -> float:
    """Return the sum of two numbers."""
    return x + y


def divide(x: float, y: float) -> float:
    """Return a quotient."""
    return x / y


def simulator(x: float) -> float:
    """Return something that takes a little while to compute."""
    time.sleep(0.001)
    return x * 2


def wait_for(path: str) -> int:
    """Return this process's id once there is such a file."""
    deadline = time.monotonic() + PATIENCE
    while not Path(path).exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody made {path}")
        time.sleep(0.002)
    return os.getpid()


def begin_and_wait_for(begun: str, path: str) -> int:
    """Say that this runs by appending this process's id to a file, then wait."""
    note(begun, os.getpid())
    return wait_for(path)


def fail_the_first_time(begun: str, path: str) -> int:
    """Say that this runs, wait, and fail unless it has run before."""
    note(begun, os.getpid())
    if len(notes(begun)) > 1:
        return os.getpid()
    wait_for(path)
    raise ZeroDivisionError


def fail_before_a_line(begun: str, path: str, number: int) -> None:
    """Say that this runs and wait, also for tasks that wait in line; then fail.

    A single one has only to have come; several are taken in.
    """
    from parallel.transport import nesting

    begin_and_wait_for(begun, path)
    inbox: Any = nesting.current._inbox  # type: ignore[union-attr]
    deadline = time.monotonic() + PATIENCE
    while not (inbox.has_task() if number == 1 else len(inbox.tasks) >= number):
        if time.monotonic() > deadline:
            raise TimeoutError(f"less than {number} tasks came")
        if number > 1:
            inbox.read()
        time.sleep(0.002)
    raise ZeroDivisionError


def note(path: str, what: object) -> object:
    """Append a line to a file, whole, whoever else does so; return what it says."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, f"{what}\n".encode())
    os.close(descriptor)
    return what


def notes(path: str | Path) -> list[str]:
    """Return the lines of a file of notes; none if there is no such file yet."""
    try:
        return Path(path).read_text().splitlines()
    except FileNotFoundError:
        return []

"""What engines run during a soak: found by name there, so it imports little."""

from __future__ import annotations

import sys

from tests.chaos.calls import own_client
from tests.integration.tasks import add

__all__ = ["print_lines", "sum_of_tasks"]


def print_lines(number: int) -> int:
    """Print so many lines, and half as many to stderr."""
    for line in range(number):
        print(f"this is line {line}")
        if line % 2:
            print(f"and this is {line}", file=sys.stderr)
    return number


def sum_of_tasks(number: int) -> float:
    """Return a sum that so many tasks of this task's own have made."""
    view = own_client().load_balanced_view()
    results = [view.apply_async(add, i) for i in range(number)]
    found: float = sum(result.get() for result in results)
    return found

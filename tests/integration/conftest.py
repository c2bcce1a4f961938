"""What the tests of whole clusters share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parallel import Client, Cluster
from tests.integration.scripts import run_script


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs a script as a user does; see `run_script`."""

    def run_here(text: str, *arguments: object, **options: float) -> str:
        return run_script(tmp_path, text, *arguments, **options)

    return run_here


@pytest.fixture
def rc() -> Iterator[Client]:
    """Start two engines that are the test's own to harm; give their client."""
    with Cluster(n=2) as client:
        yield client


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """Give the path of a file that does not exist yet: see `tasks.wait_for`.

    It does afterwards: what a failed test left waiting is not in the next one's way.
    """
    gate = tmp_path / "gate"
    yield gate
    gate.touch()


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """Return the path of a file for `tasks.begin_and_wait_for` to say that it runs."""
    return tmp_path / "begun"

"""What the tests of whole clusters share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.scripts import run_script


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs a script as a user does; see `run_script`."""

    def run_here(text: str, *arguments: object, **options: float) -> str:
        return run_script(tmp_path, text, *arguments, **options)

    return run_here

"""`ipcluster` by itself does nothing, and says what there is."""

from __future__ import annotations

import pytest

from tests.commands import run

pytestmark = pytest.mark.slow


def test_no_subcommand() -> None:
    out, err = run("ipcluster", status=1)
    assert out == ""
    for name in ("start", "stop", "list"):
        assert f"\n{name}\n" in err


def test_an_unknown_subcommand() -> None:
    said = run("ipcluster restart", status=1)[1]
    assert len(said.splitlines()) == 1
    assert (
        "no subcommand 'restart'; there are start, engines, scale, stop, list" in said
    )

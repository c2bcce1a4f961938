"""The list of clusters is a table, or JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from parallel.cli.listing import class_prefix, table
from tests.commands import run


def test_a_table_has_aligned_columns() -> None:
    rows = [("A", "LONGER", "C"), ("longest", "''", "x"), ("", "b", "")]
    assert list(table(rows)) == [
        "A        LONGER  C",
        "longest  ''      x",
        "         b",
    ]


@pytest.mark.slow
def test_nothing_runs() -> None:
    assert run("ipcluster list")[0].split()[0] == "PROFILE"
    assert json.loads(run("ipcluster list -o json")[0]) == []
    assert len(run("ipcluster list --profile=x")[0].splitlines()) == 1
    assert not (Path(os.environ["IPYTHONDIR"]) / "profile_x").exists()


def test_launchers_are_shown_as_their_classes_are_called() -> None:
    assert [class_prefix(each) for each in ("Local", "htcondor", "own.Launcher")] == [
        "Local",
        "HTCondor",
        "own.Launcher",
    ]

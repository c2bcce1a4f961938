"""What `ipcluster start` cannot start, it says so before it starts anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.commands import run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("-n 0", "a cluster has at least one engine, not n=0"),
        ("-n -1", "a cluster has at least one engine, not n=-1"),
        ("-n many", "expected an int, not the str 'many'"),
        ("--transport=ipc --port=4000", "are for transport='tcp', not for ipc"),
        ("--resources gpu", "expected amounts such as {'gpu': 1}"),
        ("-- --reuse", "'--reuse' is not what the controller"),
        ("--work-dir=/no/such/folder", "cannot work in /no/such/folder"),
        ("--profile-dir=/dev/null/x", "/dev/null/x"),
    ],
)
def test_what_cannot_be_started(options: str, words: str) -> None:
    out, err = run(f"ipcluster start --daemonize {options}", status=1)
    assert out == ""
    assert len(err.splitlines()) == 1
    assert words in err
    assert not list(Path(os.environ["IPYTHONDIR"]).glob("*/security/*"))

"""Errors of ours are shown by IPython without the steps inside of the package."""

from __future__ import annotations

import re

import pytest

from tests.interactive.conftest import Session

pytestmark = pytest.mark.slow

UNPACKABLE = "rc[:].apply_sync(len, (i for i in range(3)))"


def steps_of(shown: str) -> list[str]:
    """Return the names of the files and cells that a traceback shows steps of."""
    return re.findall(r"(?m)^(?:File .*/|Cell )([\w.]+)", shown)


def test_what_cannot_travel_is_told_in_a_few_lines(session: Session) -> None:
    shown = session.run(UNPACKABLE)
    assert steps_of(shown) == ["In"]
    assert shown.count("cannot pickle 'generator' object") == 1
    assert f"----> 1 {UNPACKABLE}" in shown


def test_the_users_steps_on_the_way_are_shown(session: Session) -> None:
    session.run("def outer():\n    return inner()\ndef inner():\n    " + UNPACKABLE)
    shown = session.run("outer()")
    assert "return inner()" in shown
    assert "parallel" not in shown


def test_what_the_users_own_code_raises_is_shown_whole(session: Session) -> None:
    session.run(
        "from parallel import TaskAborted\n"
        "def mine():\n"
        "    yield 1\n"
        "    raise TaskAborted('mine')"
    )
    shown = session.run("rc[:].map_sync(len, mine())")
    assert "raise TaskAborted('mine')" in shown


def test_verbose_tracebacks_have_all_steps(session: Session) -> None:
    session.run("%xmode Verbose")
    try:
        shown = session.run(UNPACKABLE)
    finally:
        session.run("%xmode Context")
    assert "calls.py" in steps_of(shown)

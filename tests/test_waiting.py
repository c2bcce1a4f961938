"""Waiting for a condition returns what came, or says what did not."""

from __future__ import annotations

import pytest

from tests.waiting import wait_until


def test_returns_what_the_condition_returns() -> None:
    results = iter([0, None, "ready"])
    assert wait_until(lambda: next(results)) == "ready"


def test_says_what_did_not_come() -> None:
    with pytest.raises(AssertionError, match=r"no reply within 0.02 s, only \[\]"):
        wait_until(list, timeout=0.02, what="reply")

"""Of each kind of complaint some are logged, and of the others how many there were."""

from __future__ import annotations

import logging

import pytest

from parallel.controller.complaints import EVERY, MOST, Complaints


def test_the_first_are_told_and_the_others_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    complaints = Complaints(logging.getLogger("parallel.test"))
    for i in range(1000):
        complaints.tell(i / 1000, "bad batch %d", i)
    complaints.tell(1.0, "something else")
    told = [f"bad batch {i}" for i in range(MOST)]
    assert caplog.messages == [*told, "something else"]
    complaints.tell(2 + EVERY, "bad batch %d", 1000)
    assert caplog.messages[-2:] == [
        f"{1000 - MOST} more times: bad batch %d",
        "bad batch 1000",
    ]


def test_a_traceback_can_be_told(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints(logging.getLogger("parallel.test"))
    complaints.tell(0.0, "not foreseen", error=ZeroDivisionError("why"))
    assert "ZeroDivisionError: why" in caplog.text

"""An engine knows when to end by its environment, and leaves a margin."""

from __future__ import annotations

import logging

import pytest

from parallel.engine import walltime
from parallel.engine.walltime import MARGIN, end_of_time

NOW = 1_800_000_000.0


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walltime, "time", lambda: NOW)


def test_nobody_says() -> None:
    assert end_of_time({}) == 0.0


def test_the_job_script_says() -> None:
    assert end_of_time({"IPP_UNTIL": str(NOW + 3600)}) == NOW + 3600 - MARGIN


def test_slurm_says() -> None:
    assert end_of_time({"SLURM_JOB_END_TIME": str(NOW + 600)}) == NOW + 600 - MARGIN


def test_what_the_job_script_says_goes_before_what_slurm_says() -> None:
    both = {"SLURM_JOB_END_TIME": str(NOW + 9000), "IPP_UNTIL": str(NOW + 3600)}
    assert end_of_time(both) == NOW + 3600 - MARGIN


def test_the_command_line_goes_before_all() -> None:
    assert end_of_time({"IPP_UNTIL": str(NOW + 600)}, 3600) == NOW + 3600 - MARGIN


def test_of_a_short_time_it_keeps_nine_tenths() -> None:
    assert end_of_time({}, 20) == NOW + 18


def test_a_time_that_has_passed_is_an_old_one() -> None:
    assert end_of_time({"IPP_UNTIL": str(NOW - 1)}) == 0.0


def test_what_is_no_time_is_told_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    assert end_of_time({"IPP_UNTIL": "tomorrow"}) == 0.0
    assert "IPP_UNTIL='tomorrow' is no time" in caplog.text

"""Faults are chosen by their names, or by those of their groups."""

from __future__ import annotations

import os
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from tests.chaos.faults import DEFAULT, FAULTS, GROUPS, chosen


def test_a_group_stands_for_its_faults() -> None:
    assert chosen(["clients", "cut"]) == ["kill-client", "stop-client", "cut"]


def test_each_is_chosen_once() -> None:
    assert chosen(["all", "cut", "engines"]) == list(FAULTS)


def test_there_are_all_that_groups_name() -> None:
    assert {name for names in GROUPS.values() for name in names} == set(FAULTS)
    assert chosen(DEFAULT)


def test_others_are_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="no fault 'flood': there are engines"):
        chosen(["flood"])


@pytest.mark.parametrize("done", ["", "SIGSTOP to 1", "SIGKILL to 1"])
def test_no_controller_is_killed_whose_agent_has_just_been(done: str) -> None:
    """It may still be there, and nobody would be left to start another controller."""
    here = os.getpid()
    scene: Any = SimpleNamespace(agent=here, controller=here, struck={here: done})
    scene.strike = lambda pid, signum: f"{signum.name} to {pid}"
    words = FAULTS["kill-controller"](scene, Random(1))
    assert bool(words) is not done.startswith("SIGKILL")

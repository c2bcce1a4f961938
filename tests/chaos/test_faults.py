"""Faults are chosen by their names, or by those of their groups."""

from __future__ import annotations

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

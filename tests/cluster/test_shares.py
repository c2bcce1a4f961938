"""Each engine of a host has its own share of some variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from parallel.cluster.outofmemory import OutOfMemory
from parallel.cluster.shares import each_engines, environment_of, name_shared


def test_values_in_brackets_are_shared_out_in_turn() -> None:
    environment = name_shared({"GPU": "[0, 1]", "THREADS": "1", "EMPTY": "[]"})
    shares = [environment_of(environment, place) for place in range(3)]
    assert shares == [{"GPU": "0"}, {"GPU": "1"}, {"GPU": "0"}]


def test_brackets_mean_nothing_unless_they_were_named() -> None:
    assert name_shared({"A": "1"}) == {"A": "1"}
    assert environment_of({"A": "[1,2]"}, 0) == {}
    assert environment_of({"IPP_SHARED": "A,B", "A": "no list"}, 0) == {}


@pytest.mark.parametrize(("later", "struck"), [("oom_kill 3", True), ("", False)])
def test_that_memory_ran_out_is_told_once(
    tmp_path: Path, later: str, struck: bool
) -> None:
    vmstat = tmp_path / "vmstat"
    vmstat.write_text("pgfault 7\noom_kill 2\n")
    memory = OutOfMemory(vmstat)
    assert not memory.has_struck()
    vmstat.write_text(f"pgfault 9\n{later}\n")
    assert memory.has_struck() is struck
    assert not memory.has_struck()


def test_engines_of_one_agent_share_values_out_again_and_again() -> None:
    shared = {"GPU": "[0,1]", "PORT": "[7,8,9]", "SHAPE": "round"}
    found = each_engines(shared)
    assert [each["GPU"] for each in found] == ["0", "1", "0", "1", "0", "1"]
    assert [each["PORT"] for each in found] == ["7", "8", "9", "7", "8", "9"]
    assert {each["SHAPE"] for each in found} == {"round"}
    assert each_engines({}) == [{}]

"""Starts of tasks are judged as they should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.judge import judge_starts


def noted(folder: Path, *lines: str) -> Path:
    file = folder / "starts"
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def test_each_once_is_good(tmp_path: Path) -> None:
    found = judge_starts(noted(tmp_path, "a 1", "b 1", "c 2"), ["a"], set())
    assert (found.tasks, found.again, found.complaints) == (3, 0, [])


def test_one_whose_engine_died_may_be_started_again(tmp_path: Path) -> None:
    found = judge_starts(noted(tmp_path, "a 1", "b 2", "a 2", "a 3"), [], {1, 2})
    assert (found.tasks, found.again, found.complaints) == (2, 2, [])


def test_one_whose_engine_lives_may_not(tmp_path: Path) -> None:
    (complaint,) = judge_starts(noted(tmp_path, "a 1", "a 2"), [], {2}).complaints
    assert complaint == "a was started in the processes [1, 2], and 1 had not died"


def test_one_of_which_no_record_was_left_may_be_started_again(tmp_path: Path) -> None:
    file = noted(
        tmp_path, "a/9-1 1", "a/9-1 2", "a/9-1.0/8-1 1", "a/9-1.0/8-1 2", "a 1", "a 2"
    )
    complaints = judge_starts(file, [], {2}, gone={9}).complaints
    assert [each.split()[0] for each in complaints] == ["a/9-1.0/8-1", "a"]


@pytest.mark.parametrize("dead", [set(), {1}])
def test_one_that_must_not_may_never(tmp_path: Path, dead: set[int]) -> None:
    found = judge_starts(noted(tmp_path, "a 1", "a 2"), ["a", "b"], dead)
    assert "a was started more than once: in [1, 2]" in found.complaints


def test_nothing_may_have_been_started(tmp_path: Path) -> None:
    assert judge_starts(tmp_path / "none", ["a"], set()).tasks == 0

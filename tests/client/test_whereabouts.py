"""Where tasks stand is said in few lines, however many there are."""

from __future__ import annotations

from typing import Any

from parallel.client.whereabouts import SHOWN, say


def place(state: str, engine_id: int = -1, seconds: float = 0, why: str = "") -> Any:
    return {"state": state, "engine_id": engine_id, "seconds": seconds, "why": why}


def test_what_runs_is_told_by_name_and_its_engines_health() -> None:
    places = {"a": place("running", 0, 12.3), "b": place("suspended", 1, 40)}
    wrong = {"0": "", "1": "does not answer: its process is stopped (SIGSTOP)"}
    walk, fit = say({"a": "fit", "b": "walk"}, places, wrong)
    assert walk.startswith("walk (b) waits for tasks of its own on engine 1, which")
    assert walk.endswith("does not answer: its process is stopped (SIGSTOP)")
    assert fit == "fit (a) has been running for 12.3 s on engine 0, which is alive"


def test_of_many_that_run_those_are_shown_that_run_for_longest() -> None:
    places = {str(i): place("running", i, i) for i in range(100)}
    lines = say(dict.fromkeys(places, "f"), places, {})
    assert len(lines) == SHOWN + 1
    assert lines[0].startswith("f (99) has been running for 99 s")
    assert lines[-1] == f"{100 - SHOWN} more run, for a shorter time"


def test_those_that_wait_are_counted_by_what_they_wait_for() -> None:
    places = {
        **{f"q{i}": place("queued", why="all 2 engines are busy") for i in range(3)},
        "line": place("in line", 1),
        "later": place("waiting", why="for a to end"),
    }
    assert say(dict.fromkeys([*places, "lost"], "f"), places, {}) == [
        "3 are in the queue: all 2 engines are busy",
        "1 is in line on engine 1",
        "1 is waiting for a to end",
        "1 is on the way to the controller, or back",
    ]


def test_of_many_reasons_the_most_common_are_told() -> None:
    places = {str(i): place("waiting", why=f"for {i} to end") for i in range(20)}
    lines = say(dict.fromkeys(places, "f"), places, {})
    assert lines[-1] == f"{20 - SHOWN} more wait for other reasons"

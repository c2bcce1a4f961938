"""Where tasks stand is said in few lines, however many there are."""

from __future__ import annotations

from typing import Any

import pytest

from parallel.client.opentasks import OpenTasks
from parallel.client.whereabouts import SHOWN, explain_tasks, say
from parallel.errors import TransportError


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


def test_large_arguments_are_told_and_not_the_code_of_their_task() -> None:
    why = "2,861 MiB of arguments"
    places = {"a": place("sent", 0, 44, why), "b": place("running", 1, 40, why)}
    sent, runs = say({"a": "fit", "b": "walk"}, places, {})
    assert sent == (
        "fit (a) with 2,861 MiB of arguments has been on its way for 44 s, to be run "
        "on engine 0, which is alive"
    )
    assert runs == (
        "walk (b) has been running for 40 s, in which 2,861 MiB of arguments are "
        "unpacked first, on engine 1, which is alive"
    )


class Way:
    """A connection on which much is under way, to a controller that does not answer."""

    session, outstanding, unheard_nbytes = "cafe", [0], 64 << 20

    def __init__(self, answer: Any) -> None:
        self.tasks = OpenTasks()
        self.questions: Any = self
        self._answer = answer

    def ask(self, name: str, *, behind: bool, msg_ids: list[str]) -> Any:
        assert not behind, "the question does not wait for what it is about"
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    "answer", [{"tasks": {}, "engines": {}}, TransportError("it did not answer")]
)
def test_what_has_not_arrived_at_the_controller_is_told_first(answer: Any) -> None:
    first, then = explain_tasks(Way(answer))
    assert first == "64 MiB have not arrived at the controller yet"
    assert then in ("1 is on the way to the controller, or back", "it did not answer")

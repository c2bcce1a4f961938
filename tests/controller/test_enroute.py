"""Where a task stands is told with its arguments, if these are what takes long."""

from __future__ import annotations

import pytest

from parallel.controller.enroute import MUCH, VERY_MUCH, with_arguments
from parallel.controller.work import Work
from parallel.protocol.messages import Method, Submit
from parallel.state.naming import TaskKey
from parallel.state.tasks import Engine, Task
from parallel.state.whereabouts import Whereabouts

RUNNING = Whereabouts("running", 3, 40.0)


def task(*frames: bytes) -> Task:
    found = Task(TaskKey(b"client", 0), Work(Submit(0, Method.APPLY, b"", b""), frames))
    found.holder = Engine(b"engine", 3)
    return found


def test_what_its_engine_has_not_read_is_on_its_way() -> None:
    large = task(b"first", bytes(MUCH))
    place = with_arguments(RUNNING, large, lambda _: [b"head", *large.body.frames])
    assert place == Whereabouts("sent", 3, 40.0, "1 MiB of arguments")


def test_what_its_engine_has_read_runs() -> None:
    found = task(bytes(MUCH))
    other = bytes(MUCH)
    assert with_arguments(RUNNING, found, lambda _: [b"head", other]) == RUNNING


def test_what_runs_may_still_be_unpacked_if_it_is_very_much() -> None:
    place = with_arguments(RUNNING, task(bytes(VERY_MUCH)), lambda _: [])
    assert place == Whereabouts("running", 3, 40.0, "64 MiB of arguments")


@pytest.mark.parametrize("state", ["queued", "in line", "suspended"])
def test_of_others_nothing_is_told(state: str) -> None:
    large, place = task(bytes(VERY_MUCH)), Whereabouts(state, 3)
    assert with_arguments(place, large, lambda _: large.body.frames) == place

"""The answers to clients' questions."""

from __future__ import annotations

import types
from typing import Any

import msgspec

from parallel.controller.queries import (
    QUERIES,
    processes,
    queue_status,
)
from parallel.protocol.messages import EngineInfo
from parallel.state.scheduler import Scheduler
from tests.state.world import World

NO_HUB: Any = types.SimpleNamespace(engines={})


def dispatching(machine: Scheduler) -> Any:
    """Return what stands for a dispatch."""
    return types.SimpleNamespace(machine=machine)


def test_each_question_has_its_name() -> None:
    assert all(name == ask.__name__ for name, ask in QUERIES.items())
    assert {"processes", "queue_status", "db_query", "resubmit"} <= set(QUERIES)


def test_nobody_and_nothing() -> None:
    nothing = dispatching(World().machine)
    assert queue_status(NO_HUB, nothing) == {"unassigned": 0}
    assert processes(NO_HUB, nothing) == {}


def test_what_each_engine_has_in_hand() -> None:
    world = World()
    first, second = world.join(), world.join()
    world.submit(first.engine_id)
    world.work_off(first, 1.0)
    world.submit(first.engine_id)
    world.submit(first.engine_id)
    for _ in range(3):
        world.submit()
    assert queue_status(NO_HUB, dispatching(world.machine)) == {
        "0": {"queue": 2, "completed": 1, "tasks": 0},
        "1": {"queue": 0, "completed": 0, "tasks": 1},
        "unassigned": 2,
    }
    status = queue_status(NO_HUB, dispatching(world.machine), verbose=True)
    assert {key: _numbers(told) for key, told in status.items()} == {
        "0": {"queue": [1, 2], "completed": 1, "tasks": []},
        "1": {"queue": [], "completed": 0, "tasks": [3]},
        "unassigned": [4, 5],
    }
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(status)) == status
    assert second.tasks


def _numbers(told: Any) -> Any:
    """Return what is told of tasks, with a number in the place of each id."""
    if isinstance(told, dict):
        return {key: _numbers(value) for key, value in told.items()}
    if isinstance(told, list):
        return [int(msg_id.rpartition("_")[2]) for msg_id in told]
    return told


def test_where_the_engines_are() -> None:
    info = EngineInfo(3, b"uuid", "host", 123)
    hub: Any = types.SimpleNamespace(engines={b"uuid": info})
    where = processes(hub, dispatching(World().machine))
    assert where == {"3": {"host": "host", "pid": 123}}

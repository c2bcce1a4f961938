"""The answers to clients' questions."""

from __future__ import annotations

import types

import msgspec

from parallel.controller.queries import QUERIES, processes, queue_status
from parallel.protocol.messages import EngineInfo
from tests.state.world import World

NO_HUB = types.SimpleNamespace(engines={})


def test_each_question_has_its_name() -> None:
    assert {name: ask.__name__ for name, ask in QUERIES.items()} == {
        "processes": "processes",
        "queue_status": "queue_status",
    }


def test_nobody_and_nothing() -> None:
    machine = World().machine
    assert queue_status(NO_HUB, machine) == {"unassigned": 0}  # type: ignore[arg-type]
    assert processes(NO_HUB, machine) == {}  # type: ignore[arg-type]


def test_what_each_engine_has_in_hand() -> None:
    world = World()
    first, second = world.join(), world.join()
    world.submit(first.engine_id)
    world.work_off(first, 1.0)
    world.submit(first.engine_id)
    world.submit(first.engine_id)
    for _ in range(3):
        world.submit()
    assert queue_status(NO_HUB, world.machine) == {  # type: ignore[arg-type]
        "0": {"queue": 2, "completed": 1, "tasks": 0},
        "1": {"queue": 0, "completed": 0, "tasks": 1},
        "unassigned": 2,
    }
    status = queue_status(NO_HUB, world.machine, verbose=True)  # type: ignore[arg-type]
    assert status == {
        "0": {"queue": [1, 2], "completed": 1, "tasks": []},
        "1": {"queue": [], "completed": 0, "tasks": [3]},
        "unassigned": [4, 5],
    }
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(status)) == status
    assert second.tasks


def test_where_the_engines_are() -> None:
    info = EngineInfo(3, b"uuid", "host", 123)
    hub = types.SimpleNamespace(engines={b"uuid": info})
    assert processes(hub, World().machine) == {  # type: ignore[arg-type]
        "3": {"host": "host", "pid": 123}
    }

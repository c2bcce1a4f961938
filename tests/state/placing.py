"""Placements of a few engines, and tasks to be put in their lines."""

from __future__ import annotations

from itertools import count

from parallel.protocol.terms import Terms
from parallel.state.naming import TaskKey
from parallel.state.placement import Placement
from parallel.state.policies import LeastLoad
from parallel.state.tasks import Engine, Task

seqs = count()


def make(pinned: int | None = None, **terms: object) -> Task:
    """Return a task that is ready to be given to an engine."""
    key = TaskKey(b"client", next(seqs))
    task = Task(key, None, pinned, Terms(**terms))  # type: ignore[arg-type]
    task.settle_needs()
    return task


def placement_of(*engines: Engine, hwm: int | None = None) -> Placement:
    placement = Placement(LeastLoad(), hwm)
    for engine in engines:
        placement.add(engine)
    return placement


def crowd_of(n: int, duration: float) -> tuple[Placement, list[Engine]]:
    """Return engines whose tasks took so long."""
    engines = [Engine(b"%d" % i, i) for i in range(n)]
    for engine in engines:
        engine.depth.learn(duration)
    return placement_of(*engines), engines

"""Which engine holds what, and which of them has room for one task more."""

from __future__ import annotations

from typing import Any

from ..aliases import EngineId, Uuid
from ..protocol.terms import Terms
from .policies import Policy
from .tasks import Engine, Task, TaskState

__all__ = ["CROWD", "PILE", "Placement"]

#: With more free engines than these, it is messages that take time, not their tasks.
CROWD = 32
#: On so many tasks of one engine that wait for others, only deeper ones are put.
PILE = 32


class Placement:
    """The engines and their lines.

    Parameters
    ----------
    hwm
        An engine has at most so many tasks in hand; 0 for any number, None for as
        many as hide the way there.
    pile
        See `PILE`.
    """

    def __init__(self, policy: Policy, hwm: int | None, pile: int = PILE) -> None:
        self.policy = policy
        self._hwm = 0 if policy.greedy else hwm
        self._pile = pile
        self.engines: dict[Uuid, Engine] = {}
        self.by_id: dict[EngineId, Engine] = {}
        #: The engines with a balanced task in line behind another.
        self.crowded: dict[Uuid, Engine] = {}
        #: Those with a whole pile of tasks that wait, and nothing else to do.
        self.piled: dict[Uuid, Engine] = {}
        #: Those that are to get nothing more, and whether it was told that they have
        #: nothing in hand; and those of which it is known when their time is up.
        self.draining: dict[Uuid, bool] = {}
        self.timed: dict[Uuid, Engine] = {}
        #: What time it is.
        self.now = 0.0

    def add(self, engine: Engine) -> None:
        """Take in a new engine."""
        self.engines[engine.uuid] = self.by_id[engine.engine_id] = engine
        self.settle(engine)

    def remove(self, uuid: Uuid) -> Engine | None:
        """Take out an engine that is gone, and return it with all it holds."""
        engine = self.engines.pop(uuid, None)
        if engine is not None:
            del self.by_id[engine.engine_id]
            self.policy.forget(uuid)
            self.crowded.pop(uuid, None)
            self.piled.pop(uuid, None)
            self.draining.pop(uuid, None)
            self.timed.pop(uuid, None)
            engine.reserved = False
        return engine

    def give(self, task: Task, engine: Engine, now: float) -> int:
        """Put a task in an engine's line; return its ordinal. Settle it after that."""
        if len(engine.inhand) == len(engine.suspended):
            engine.heard = now
        engine.ordinal = ordinal = engine.ordinal + 1
        engine.inhand[ordinal] = task
        task.move(TaskState.ASSIGNED)
        task.holder, task.ordinal = engine, ordinal
        engine.balanced += task.is_movable
        engine.limited += task.terms.time_limit is not None
        engine.once += task.once
        return ordinal

    def hold(self, task: Task, engine: Engine, ordinal: int) -> None:
        """Put a task in an engine's line that it was given by an earlier machine.

        Those under higher ordinals come after it. Settle the engine after that.
        """
        engine.inhand[ordinal] = task
        task.move(TaskState.ASSIGNED)
        task.holder, task.ordinal = engine, ordinal
        self._count(task, engine, 1)

    def claim(
        self, task: Task, body: Any, pinned: EngineId | None, terms: Terms
    ) -> None:
        """Make a task that an engine holds what its client says that it is."""
        engine = task.holder
        assert engine is not None
        self._count(task, engine, -1)
        task.body, task.pinned, task.terms = body, pinned, terms
        task.settle_needs()
        self._count(task, engine, 1)
        self.settle(engine)

    def _count(self, task: Task, engine: Engine, by: int) -> None:
        engine.balanced += by * task.is_movable
        engine.limited += by * (task.terms.time_limit is not None)
        engine.once += by * task.once

    def share(self, engine: Engine, waiting: int) -> int:
        """Return how many of so many plain tasks an engine that has room gets in a row.

        To choose an engine for each would cost as much as all the rest.
        """
        if not self.policy.evens:
            return 1
        limit = engine.depth.limit if self._hwm is None else self._hwm
        room = limit - engine.load if limit else waiting
        free = len(self.policy.loads)
        even = -(-waiting // free)
        if free > CROWD:
            even = max(even, engine.depth.row)
        return min(room, even)

    def take(self, engine: Engine, ordinal: int) -> Task:
        """Take a task out of an engine's line: settle the engine after that."""
        task = engine.inhand.pop(ordinal)
        engine.balanced -= task.is_movable
        engine.limited -= task.terms.time_limit is not None
        engine.once -= task.once
        if engine.revoking:
            engine.revoking.discard(ordinal)
        if engine.nested:
            engine.nested.discard(ordinal)
            engine.suspended.discard(ordinal)
            engine.unheard.discard(ordinal)
            self.piled.pop(engine.uuid, None)
        return task

    def settle(self, engine: Engine) -> None:
        """Put an engine where its load belongs among those that can take a task.

        One with a task that may be started only once gets nothing behind it: what
        kills the engine next would take a result along that has not left it yet.
        """
        engine.reserved = False
        uuid, balanced = engine.uuid, engine.balanced
        load = len(engine.inhand) - len(engine.suspended)
        if load > 1 and balanced and (
            balanced > 1 or not engine.inhand[engine.running].is_movable
        ):  # fmt: skip
            self.crowded[uuid] = engine
        else:
            self.crowded.pop(uuid, None)
        limit = engine.depth.limit if self._hwm is None else self._hwm
        if (engine.nested and self._settle_pile(engine, load)) or (
            engine.drains or engine.tired
        ):
            self.policy.remove(uuid)
        elif (load < limit or not limit) and not (engine.once and load):
            self.policy.place(uuid, load)
        else:
            self.policy.remove(uuid)

    def _settle_pile(self, engine: Engine, load: int) -> bool:
        """Tell whether a whole pile waits on an engine.

        On one that drains, any that wait are: only what is deeper helps them to end.
        """
        most = 1 if engine.drains else self._pile
        is_pile = len(engine.suspended) >= most
        if is_pile and not load:
            self.piled[engine.uuid] = engine
        else:
            self.piled.pop(engine.uuid, None)
        return is_pile

    def is_at_rest(self) -> bool:
        """Tell whether no engine has anything to do."""
        return not any(engine.load for engine in self.engines.values())

    def spare(self, engine: Engine) -> None:
        """Give a busy engine no more plain tasks, until it is next settled."""
        engine.reserved = True
        self.policy.remove(engine.uuid)

    def check(self) -> set[int]:
        """Assert the invariants; return the identities of all tasks in hand."""
        assert set(self.by_id) == {e.engine_id for e in self.engines.values()}
        held: set[int] = set()
        for engine in self.engines.values():
            ordinals = list(engine.inhand)
            assert ordinals == sorted(ordinals), "an engine's line is out of order"
            assert not ordinals or ordinals[-1] <= engine.ordinal
            assert engine.revoking <= set(ordinals)
            assert engine.load or not engine.reserved, "an idle engine is kept idle"
            assert engine.suspended <= engine.nested <= set(ordinals)
            assert engine.unheard <= engine.suspended
            for task in engine.inhand.values():
                assert task.state is TaskState.ASSIGNED
                assert task.holder is engine
                assert task.pinned in (None, engine.engine_id)
                assert id(task) not in held, "a task is in two hands"
                held.add(id(task))
        return held

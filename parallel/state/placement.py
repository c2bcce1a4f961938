"""Which engine holds what, and which of them has room for one task more."""

from __future__ import annotations

from collections.abc import Iterator

from ..aliases import EngineId, Uuid
from .policies import Policy
from .tasks import Engine, Needs, Task, TaskState

__all__ = ["STALLED", "Placement"]

#: An engine silent for so long with tasks in line behind its first is asked for
#: them when another is idle, seconds.
STALLED = 2e-3


class Placement:
    """The engines and their lines.

    Parameters
    ----------
    hwm
        An engine has at most so many tasks in hand; 0 for any number, None for as
        many as hide the way there.
    """

    def __init__(self, policy: Policy, hwm: int | None) -> None:
        self.policy = policy
        self._hwm = 0 if policy.greedy else hwm
        self.engines: dict[Uuid, Engine] = {}
        self.by_id: dict[EngineId, Engine] = {}
        #: The engines with a balanced task in line behind another.
        self.crowded: dict[Uuid, Engine] = {}

    def add(self, engine: Engine) -> None:
        """Take in a new engine."""
        self.engines[engine.uuid] = self.by_id[engine.engine_id] = engine
        self.settle(engine)

    def remove(self, uuid: Uuid) -> Engine | None:
        """Take out an engine that is gone, and return it with all it holds."""
        engine = self.engines.pop(uuid, None)
        if engine is not None:
            del self.by_id[engine.engine_id]
            self.policy.remove(uuid)
            self.crowded.pop(uuid, None)
            engine.reserved = False
        return engine

    def give(self, task: Task, engine: Engine, now: float) -> int:
        """Put a task in an engine's line; return its ordinal."""
        if len(engine.inhand) == len(engine.suspended):
            engine.heard = now
        engine.ordinal = ordinal = engine.ordinal + 1
        engine.inhand[ordinal] = task
        task.move(TaskState.ASSIGNED)
        task.holder, task.ordinal = engine, ordinal
        engine.balanced += task.is_movable
        engine.limited += task.terms.time_limit is not None
        self.settle(engine)
        return ordinal

    def take(self, engine: Engine, ordinal: int) -> Task:
        """Take a task out of an engine's line: settle the engine after that."""
        task = engine.inhand.pop(ordinal)
        engine.balanced -= task.is_movable
        engine.limited -= task.terms.time_limit is not None
        if engine.revoking:
            engine.revoking.discard(ordinal)
        if engine.nested:
            engine.nested.discard(ordinal)
            engine.suspended.discard(ordinal)
        return task

    def settle(self, engine: Engine) -> None:
        """Put an engine where its load belongs among those that can take a task."""
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
        if load < limit or not limit:
            self.policy.place(uuid, load)
        else:
            self.policy.remove(uuid)

    def choose(self, needs: Needs | None) -> Engine | None:
        """Return the engine for the next task with these needs, or None for now."""
        if needs is None:
            uuid = self.policy.choose()
            return None if uuid is None else self.engines[uuid]
        if not self.policy.idle():
            return None
        idle = (e for e in self.engines.values() if e.can_take(needs))
        return min(idle, key=lambda engine: engine.heard, default=None)

    def reserve(self, needs: Needs) -> Engine | None:
        """Give an engine that suits no more plain tasks, until it is next settled.

        Else one that has short tasks would always get the next before it is idle.
        """
        busy = (e for e in self.engines.values() if e.load and e.suits(needs))
        able = (engine for engine in busy if engine.has_all_free(needs))
        engine = min(able, key=lambda engine: engine.load, default=None)
        if engine is not None:
            engine.reserved = True
            self.policy.remove(engine.uuid)
        return engine

    def suits_any(self, needs: Needs | None) -> bool:
        """Tell whether an engine is there that could run such a task."""
        return needs is None or any(e.suits(needs) for e in self.engines.values())

    def is_hopeless(self, needs: Needs) -> bool:
        """Tell whether no engine that is there, or may come, could run such a task."""
        if needs.allowed is None:
            return False
        named = (self.by_id.get(engine_id) for engine_id in needs.allowed)
        return not any(engine is not None and engine.suits(needs) for engine in named)

    def stalled(self, now: float) -> Iterator[tuple[Engine, list[int]]]:
        """Yield what stalled engines could give to those that have nothing to do."""
        wanted = self.policy.idle()
        for engine in self.crowded.values():
            if engine.revoking or now - engine.heard < STALLED:
                continue
            waiting = [at for at, task in engine.line[1:] if task.is_movable]
            # As many stay as each idle engine gets.
            share = -(-len(waiting) * wanted // (wanted + 1))
            if share:
                yield engine, waiting[-share:]

    def next_stall(self, now: float) -> float | None:
        """Return when a crowded engine will have stalled, if it goes on so."""
        due = (e.heard + STALLED for e in self.crowded.values() if not e.revoking)
        return min((when for when in due if when > now), default=None)

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
            for name in engine.resources:
                assert engine.has_free(name, 0), f"{engine} gave away too much {name}"
            for task in engine.inhand.values():
                assert task.state is TaskState.ASSIGNED
                assert task.holder is engine
                assert task.pinned in (None, engine.engine_id)
                assert id(task) not in held, "a task is in two hands"
                held.add(id(task))
        return held

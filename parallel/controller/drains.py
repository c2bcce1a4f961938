"""Engines that are to drain, or not to be there any more, and who waits for that."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Protocol

from ..aliases import Uuid
from ..protocol.messages import Scaled
from ..state.events import EngineDraining, EngineResumed, Event
from ..state.tasks import Engine

__all__ = ["Drains"]

NOT_NEEDED = "so many engines are not wanted any more"


class Overseer(Protocol):
    """What is needed of those who watch the engines' processes."""

    def knows(self, uuid: Uuid) -> bool:
        """Tell whether an engine has ever joined, and is not known to be gone."""

    def leaves(self, uuid: Uuid, why: str) -> None:
        """Call an engine gone that is about to end; nobody is to take its place."""

    def stop(self, uuid: Uuid) -> None:
        """End an engine in good order."""

    def kill(self, uuid: Uuid, why: str = "") -> bool:
        """Kill an engine."""

    def scale(self, n: int) -> bool:
        """Have the controller's own agent keep so many up; tell whether it can."""


class Drains:
    """Has engines drain, and end if they are to, and answers when they have.

    Parameters
    ----------
    handle
        Lets the scheduler decide.
    engines
        Those that are there, as the scheduler sees them.
    """

    #: Who carries it out: known as soon as the controller is whole.
    overseer: Overseer

    def __init__(
        self,
        handle: Callable[[Sequence[Event], float], None],
        engines: dict[Uuid, Engine],
    ) -> None:
        self._handle = handle
        self._engines = engines
        #: What is to be done to engines that are on their way back.
        self._later: dict[Uuid, EngineDraining] = {}
        #: Of each question, the engines that it waits for.
        self._open: dict[Future[None], set[Uuid]] = {}
        #: Questions that the agent has yet to answer, in order.
        self._asked: deque[Future[None]] = deque()

    def drain(
        self, uuids: Collection[Uuid], why: str, now: float, *, leaves: bool
    ) -> Future[None]:
        """Give engines nothing more; answered once they have ended what they had.

        Parameters
        ----------
        leaves
            They are to end then: answered once they have.
        """
        answer: Future[None] = Future()
        self._drain(answer, uuids, why, now, leaves=leaves)
        return answer

    def _drain(
        self, answer: Future[None], uuids: Collection[Uuid], why: str, now: float, *,
        leaves: bool,
    ) -> None:  # fmt: skip
        self._open[answer] = set(uuids)
        for uuid in uuids if leaves else ():
            self.overseer.leaves(uuid, why)
        events = [EngineDraining(uuid, why, leaves) for uuid in uuids]
        there = [event for event in events if event.uuid in self._engines]
        self._later.update((e.uuid, e) for e in events if e not in there)
        self._handle(there, now)
        self._settle()

    def joined(self, uuid: Uuid, now: float) -> None:
        """Take note that an engine is there: it may have to be drained at once."""
        event = self._later.pop(uuid, None)
        if event is not None:
            self._handle([event], now)

    def resume(self, uuids: Iterable[Uuid], now: float) -> None:
        """Give engines work again; who waits for them to drain hears that."""
        resumed = set(uuids)
        for uuid in resumed:
            self._later.pop(uuid, None)
        self._handle([EngineResumed(uuid) for uuid in resumed], now)
        ids = sorted(e.engine_id for u, e in self._engines.items() if u in resumed)
        for answer, waiting in list(self._open.items()):
            if any(self._works(uuid) for uuid in waiting & resumed):
                del self._open[answer]
                with suppress(InvalidStateError):
                    answer.set_exception(
                        ValueError(f"of the engines {ids}, some were given work again")
                    )

    def _works(self, uuid: Uuid) -> bool:
        engine = self._engines.get(uuid)
        return engine is not None and not engine.drains

    def drained(self, uuid: Uuid) -> None:
        """Take note that an engine has nothing in hand any more."""
        engine = self._engines.get(uuid)
        if engine is not None and engine.leaving:
            self.overseer.stop(uuid)
        else:
            self.gone(uuid)

    def gone(self, uuid: Uuid) -> None:
        """Take note that nobody is to wait for an engine any more."""
        self._later.pop(uuid, None)
        for waiting in self._open.values():
            waiting.discard(uuid)
        self._settle()

    def _settle(self) -> None:
        for answer, waiting in list(self._open.items()):
            if not waiting:
                del self._open[answer]
                with suppress(InvalidStateError):  # who asked has left meanwhile
                    answer.set_result(None)
            elif answer.cancelled():
                del self._open[answer]

    # How many there are

    def scale(self, n: int) -> Future[None]:
        """Have the agent keep so many engines up; answered once too many are gone.

        Raises
        ------
        ValueError
            There is no agent.
        """
        if not self.overseer.scale(n):
            raise ValueError(
                "no agent starts engines for this controller: it was started by hand, "
                "or its agent was killed"
            )
        answer: Future[None] = Future()
        self._asked.append(answer)
        return answer

    def scaled(self, scaled: Scaled, now: float) -> None:
        """Choose who leaves, if there are more than are wanted."""
        if self._asked:  # else another controller did
            answer = self._asked.popleft()
            leaving = self._choose(scaled.uuids, scaled.surplus)
            known = [uuid for uuid in leaving if self.overseer.knows(uuid)]
            for uuid in set(leaving).difference(known):
                self.overseer.leaves(uuid, NOT_NEEDED)
                self.overseer.kill(uuid, f"was killed: {NOT_NEEDED}")
            self._drain(answer, known, NOT_NEEDED, now, leaves=True)

    def shrink(self, uuids: Collection[Uuid], count: int, now: float) -> Future[None]:
        """Let so many of these engines go; answered once they are gone."""
        return self.drain(self._choose(uuids, count), NOT_NEEDED, now, leaves=True)

    def _choose(self, uuids: Collection[Uuid], count: int) -> list[Uuid]:
        """Return who is to go: who never came, or has least to do, or came last."""

        def cost(uuid: Uuid) -> tuple[int, int, int]:
            engine = self._engines.get(uuid)
            if engine is None:  # one on its way back may have anything in hand
                return 2 * self.overseer.knows(uuid), 0, 0
            return 1, len(engine.inhand), -engine.engine_id

        return sorted(uuids, key=cost)[:count]

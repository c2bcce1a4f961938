"""What engines may forget: what came of it has been read by the clients it is for.

An engine keeps the batches of its results until they are confirmed. The controller
does that not when it has read them, but when the clients have confirmed what they
were told of them: so it may be killed at any moment, and nothing is lost. Nothing is
noted per task. What is read of engines in one turn of the controller, and what is told
to clients at its end, belong together: that is a receipt. It is settled when all of
these clients have confirmed.

A client that has confirmed nothing for a while is not waited for, or it would keep
engines from working for others: the record has what it was told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Generic, Protocol, TypeVar

from .stream import Stream

__all__ = ["NUDGED", "SILENCE", "Party", "Receipts"]

#: A client that has confirmed nothing for so long, seconds, is not waited for.
SILENCE = 5.0
#: One that has not for so long is asked for a sign of life, which confirms.
NUDGED = 0.25


class Party(Protocol):
    """What is needed of a peer."""

    stream: Stream


P = TypeVar("P", bound=Party)


class _Receipt:
    """What was read in one turn, and how many have yet to confirm what came of it."""

    __slots__ = ("engines", "frees", "lacking", "when")

    def __init__(self, engines: set[Any], when: float) -> None:
        self.engines = engines
        self.lacking = 0
        self.when = when
        #: Those that lack this one to be settled.
        self.frees: list[_Receipt] = []

    def lessen(self) -> bool:
        """Count one off that was lacking; tell whether that was the last."""
        self.lacking -= 1
        if self.lacking:
            return False
        for each in self.frees:
            each.lessen()
        return True


class Receipts(Generic[P]):
    """The receipts of a controller that are not settled."""

    def __init__(self) -> None:
        #: Batches of engines that were read in this turn: their numbers and bytes.
        self.heard: list[tuple[P, int, int]] = []
        #: Those that are not safe yet, of each engine in order.
        self._engines: dict[P, deque[tuple[int, int, _Receipt]]] = {}
        #: What clients have yet to confirm: the numbers of batches, in order.
        self.clients: dict[P, deque[tuple[int, _Receipt]]] = {}
        #: Those that are not waited for.
        self._silent: set[P] = set()
        #: Engines that have not been told of all that they may forget.
        self._untold: set[P] = set()
        #: Receipts that wait for `thaw` as well; None if none do.
        self._frozen: list[_Receipt] | None = None

    def __bool__(self) -> bool:
        """Tell whether anything is to be settled, or told."""
        return bool(self._engines or self._untold)

    def turn(self, told: Iterable[tuple[P, int]], now: float) -> list[P]:
        """End a turn; return the engines to whom that makes a difference at once.

        Parameters
        ----------
        told
            The clients that are told something at its end, by which batch.
        """
        heard, self.heard = self.heard, []
        receipt = _Receipt({engine for engine, *_ in heard}, now)
        self._wait_for(told, receipt)
        if self._frozen is not None:
            receipt.lacking += 1
            self._frozen.append(receipt)
        for engine, number, nbytes in heard:
            line = self._engines.setdefault(engine, deque())
            line.append((number, nbytes, receipt))
        return [] if receipt.lacking else self._settle(receipt.engines)

    def _wait_for(self, told: Iterable[tuple[P, int]], receipt: _Receipt) -> None:
        for client, number in told:
            if client not in self._silent:
                receipt.lacking += 1
                self.clients.setdefault(client, deque()).append((number, receipt))

    def freeze(self) -> None:
        """Settle nothing of what is read from now on, until `thaw`."""
        self._frozen = []

    def thaw(self, told: Iterable[tuple[P, int]], now: float) -> list[P]:
        """Undo `freeze`, once these clients have confirmed; return as `turn` does."""
        frozen, self._frozen = self._frozen or [], None
        gate = _Receipt(set(self._engines), now)
        gate.frees = frozen
        gate.lacking = 1
        self._wait_for(told, gate)
        gate.lessen()
        return [] if gate.lacking else self._settle(list(self._engines))

    def confirm(self, client: P) -> list[P]:
        """Take note of what a client has confirmed; return as `thaw` does."""
        self._silent.discard(client)
        line = self.clients.get(client)
        confirmed = client.stream.confirmed
        settled: set[P] = set()
        while line and line[0][0] <= confirmed:
            receipt = line.popleft()[1]
            if receipt.lessen():
                settled |= receipt.engines
        if line is not None and not line:
            del self.clients[client]
        return self._settle(settled)

    def _settle(self, engines: Iterable[P]) -> list[P]:
        """Let engines forget what is settled; return those that are to hear of it."""
        owed: list[P] = []
        for engine in engines:
            line, stream = self._engines.get(engine), engine.stream
            while line and not line[0][2].lacking:
                number, nbytes, _ = line.popleft()
                stream.settle(number, nbytes)
                self._untold.add(engine)
            if line is not None and not line:
                del self._engines[engine]
            if stream.owes:
                owed.append(engine)
        return owed

    def silent(self, now: float) -> tuple[list[P], list[P]]:
        """Give up waiting for clients that confirm nothing.

        Returns
        -------
        tuple[list[P], list[P]]
            Clients to be asked for a sign of life, and engines to be told what they may
            forget.
        """
        slow: list[P] = []
        for client, line in list(self.clients.items()):
            since = now - line[0][1].when if line else 0.0
            if since > SILENCE:
                self._silent.add(client)
                self._drop(client)
                self.clients[client] = deque()  # until it confirms something
            elif since > NUDGED:
                slow.append(client)
        self._settle(list(self._engines))
        untold, self._untold = self._untold, set()
        return slow, [engine for engine in untold if engine.stream.is_untold]

    def forget(self, party: P) -> None:
        """Forget a peer that has left."""
        self._drop(party)
        self._silent.discard(party)
        self._engines.pop(party, None)
        self._untold.discard(party)
        if self.heard:
            self.heard = [each for each in self.heard if each[0] is not party]

    def _drop(self, client: P) -> None:
        for _, receipt in self.clients.pop(client, ()):
            receipt.lessen()

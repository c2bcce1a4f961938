"""What engines may forget: what came of it has been read by the clients it is for.

An engine keeps the batches of its results until they are confirmed. The controller
does that not when it has read them, but when the clients have confirmed what they
were told of them: so it may be killed at any moment, and nothing is lost. Nothing is
noted per task. What is read of engines in one turn of the controller, and what is told
to clients at its end, belong together: that is a receipt. It is settled when all of
these clients have confirmed.

What a client has confirmed is waited for a little longer, until the record has written
it, too: that is behind by some 50 ms, or by a second where the disk has much to do. The
controller and the client may be killed together, and to the record the task had not
ended then: it would be started again. Of bulk only so much is kept for that: beyond, a
slow disk may cost a task another start, should both be killed, and nobody a result.

A client that has confirmed nothing for a while is not waited for, or it would keep
engines from working for others: the record has what it was told. The same holds for
what is for nobody, since its client has left. So there the record has to have it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Generic, Protocol, TypeVar

from .stream import Stream

__all__ = ["KEPT_NBYTES", "NUDGED", "SILENCE", "TOLD", "Party", "Receipts"]

#: A client that has confirmed nothing for so long, seconds, is not waited for.
SILENCE = 5.0
#: One that has not for so long is asked for a sign of life, which confirms.
NUDGED = 0.25
#: The record is waited for so long, seconds: a disk may hang for ever, and what engines
#: cannot let go of keeps them from working.
WRITING = 60.0
#: Engines keep so much for the record that clients have confirmed, bytes: a quarter of
#: what one of them may keep before it starts nothing more.
KEPT_NBYTES = 16 << 20
#: So many engines at a time are told what they may forget, if no work tells them: a
#: message to each of a thousand would cost as much as their work.
TOLD = 32


class Party(Protocol):
    """What is needed of a peer."""

    stream: Stream


P = TypeVar("P", bound=Party)


class _Receipt:
    """What was read in one turn, and how many have yet to confirm what came of it."""

    __slots__ = ("engines", "frees", "lacking", "nbytes", "when")

    def __init__(self, engines: set[Any], when: float) -> None:
        self.engines = engines
        self.lacking = 0
        self.when = when
        #: What its engines keep for the record, though its clients may have it.
        self.nbytes = 0
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
        self._untold: dict[P, None] = {}
        #: Receipts that wait for `thaw` as well; None if none do.
        self._frozen: list[_Receipt] | None = None
        #: What is written outlives the controller: what clients have is kept for it.
        self.has_record = False
        self._kept_nbytes = 0
        #: Something of this turn is for nobody: the record is to have it.
        self.is_for_record = False
        #: What engines are to let go of is for somebody who may come back for it.
        self.is_risky = False
        #: Receipts that lack the record, before it is asked whether it has all, and
        #: while it is.
        self._unwritten: list[_Receipt] = []
        self._asked: list[_Receipt] = []
        self._asked_at, self._question = 0.0, 0

    def __bool__(self) -> bool:
        """Tell whether anything is to be settled, or told."""
        return bool(self._engines or self._untold)

    # The record

    def ask(self, now: float) -> int:
        """Return the number of a question to the record, if there is one; else 0.

        Does it have all that it was told of? Once it has, `written` is to be called.
        """
        if self._asked or not self._unwritten:
            return 0
        self._asked, self._unwritten = self._unwritten, []
        self._asked_at = now
        self._question += 1
        return self._question

    def written(self, question: int) -> list[P]:
        """Take note that the record has what it was asked for; return as `turn` does.

        A question that was given up changes nothing.
        """
        if question != self._question:
            return []
        asked, self._asked = self._asked, []
        settled: set[P] = set()
        for receipt in asked:
            self._kept_nbytes -= receipt.nbytes
            receipt.nbytes = 0
            if receipt.lessen():
                settled |= receipt.engines
        return self._settle(settled)

    def _may_keep(self, receipt: _Receipt, nbytes: int) -> bool:
        """Tell whether engines are to keep what clients have; note that they do."""
        if not self.has_record or self._kept_nbytes + nbytes > KEPT_NBYTES:
            return False
        self._kept_nbytes += nbytes
        receipt.nbytes = nbytes
        return True

    def _wait_for_record(self, receipt: _Receipt) -> None:
        receipt.lacking += 1
        self._unwritten.append(receipt)

    # Turns

    def turn(self, told: Iterable[tuple[P, int]], now: float) -> list[P]:
        """End a turn; return the engines to whom that makes a difference at once.

        Parameters
        ----------
        told
            The clients that are told something at its end, by which batch.
        """
        heard, self.heard = self.heard, []
        receipt = _Receipt({engine for engine, *_ in heard}, now)
        if not self._wait_for(told, receipt) or self.is_for_record:
            self._wait_for_record(receipt)
            self.is_for_record = False
        elif receipt.lacking and self._may_keep(receipt, sum(e[2] for e in heard)):
            self._wait_for_record(receipt)
        if self._frozen is not None:
            receipt.lacking += 1
            self._frozen.append(receipt)
        for engine, number, nbytes in heard:
            line = self._engines.setdefault(engine, deque())
            line.append((number, nbytes, receipt))
        return [] if receipt.lacking else self._settle(receipt.engines)

    def _wait_for(self, told: Iterable[tuple[P, int]], receipt: _Receipt) -> bool:
        """Have a receipt wait for clients; tell whether that goes for all of these."""
        waits_for_all = True
        for client, number in told:
            if client in self._silent:
                waits_for_all, self.is_risky = False, True
                continue
            receipt.lacking += 1
            self.clients.setdefault(client, deque()).append((number, receipt))
        return waits_for_all

    def freeze(self) -> None:
        """Settle nothing of what is read from now on, until `thaw`."""
        self._frozen = []

    def thaw(self, told: Iterable[tuple[P, int]], now: float) -> None:
        """Undo `freeze`, once these clients have confirmed, and the record has all."""
        frozen, self._frozen = self._frozen or [], None
        self.is_risky |= bool(frozen)
        gate = _Receipt(set(self._engines), now)
        gate.frees = frozen
        gate.lacking = 1
        self._wait_for(told, gate)
        self._wait_for_record(gate)
        gate.lessen()

    def confirm(self, client: P) -> list[P]:
        """Take note of what a client has confirmed; return as `turn` does."""
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
                self._untold[engine] = None
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
            forget, those first that have waited longest.
        """
        slow: list[P] = []
        for client, line in list(self.clients.items()):
            since = now - line[0][1].when if line else 0.0
            if since > SILENCE:
                self._silent.add(client)
                self.is_risky = True
                self._drop(client)
                self.clients[client] = deque()  # until it confirms something
            elif since > NUDGED:
                slow.append(client)
        if self._asked and now - self._asked_at > WRITING:
            self.written(self._question)
        self._settle(list(self._engines))
        return slow, self._tell()

    def _tell(self) -> list[P]:
        """Return the next engines that are to be told what they may forget."""
        told: list[P] = []
        while self._untold and len(told) < TOLD:
            engine = next(iter(self._untold))
            del self._untold[engine]
            if engine.stream.is_untold:  # else its work has told it
                told.append(engine)
        return told

    def forget(self, party: P) -> None:
        """Forget a peer that has left."""
        self._drop(party)
        self._silent.discard(party)
        self._engines.pop(party, None)
        self._untold.pop(party, None)
        if self.heard:
            self.heard = [each for each in self.heard if each[0] is not party]

    def _drop(self, client: P) -> None:
        """Wait for a client no longer: the record has to have what it was told."""
        for _, receipt in self.clients.pop(client, ()):
            self._unwritten.append(receipt)

"""What a client says to a controller that was started again: all that is unfinished."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from ..protocol.messages import (
    Abort,
    Define,
    Pong,
    Query,
    Reopen,
    Setup,
    Submit,
    WantCredit,
)
from ..serialize.callables import Function
from .line import Line, Said
from .opentasks import OpenTasks
from .questions import Questions
from .sent import SentFunctions

__all__ = ["Reopening"]

#: What a line has not sent of these is not to be sent as it is: it is said again.
AGAIN = (Reopen, Submit, Setup, Abort, WantCredit, Pong)


class Reopening:
    """What a client's work line begins with, at a controller that was started again.

    Parameters
    ----------
    tasks, questions
        What has not come back.
    sent
        The functions that were sent.
    """

    def __init__(
        self,
        tasks: OpenTasks,
        questions: Questions,
        sent: SentFunctions,
    ) -> None:
        self._tasks = tasks
        self._questions = questions
        self._sent = sent
        #: What is to be run on each engine that joins, by name.
        self._setups: dict[str, tuple[Function, Setup, Sequence[Any]]] = {}

    def set_up(self, function: Function, setup: Setup, frames: Sequence[Any]) -> None:
        """Take note of a setup; its function goes with it, for it may be forgotten."""
        self._setups[setup.name] = function, setup, frames

    def begin(
        self,
        line: Line,
        submitted: int | None,
        known: Sequence[int],
        *,
        wants_credit: bool,
    ) -> None:
        """Begin a line's next session with what is unfinished of what was said in it.

        Parameters
        ----------
        submitted
            How many tasks were, on the work line; None on the other.
        known
            The engines that this client has asked for its setups.
        wants_credit
            The controller was asked how much may be under way.
        """
        stays: list[Said] = []
        unsent: set[int] = set()
        for _ in range(len(line.outbox)):  # others may add to it meanwhile
            said = line.outbox.popleft()
            if isinstance(said[0], Query):
                unsent.add(said[0].seq)
            elif not isinstance(said[0], AGAIN):
                stays.append(said)
        again: list[Said] = []
        if submitted is not None:
            again += [(WantCredit(), ())] * wants_credit
            again = [*self._messages(submitted, known), *again]
        behind = submitted is not None
        queries = self._questions.again(unsent, behind=behind)
        again += [*stays, *((query, ()) for query in queries)]
        line.outbox.extendleft(reversed(again))
        line.renew()

    def _messages(self, submitted: int, known: Sequence[int]) -> Iterator[Said]:
        unfinished = sorted(self._tasks.open.copy().items())
        ends = self._tasks.known_ends()
        started = list(self._tasks.started.copy().values())
        yield Reopen(submitted, [seq for seq, _ in unfinished], ends, started), ()
        for function, setup, frames in self._setups.values():
            yield Define(function.digest, function.code), ()
            yield replace(setup, known=list(known)), frames
        digests = {found[3].digest for _, found in unfinished}
        for digest in digests:
            code = self._sent.code(digest)
            if code is not None:
                yield Define(digest, code), ()
        groups: dict[int, tuple[Submit, Sequence[Any], list[int]]] = {}
        for seq, (*_, submit, frames) in unfinished:
            groups.setdefault(submit.seq, (submit, frames, []))[2].append(seq)
        for submit, frames, seqs in groups.values():
            for part in _parts(submit, seqs):
                yield part, frames
        for interrupt in (False, True):
            given_up = [
                seq
                for seq, _ in unfinished
                if self._tasks.aborted.get(seq) is interrupt
            ]
            if given_up:
                yield Abort(given_up, interrupt), ()


def _parts(submit: Submit, seqs: Sequence[int]) -> Iterator[Submit]:
    """Yield what submits these of a submission's tasks: whole, or in runs."""
    targets = submit.targets
    if not targets or len(seqs) == len(targets):
        yield submit
        return
    begin = 0
    for at in range(1, len(seqs) + 1):
        if at == len(seqs) or seqs[at] != seqs[at - 1] + 1:
            run = seqs[begin:at]
            first = run[0] - submit.seq
            some = targets[first : first + len(run)]
            yield replace(submit, seq=run[0], targets=some)
            begin = at

"""Takes in what clients submit, or submit again, while not all is known of it."""

from __future__ import annotations

from time import time

from ...aliases import Uuid
from ...protocol.terms import USUAL
from ...state.events import TaskSubmitted
from ...state.naming import TaskKey
from ...state.reunion.reunion import Reunion
from ...state.reunion.starts import Told
from ...state.tasks import UNCLAIMED
from ..host import Host
from ..pasts import again
from ..work import Work
from .endings import Endings
from .ends import End

__all__ = ["Readmission"]


class Readmission:
    """Lets each task wait, begin, or end at once."""

    def __init__(self, host: Host, reunion: Reunion, endings: Endings) -> None:
        self._host = host
        self._reunion = reunion
        self._endings = endings

    def admitted(self, client: Uuid, work: Work, when: float) -> list[TaskSubmitted]:
        """Take in one submission; return the tasks of it that may go now."""
        submit = work.submit
        terms, going = submit.terms or USUAL, []
        for seq, target in enumerate(submit.targets or (None,), submit.seq):
            event = TaskSubmitted(TaskKey(client, seq), work, target, terms)
            self._host.functions.hold(submit.digest)
            may_go = self._take(event, when)
            if may_go is not None:
                going.append(may_go)
        return going

    def _take(self, event: TaskSubmitted, when: float) -> TaskSubmitted | None:
        """Take in what a client submits; return it if it may go now."""
        known = self._host.machine.tasks.get(event.key)
        if known is not None and known.terms is not UNCLAIMED:
            self._drop(event)  # it was taken up when its client was not there
            self._reunion.told_of(event.key)
            if known.starts:
                self._host.tell_client(event.key, again(known))
            return None
        found = self._reunion.submit(event)
        if isinstance(found, Told):
            self.tell_end(event, found.outcome, recorded=found.final)
            return None
        return None if found is None else self.begin(found, when)

    def begin(self, event: TaskSubmitted, when: float) -> TaskSubmitted:
        """Record a task that begins; return it."""
        submit, frames = event.body.submit, event.body.frames
        code = self._host.functions.code(submit.digest) if submit.digest else b""
        self._host.record.open(event.key, submit, frames, code, when)
        return event

    def tell_end(self, event: TaskSubmitted, end: End, *, recorded: bool) -> None:
        """Tell a client how its task ended, and the record, unless it knows."""
        self._host.tell_client(event.key, end.outcome, end.frames)
        self._endings.note(event.key, end)
        if not recorded:
            self.begin(event, time())
            self._endings.record(event.key, end)
        self._drop(event)

    def _drop(self, event: TaskSubmitted) -> None:
        """Let go of what a task needs that is not to run."""
        self._host.functions.release(event.body.submit.digest)

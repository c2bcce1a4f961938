"""What is recorded of one task."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import msgspec

from ...aliases import Digest, EngineId, Uuid
from ...protocol.messages import Outcome, Status, Submit
from ...state.naming import TaskKey
from ...state.past import FIRST, Past

__all__ = ["Entry", "lost", "msg_id_of", "without_result"]

ENDED = (
    "the controller ended before this task did, and no client asked for it again: it "
    "has no result. Resubmit it"
)


def msg_id_of(key: TaskKey) -> str:
    """Return the id by which users know a task."""
    return f"{key[0].hex()}_{key[1]}"


def lost(seq: int, why: str = ENDED) -> Outcome:
    """Return the outcome of a task whose result is lost, and why.

    By default, an earlier controller did not see it end.
    """
    return without_result(seq, Status.LOST, why)


def without_result(
    seq: int, status: Status, reason: str, engine_id: EngineId = -1,
    stdout: str = "", stderr: str = "",
) -> Outcome:  # fmt: skip
    """Return the outcome of a task that has no result, and why."""
    payload = pickle.dumps(reason)
    return Outcome(seq, status, payload, 0, engine_id, 0.0, 0.0, stdout, stderr)


# One is made for each task, in the controller's one thread: a struct that refers to
# the messages as they came costs 0.2 µs, one that copies their fields five times that.
class Entry(msgspec.Struct, gc=False):
    """One task as it was asked for, and, once it has ended, how.

    Times are seconds since the epoch. Frames are None where they were not kept.
    """

    key: TaskKey
    submit: Submit
    submitted: float
    code: bytes = b""
    frames: Sequence[Any] | None = ()
    outcome: Outcome | None = None
    result_frames: Sequence[Any] | None = ()
    engine_uuid: Uuid = b""
    received: float = 0.0
    #: Printed beside what the outcome tells: while it ran, or after its end.
    stdout: str = ""
    stderr: str = ""
    #: The id under which it was submitted again, if it was.
    resubmitted: str = ""
    #: How its earlier starts ended, while it has not ended itself.
    past: Past = FIRST
    #: The row of the database where it stands as an unfinished one, 0 for none.
    row: int = 0

    @property
    def msg_id(self) -> str:
        """The id by which users know it."""
        return msg_id_of(self.key)

    @property
    def digest(self) -> Digest:
        """What names its function; empty for none."""
        return self.submit.digest

    @property
    def target(self) -> EngineId | None:
        """The engine that it was meant for, or None for any."""
        targets = self.submit.targets
        return targets[self.key[1] - self.submit.seq] if targets else None

    @property
    def label(self) -> str | None:
        """What its user called it, if anything."""
        terms = self.submit.terms
        return terms.label or None if terms is not None else None

    @property
    def status(self) -> str:
        """How it stands: `pending`, `ok`, `error` or `aborted`."""
        if self.outcome is None:
            return "pending"
        return _WORDS.get(self.outcome.status, "error")

    def finish(
        self,
        outcome: Outcome,
        frames: Sequence[Any] | None,
        engine_uuid: Uuid,
        received: float,
    ) -> None:
        """Take in how it ended."""
        self.outcome = outcome
        self.result_frames = frames
        self.engine_uuid = engine_uuid
        self.received = received
        if (self.stdout or self.stderr) and _tells_output(outcome):
            self.stdout = self.stderr = ""

    def again(self, seq: int) -> Submit:
        """Return the message that asks for the same once more.

        What has been started once waits for no other tasks: it did so already.
        """
        target, terms = self.target, self.submit.terms
        targets = None if target is None else [target]
        if terms is not None:
            terms = msgspec.structs.replace(terms, depth=0)
            if self.outcome is not None and self.outcome.started:
                terms = msgspec.structs.replace(terms, after=None, follow=None)
        return msgspec.structs.replace(
            self.submit, seq=seq, targets=targets, terms=terms
        )


_WORDS = {Status.OK: "ok", Status.ABORTED: "aborted"}


def _tells_output(outcome: Outcome) -> bool:
    """Tell whether an outcome has all that its task printed before."""
    return outcome.status != Status.LOST or bool(outcome.stdout or outcome.stderr)

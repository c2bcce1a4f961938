"""How a task of an earlier controller ended, as engines tell it, and the record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ...aliases import EngineId, Uuid
from ...protocol.messages import Outcome
from ...state.history import end_of
from ...state.naming import TaskKey
from ...state.reunion.starts import Told
from ..store.entry import Entry, lost

__all__ = ["End", "end_in", "told_in"]

NOT_KEPT = (
    "it ended, and then the controller was killed: its result was too large to be "
    "recorded, and this client had not got it"
)


class End(NamedTuple):
    """How a task ended, as its client is to be told."""

    outcome: Outcome
    frames: Sequence[Any]
    engine_uuid: Uuid


def told_in(entry: Entry) -> Told:
    """Return how a recorded task ended, for its client."""
    outcome, frames = entry.outcome, entry.result_frames
    assert outcome is not None
    if frames is None:
        outcome, frames = lost(entry.key.seq, NOT_KEPT), ()
    return Told(outcome.status, End(outcome, frames, entry.engine_uuid), final=True)


def end_in(entry: Entry) -> tuple[TaskKey, int, EngineId]:
    """Return how a recorded task ended, for those that depend on it."""
    outcome = entry.outcome
    assert outcome is not None
    return entry.key, end_of(outcome.status), outcome.engine_id

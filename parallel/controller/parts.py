"""What a controller is made of, as its spec says."""

from __future__ import annotations

from pathlib import Path
from random import Random

from ..state.policies import SCHEMES
from ..state.scheduler import Scheduler
from .spec import Recording, Scheduling
from .store.memory import MemoryRecord, NoRecord
from .store.record import Record
from .store.sqlite import SqliteRecord

__all__ = ["make_record", "make_scheduler"]


def make_scheduler(scheduling: Scheduling) -> Scheduler:
    """Return a scheduler that gives tasks to engines so."""
    policy = SCHEMES[scheduling.scheme](Random())
    return Scheduler(policy, hwm=scheduling.hwm, grace=scheduling.grace)


def make_record(recording: Recording) -> Record:
    """Return a record that is kept so."""
    if recording.kind == "none":
        return NoRecord()
    if recording.kind == "memory":
        return MemoryRecord(recording.limits)
    path = Path(recording.path) if recording.path else None
    return SqliteRecord(path, recording.limits, inherits=recording.inherits)

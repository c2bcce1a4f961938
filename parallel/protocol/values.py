"""What messages tell of engines and of tasks."""

from __future__ import annotations

import msgspec

from ..aliases import EngineId, Uuid
from .bounds import Choice, Count, Deaths, EngineNumber, Seconds, Seq, Token
from .kinds import Stage

__all__ = ["EndedTask", "EngineInfo", "HeldTask", "StartedTask"]


class EngineInfo(msgspec.Struct, array_like=True, frozen=True):
    """Who an engine is."""

    engine_id: EngineId
    uuid: Uuid
    host: str
    pid: int
    #: What tasks may take a share of, and what marks it for them.
    resources: dict[str, float] = {}
    labels: list[str] = []
    #: The set of engines that it was started with.
    engine_set: str = ""
    #: Who watches its process: nothing for the controller's own agent, or nobody.
    agent: bytes = b""
    #: When it ends, as its `Hello` says.
    until: float = 0.0
    #: What its launcher calls the job, or the host, that has it.
    job: str = ""


class HeldTask(msgspec.Struct, array_like=True, frozen=True):
    """A task that an engine has: its `Assign` is an earlier controller's."""

    task: Token
    ordinal: Seq
    stage: Stage
    #: How long ago it started, of those that have not ended.
    ran: Seconds = 0.0


class EndedTask(msgspec.Struct, array_like=True, frozen=True):
    """How a task ended, as `state.history` has it, and on which engine."""

    seq: Seq
    end: Count
    engine_id: EngineNumber


class StartedTask(msgspec.Struct, array_like=True, frozen=True):
    """How a task's earlier starts ended, as `state.past` has it."""

    seq: Seq
    starts: Count
    tries: Count
    refused: Choice
    deaths: Deaths

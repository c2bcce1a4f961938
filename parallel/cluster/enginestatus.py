"""Where each engine of a cluster stands, as its controller and its host tell."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ..client.client import Client
from ..protocol.messages import EngineInfo
from ..transport.pids import start_time
from .ends import lines_since
from .launchers.job import ENDED, RUNNING, SUBMITTED, Job

__all__ = [
    "FAILED",
    "REGISTERED",
    "EngineStatus",
    "Standing",
    "ask_controller",
    "engines_of",
    "last_of",
]

#: The state of an engine that its controller knows; the others are those of jobs.
REGISTERED = "registered"
FAILED = "failed"
NOT_YET = "not registered: on the way, or shut down"


class EngineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """An engine, or several of a job that cannot be told apart yet.

    Parameters
    ----------
    id
        None of those that are not registered.
    state
        `submitted`, `running`, `registered` or `failed`.
    tasks
        How many it has in hand.
    job
        Which job has it, or is to have it, where that is known.
    reason
        Why they wait, or how they ended.
    last_line
        The last one of its log, as far as this host can see it.
    """

    state: str
    id: int | None = None
    n: int = 1
    host: str = ""
    pid: int = 0
    tasks: int = 0
    job: str = ""
    reason: str = ""
    last_line: str = ""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What a controller tells of its engines.

    Parameters
    ----------
    tasks
        How many tasks each has in hand.
    departed
        The newest of those that died, and how.
    troubles
        What users should know, the newest last.
    """

    engines: list[EngineInfo]
    tasks: dict[str, int] = {}
    departed: dict[str, str] = {}
    troubles: list[str] = []


def ask_controller(client: Client) -> Standing:
    """Return what a cluster's controller tells of its engines.

    Raises
    ------
    TransportError
        It does not answer.
    """
    connection = client._connection
    told: dict[str, Any] = connection.questions.ask("standing")
    return Standing(engines=list(connection.engines.values()), **told)


def engines_of(
    set_id: str, jobs: Sequence[Job], standing: Standing | None, logs: Path
) -> list[EngineStatus]:
    """Return the engines of a set: the registered ones first, by their ids.

    Parameters
    ----------
    jobs
        Those that are to have them.
    standing
        None if the controller does not answer.
    logs
        The folder of the logs.
    """
    told = standing or Standing(engines=[])
    there = [
        _registered(info, told.tasks.get(str(info.engine_id), 0), logs)
        for info in told.engines
        if info.engine_set == set_id
    ]
    there.sort(key=lambda engine: engine.id or 0)
    return there + list(_others(jobs, there))


def _registered(info: EngineInfo, tasks: int, logs: Path) -> EngineStatus:
    log, lines = _log_of(info, logs), []
    if log is not None:
        with contextlib.suppress(OSError):
            if log.stat().st_mtime > _born(info.pid):  # else it is of an earlier one
                lines = lines_since(log, 0)
    return EngineStatus(
        state=REGISTERED,
        id=info.engine_id,
        host=info.host,
        pid=info.pid,
        tasks=tasks,
        job=info.job,
        last_line=last_of(lines),
    )


def _others(
    jobs: Sequence[Job], there: Sequence[EngineStatus]
) -> Iterator[EngineStatus]:
    """Yield those that are not registered, job by job.

    Not all of those that are name the job that has them. It may have failed, and they
    go on: who watched them was killed.
    """
    named = Counter(each.job for each in there)
    unnamed = len(there) - sum(named[job.name] for job in jobs)
    for job in sorted(jobs, key=lambda each: each.state != RUNNING):
        n, state = job.n, FAILED if job.failed or job.unattended else job.state
        if job.state == ENDED and not job.failed:
            continue
        if job.state != SUBMITTED:
            n = max(0, n - named[job.name])
            taken = min(n, unnamed)
            n, unnamed = n - taken, unnamed - taken
        if n:
            yield EngineStatus(
                state=state,
                n=n,
                job=job.name,
                reason=job.reason or (NOT_YET if job.state == RUNNING else ""),
                last_line=last_of(job.last_lines.splitlines()),
            )


def last_of(lines: Sequence[str]) -> str:
    """Return the last of some lines that says anything."""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _log_of(info: EngineInfo, logs: Path) -> Path | None:
    """Return the log that an engine of this host writes, if that can be seen."""
    if info.host != socket.gethostname():
        return None
    with contextlib.suppress(OSError):
        for open_file in Path(f"/proc/{info.pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                path = open_file.readlink()
                if path.parent == logs and path.suffix == ".log":
                    return path
    return None


def _born(pid: int) -> float:
    """Return when a process of this host began, seconds since 1970."""
    ticks = start_time(pid) or 0
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return time.time() - age

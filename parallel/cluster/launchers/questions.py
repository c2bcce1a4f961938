"""How a batch system is asked for jobs: by its commands, and once for all launchers."""

from __future__ import annotations

import contextlib
import getpass
import re

from ...errors import LauncherError
from .commands import ask
from .job import RUNNING
from .polling import Key, Poll, Status, number_of
from .systems.system import BatchSystem

__all__ = ["poll_of"]

_polls: dict[tuple[str, tuple[str, ...]], Poll] = {}


def poll_of(system: BatchSystem, status_command: tuple[str, ...]) -> Poll:
    """Return the one that asks a system for all launchers of this process."""

    def present(ids: list[str]) -> dict[Key, Status]:
        if status_command:
            there = [job for job in ids if not ask([*status_command, job]).status]
            return {(number_of(job), 0): Status(RUNNING) for job in there}
        if not system.present:
            return {(number_of(job), 0): Status() for job in ids}
        answer = ask(system.words(system.present, ids, getpass.getuser()))
        if answer.status and not re.search(system.unknown, answer.errors):
            raise answer.refusal
        return dict(system.read_present(answer.output))

    def past(ids: list[str]) -> dict[Key, Status]:
        found: dict[Key, Status] = {}
        for job in ids if system.past else []:
            # Whoever has no accounts, or may not read them, knows less.
            with contextlib.suppress(LauncherError):
                answer = ask(system.words(system.past, [job], getpass.getuser()))
                found |= {} if answer.status else system.read_past(answer.output)
        return found

    def waiting(ids: list[str]) -> dict[str, str]:
        if not system.waiting:
            return {}
        answer = ask(system.words(system.waiting, ids, getpass.getuser()))
        return dict(system.read_waiting(answer.output))

    return _polls.setdefault(
        (system.name, status_command), Poll(present, past, system.name, waiting)
    )

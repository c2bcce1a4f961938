"""What must hold in the end: of the starts of tasks, and of what is left over."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Starts", "judge_starts"]


@dataclass
class Starts:
    """What the file of starts tells."""

    #: How many tasks were started.
    tasks: int = 0
    #: How often one was started again, since its engine had died.
    again: int = 0
    complaints: list[str] = field(default_factory=list)


def judge_starts(
    file: Path, once: Iterable[str], dead: set[int], gone: Container[int] = ()
) -> Starts:
    """Tell which tasks were started twice that must not have been.

    Parameters
    ----------
    file
        A line for each start: the task's key, and the engine's process id.
    once
        Keys of tasks that must not be started twice, whatever dies.
    dead
        The engines that died, by their process ids.
    gone
        The processes that left tasks of which a killed controller had no record on
        disk: these may be started again.
    """
    runs: dict[str, list[int]] = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        key, pid = line.rsplit(" ", 1)
        runs.setdefault(key, []).append(int(pid))
    found = Starts(tasks=len(runs))
    for key, pids in runs.items():
        found.again += len(pids) - 1
        living = [pid for pid in pids[:-1] if pid not in dead]
        if living and _submitter(key) not in gone:
            found.complaints.append(
                f"{key} was started in the processes {pids}, and {living[0]} had not "
                "died"
            )
    for key in once:
        if len(pids := runs.get(key, [])) > 1:
            found.complaints.append(f"{key} was started more than once: in {pids}")
    return found


def _submitter(key: str) -> int | None:
    """Return the process that submitted a task, if that is in its key."""
    _, slash, process = key.rpartition("/")
    return int(process.partition("-")[0]) if slash else None

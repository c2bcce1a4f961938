"""One run: a cluster is started, worked with, struck, and judged."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from parallel import Client, ParallelError
from parallel.transport.pids import is_alive
from tests.chaos.faults import Faults, Strike
from tests.chaos.judge import judge_starts
from tests.chaos.load import Load, Tally
from tests.chaos.progress import Progress
from tests.chaos.scene import Scene
from tests.integration.processes import resident

__all__ = ["Plan", "Run", "run"]

#: Seconds until nothing is left in the scheduler once all jobs have ended.
EMPTYING = 60
#: No process that stays may grow by more than this while it works, MiB.
GROWTH = 100.0
#: What clients are told when the record cannot be written any more.
UNRECORDED = "cannot be recorded"


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Parameters
    ----------
    seconds
        How long work is submitted.
    faults
        The names of those that may happen.
    every
        Seconds between two of them, in the mean.
    patience
        Seconds after which a job that has not ended hangs.
    longest
        Seconds that anything is stopped or cut at most.
    full_disk
        The record is on a disk that is soon full: the folder's `disk`.
    on_hosts
        Who comes from outside is on another host, whose cable is cut.
    """

    seed: int
    seconds: float
    engines: int
    faults: list[str]
    every: float = 1.0
    patience: float = 120.0
    longest: float = 3.0
    full_disk: bool = False
    on_hosts: bool = False

    @property
    def limit(self) -> float:
        """Return after how many seconds a run hangs, whatever it waits for."""
        return self.seconds + 5 * self.patience + 180


@dataclass
class Run:
    """What was found."""

    seed: int
    jobs: dict[str, int] = field(default_factory=dict)
    excused: dict[str, int] = field(default_factory=dict)
    tasks: int = 0
    again: int = 0
    longest: float = 0.0
    #: Which job that was, and what happened around it.
    slowest: str = ""
    #: MiB early on and at the end, by process.
    memory: dict[str, tuple[float, float]] = field(default_factory=dict)
    strikes: list[Strike] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def faults(self) -> Counter[str]:
        """How often each fault happened."""
        return Counter(strike.fault for strike in self.strikes)


def run(plan: Plan, folder: Path, found: Run, progress: Progress) -> None:
    """Carry a plan out, in an empty folder."""
    networked = plan.on_hosts or "cut" in plan.faults
    with Scene(
        folder,
        plan.seed,
        plan.engines,
        networked=networked,
        on_hosts=plan.on_hosts,
        patience=plan.patience,
        longest=plan.longest,
        record=folder / "disk/record.db" if plan.full_disk else None,
    ) as scene:
        clients = [scene.client, scene.second]
        loads = [
            Load(client, f"{plan.seed} {i}", str(scene.starts), f"c{i}x", plan.patience)
            for i, client in enumerate(clients)
        ]
        for load in loads:
            load.start()
        faults = Faults(scene, plan.seed, plan.faults, plan.every)
        found.strikes, found.complaints = faults.strikes, faults.complaints
        progress.enter("it works", lambda: _say_how_far(scene, loads, faults))
        early = _under_faults(plan, scene, faults)
        progress.enter("it waits for what is under way")
        for load in loads:
            load.stop()
        scene.stop_visitors()
        for load in loads:
            load.join()
        progress.enter("it waits for the clients in processes of their own")
        scene.dismiss_visitors()
        _take_tallies(found, scene, [load.tally for load in loads], faults.begin)
        progress.enter("it waits until nothing is left in the scheduler")
        found.complaints += _what_is_left(scene.client)
        _judge_memory(found, early, _memory(scene))
        progress.enter("it stops the cluster")
    if plan.full_disk and UNRECORDED not in (folder / "told").read_text():
        found.complaints.append("no client was told that the record's disk is full")


def _say_how_far(scene: Scene, loads: list[Load], faults: Faults) -> str:
    """Say how much has been done, for who looks on."""
    ended = sum(sum(list(load.tally.ended.values())) for load in loads)
    under_way = sum(load.under_way for load in loads)
    tasks = scene.starts.read_bytes().count(b"\n") if scene.starts.exists() else 0
    return (
        f"; {ended} jobs have ended, {under_way} are under way, {tasks} tasks were "
        f"started, {len(faults.strikes)} faults"
    )


def _under_faults(
    plan: Plan, scene: Scene, faults: Faults
) -> dict[str, tuple[int, float]]:
    """Let faults happen for as long as is planned; return the memory early on."""
    third = plan.seconds / 3
    if plan.faults:
        faults.start()
    time.sleep(third)
    early = _memory(scene)
    time.sleep(2 * third)
    if plan.faults:
        faults.stop()
    return early


def _take_tallies(found: Run, scene: Scene, tallies: list[Tally], begin: float) -> None:
    whole = Tally()
    for tally in (*tallies, scene.tally):
        whole.add(tally)
    lines = scene.starts.read_text().split() if scene.starts.exists() else []
    dead = scene.dead({int(pid) for pid in lines[1::2]})
    # The record is on a small disk: what ended since that was full, only memory had.
    has_forgotten = scene.cluster.task_record_file and found.faults["kill-controller"]
    gone = dead if has_forgotten else ()
    starts = judge_starts(scene.starts, whole.once, dead, gone)
    unstruck = [pid for pid in dead if pid not in scene.struck]
    found.complaints += [*whole.complaints, *starts.complaints]
    found.complaints += [f"engine {pid} died, and nobody struck it" for pid in unstruck]
    found.jobs, found.excused = dict(whole.ended), dict(whole.excused)
    found.tasks, found.again = starts.tasks, starts.again
    found.longest = whole.longest.seconds
    found.slowest = whole.longest.around(begin, found.strikes)


def _what_is_left(client: Client) -> list[str]:
    """Say what the scheduler still holds after a while."""
    deadline = time.monotonic() + EMPTYING
    while True:
        try:
            status = client.queue_status()
        except ParallelError as error:
            return [f"the controller cannot be asked what it holds: {error}"]
        engines = [each for each in status.values() if isinstance(each, dict)]
        held = sum(each["queue"] + each["tasks"] for each in engines)
        if not held and not status["unassigned"]:
            return []
        if time.monotonic() > deadline:
            told = client.queue_status(verbose=True)
            return [f"tasks are left after {EMPTYING} s: {told}"]
        time.sleep(0.1)


def _memory(scene: Scene) -> dict[str, tuple[int, float]]:
    """Return the process id and the memory in use of those that stay."""
    pids = {"controller": scene.controller, "agent": scene.agent}
    found = {}
    for name, pid in pids.items():
        if is_alive(pid):
            found[name] = pid, resident(pid)
    return found


def _judge_memory(
    found: Run, early: dict[str, tuple[int, float]], late: dict[str, tuple[int, float]]
) -> None:
    for name in early.keys() & late.keys():
        if early[name][0] != late[name][0]:
            continue  # another process by now
        before, after = round(early[name][1], 1), round(late[name][1], 1)
        found.memory[name] = before, after
        if after - before > GROWTH:
            found.complaints.append(f"the {name} grew from {before} to {after} MiB")

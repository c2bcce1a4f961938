"""What a batch system has given to this process, and else what its host has for it."""

from __future__ import annotations

import logging
import math
import os
import re
import socket
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

__all__ = [
    "TASKS_PER_NODE",
    "Allocation",
    "allocation",
    "usable_cores",
    "usable_slots",
    "warn_of_a_crowd",
]

log = logging.getLogger("parallel.cluster")

#: What our job scripts say of Slurm's tasks on each node, which is lost in a step.
TASKS_PER_NODE = "IPP_TASKS_PER_NODE"
#: Slurm's steps from here on are no steps of `srun`, but the job's script and shell.
_SPECIAL_STEPS = 0xFFFFFFF0
OWN_CGROUPS = Path("/proc/self/cgroup")
CGROUPS = Path("/sys/fs/cgroup")


class Allocation(msgspec.Struct, frozen=True):
    """The part of its hosts that a job has: a slot is to have one engine.

    Parameters
    ----------
    system
        Whose job it is.
    total
        Its slots on all hosts.
    here
        Those on this host; None if this host is none of the job's.
    """

    system: str
    total: int
    here: int | None


def allocation(environment: Mapping[str, str] = os.environ) -> Allocation | None:
    """Return what the job has that this process is in; None in no job."""
    for read in (_slurm, _pbs, _grid_engine, _lsf, _htcondor):
        if (found := read(environment)) is not None:
            return found
    return None


def usable_slots() -> int:
    """Return for how many engines there is room, on all hosts of the job."""
    found = allocation()
    return usable_cores() if found is None else found.total


def usable_cores() -> int:
    """Return for how many engines there is room on this host.

    In a batch system's job those are its slots here, whatever the host has. Elsewhere
    they are the cores that this process may use, by its affinity and its cgroup.
    """
    found = allocation()
    if found is not None and found.here is not None:
        return found.here
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, math.ceil(min(cores, _quota())))


def warn_of_a_crowd(n: int) -> None:
    """Say so if so many engines of this host are more than its job has slots for."""
    found = allocation()
    if found is not None and found.here is not None and n > found.here:
        log.warning(
            "%d engines are to share %d %s, which is what this %s job has on this host",
            *(n, found.here, "slot" if found.here == 1 else "slots", found.system),
        )


# What each system says


def _slurm(environment: Mapping[str, str]) -> Allocation | None:
    if "SLURM_JOB_ID" not in environment:
        return None
    said = environment.get(TASKS_PER_NODE) or environment.get("SLURM_TASKS_PER_NODE")
    tasks = list(_expand(said or environment.get("SLURM_NTASKS", "1")))
    total = sum(tasks)
    if "SLURMD_NODENAME" not in environment:  # of `salloc`, outside of its nodes
        return Allocation("Slurm", total, None)
    node = _number(environment, "SLURM_NODEID") or 0
    here = tasks[node] if node < len(tasks) else 1
    if TASKS_PER_NODE not in environment and _is_in_step(environment):
        # One of several tasks here is one engine; a single one has the node's share.
        cores = _number(environment, "SLURM_CPUS_ON_NODE") or 1
        each = _number(environment, "SLURM_CPUS_PER_TASK") or 1
        here = 1 if here > 1 else max(1, cores // each)
    return Allocation("Slurm", max(total, here), here)


def _is_in_step(environment: Mapping[str, str]) -> bool:
    step = _number(environment, "SLURM_STEP_ID")
    return step is not None and step < _SPECIAL_STEPS


def _expand(text: str) -> Iterable[int]:
    """Yield each node's number of what Slurm writes as ``4(x2),3``."""
    for number, times in re.findall(r"(\d+)(?:\(x(\d+)\))?", text):
        yield from [int(number)] * int(times or 1)


def _pbs(environment: Mapping[str, str]) -> Allocation | None:
    if "PBS_JOBID" not in environment:
        return None
    lines = _lines(environment.get("PBS_NODEFILE"))
    return _of_hosts("PBS", Counter(line.strip() for line in lines if line.strip()))


def _grid_engine(environment: Mapping[str, str]) -> Allocation | None:
    slots = _number(environment, "NSLOTS")
    if slots is None or "JOB_ID" not in environment:
        return None
    words = [line.split() for line in _lines(environment.get("PE_HOSTFILE"))]
    hosts = _sum((each[0], each[1]) for each in words if len(each) > 1)
    return _of_hosts("Grid Engine", hosts) or Allocation("Grid Engine", slots, slots)


def _lsf(environment: Mapping[str, str]) -> Allocation | None:
    if "LSB_JOBID" not in environment:
        return None
    words = environment.get("LSB_MCPU_HOSTS", "").split()
    hosts = _sum(zip(words[::2], words[1::2], strict=False))
    if not hosts:
        hosts = Counter(environment.get("LSB_HOSTS", "").split())
    return _of_hosts("LSF", hosts)


def _htcondor(environment: Mapping[str, str]) -> Allocation | None:
    for line in _lines(environment.get("_CONDOR_MACHINE_AD")):
        if found := re.fullmatch(r"\s*Cpus\s*=\s*(\d+)\s*", line):
            return Allocation("HTCondor", int(found[1]), int(found[1]))
    return None


def _sum(pairs: Iterable[tuple[str, str]]) -> Counter[str]:
    """Return the slots of each host, of which several lines may tell."""
    hosts: Counter[str] = Counter()
    for host, slots in pairs:
        hosts[host] += int(slots)
    return hosts


def _of_hosts(system: str, hosts: Counter[str]) -> Allocation | None:
    """Return the allocation of so many slots on each host."""
    if not hosts:
        return None
    own = socket.gethostname().partition(".")[0]
    here = sum(n for host, n in hosts.items() if host.partition(".")[0] == own)
    if not here and len(hosts) == 1:  # it has another name there
        here = hosts.total()
    return Allocation(system, hosts.total(), here or None)


def _number(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "")
    return int(text) if text.isdecimal() else None


def _lines(path: str | Path | None) -> list[str]:
    """Return the lines of a file; none if it cannot be read here."""
    if not path:
        return []
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


# What the host has


def _quota() -> float:
    """Return how many cores' time the cgroups of this process may use."""
    folders = [line.split(":", 2)[1:] for line in _lines(OWN_CGROUPS)]
    found = [
        _quota_of(controllers, Path("/", path).parts[1:])
        for controllers, path in folders
        if controllers == "" or "cpu" in controllers.split(",")
    ]
    return min(found, default=math.inf)


def _quota_of(controllers: str, parts: tuple[str, ...]) -> float:
    """Return the least of what a cgroup and those around it may use."""
    root = CGROUPS / controllers
    least = math.inf
    for end in range(len(parts) + 1):
        folder = root.joinpath(*parts[:end])
        if controllers:
            words = _lines(folder / "cpu.cfs_quota_us")
            words += _lines(folder / "cpu.cfs_period_us")
        else:
            words = " ".join(_lines(folder / "cpu.max")).split()
        if len(words) == 2 and words[0].isdecimal() and int(words[1]):
            least = min(least, int(words[0]) / int(words[1]))
    return least

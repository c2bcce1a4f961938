"""Slurm: one job for all engines, and in it a step with a task on each host."""

from __future__ import annotations

from ...allocation import TASKS_PER_NODE
from ..job import ENDED, RUNNING, SUBMITTED
from ..polling import Key, Status
from .system import BatchSystem, describe_exit, unknown_state

__all__ = ["SLURM"]

# A step of one task a node has that node's part of the job, all its cores and memory:
# the one task starts as many engines as the job has tasks there.
_TEMPLATE = f"""\
#!/bin/bash
#SBATCH --job-name={{name}}
#SBATCH --output={{output_file}}
#SBATCH --open-mode=append
#SBATCH --export=ALL
#SBATCH --no-requeue
#SBATCH --array={{array}}
#SBATCH --partition={{queue}}
#SBATCH --account={{account}}
#SBATCH --qos={{qos}}
#SBATCH --time={{walltime}}
#SBATCH --nodes={{nodes}}
#SBATCH --ntasks={{engines}}
#SBATCH --ntasks-per-node={{engines_per_node}}
#SBATCH --cpus-per-task={{cores}}
#SBATCH --mem-per-cpu={{memory and -(-memory // (cores or 1))}}M
#SBATCH {{options}}
{{preparation}}
export {TASKS_PER_NODE}="$SLURM_TASKS_PER_NODE"
unset SLURM_CPUS_PER_TASK SLURM_MEM_PER_CPU SLURM_NTASKS_PER_NODE
exec {{spread}} {{host_agent}}
"""

#: What it does not say by a reason.
_TOLD = ("SUSPENDED", "STOPPED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT")
#: The states of squeue's and sacct's manuals.
_STATES = {
    **dict.fromkeys(
        ["PENDING", "CONFIGURING", "POWER_UP_NODE", "EXPEDITING"], SUBMITTED
    ),
    **dict.fromkeys(["REQUEUED", "REQUEUE_FED", *_TOLD], SUBMITTED),
    **dict.fromkeys(["RUNNING", "RESIZING", "SIGNALING"], RUNNING),
    **dict.fromkeys(["COMPLETING", "STAGE_OUT", "UPDATE_DB"], RUNNING),
    **dict.fromkeys(["COMPLETED", "CANCELLED", "FAILED", "TIMEOUT"], ENDED),
    **dict.fromkeys(["NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"], ENDED),
    **dict.fromkeys(["BOOT_FAIL", "DEADLINE", "LAUNCH_FAILED"], ENDED),
    **dict.fromkeys(["RECONFIG_FAIL", "REVOKED"], ENDED),
}


def read_squeue(output: str) -> dict[Key, Status]:
    """Read lines of ``job|state|reason|wait status|``."""
    found = {}
    for line in output.splitlines():
        job, state, reason, code, *_ = [*line.split("|"), "", "", ""]
        if job:
            found[_key(job)] = _status(state, reason, _exit_code(int(code or 0)))
    return found


def read_sacct(output: str) -> dict[Key, Status]:
    """Read lines of ``job|state|exit status:signal``."""
    found = {}
    for line in output.splitlines():
        job, state, ended, *_ = [*line.split("|"), "", ""]
        code, _, signal = ended.partition(":")
        number = -int(signal or 0) or int(code or 0)
        found[_key(job)] = _status(state.split(" ")[0], "", number)
    return found


def _key(job: str) -> Key:
    number, _, index = job.partition("_")
    return number, int(index) if index.isdecimal() else 0


def _exit_code(status: int) -> int:
    return -(status & 0x7F) or status >> 8


def _status(state: str, reason: str, code: int) -> Status:
    standing = _STATES.get(state)
    if standing is None:
        return unknown_state(state)
    if reason in ("None", "NonZeroExitCode", state):
        reason = ""
    if standing != ENDED:
        told = state if state in _TOLD else ""
        return Status(standing, ": ".join(filter(None, [told, reason])))
    if state == "COMPLETED":
        return Status(ENDED, state, 0)
    said = ", ".join(filter(None, [reason, describe_exit(code)]))
    return Status(ENDED, f"{state}: {said}" if said else state, code or None)


SLURM = BatchSystem(
    name="Slurm",
    directive="#SBATCH",
    template=_TEMPLATE,
    submit=("sbatch", "--parsable"),
    job_id=r"(?m)^(\d+)(?:;|$)",
    cancel=("scancel", "{ids}"),
    signal=("scancel", "--signal={signal}", "{ids}"),
    present=(
        *("squeue", "--noheader", "--states=all", "--array", "--jobs={ids}"),
        "--Format=JobArrayID:|,State:|,Reason:|,exit_code:|",
    ),
    past=(
        *("sacct", "--noheader", "--parsable2", "--allocations", "--jobs={ids}"),
        "--format=JobID,State,ExitCode",
    ),
    read_present=read_squeue,
    read_past=read_sacct,
    unknown="Invalid job id|accounting storage is disabled",
    joint=",",
    element="{}_{}",
    single_output="-%j.0.log",
    array_output="-%A.%a.log",
    single_name="$SLURM_JOB_ID",
    array_name="${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID",
    signs={"%A": "number", "%j": "number", "%a": "index"},
    spread='srun --ntasks="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 --mem=0 '
    "--export=ALL --kill-on-bad-exit=0 --wait=0",
)

"""HTCondor: a process of one cluster for each host's engines."""

from __future__ import annotations

from typing import Any

import msgspec

from ....errors import LauncherError
from ..job import ENDED, RUNNING, SUBMITTED
from ..polling import Key, Status
from .system import BatchSystem, describe_exit, unknown_state

__all__ = ["HTCONDOR"]

_TEMPLATE = """\
universe = vanilla
batch_name = {name}
executable = {script_file}
initialdir = {work_dir}
getenv = true
environment = "IPP_JOB=$(Cluster).$(Process)"
output = {output_file}
error = {output_file}
stream_output = true
stream_error = true
should_transfer_files = IF_NEEDED
request_cpus = {slots}
request_memory = {memory and memory * engines}
allowed_job_duration = {walltime and walltime_seconds}
accounting_group = {account}
+Queue = "{queue}"
{options}
queue {jobs}
"""
_SCRIPT = """\
#!/bin/bash
{preparation}
exec {host_agent}
"""

_ATTRIBUTES = (
    *("ClusterId", "ProcId", "JobStatus", "HoldReason", "RemoveReason"),
    *("ExitCode", "ExitBySignal", "ExitSignal"),
)
#: What the numbers of states stand for, by the manual's page on the attributes of jobs:
#: idle, running, removed, completed, held, transferring output, suspended.
_STATES = {
    1: SUBMITTED,
    2: RUNNING,
    3: ENDED,
    4: ENDED,
    5: ENDED,
    6: RUNNING,
    7: RUNNING,
}
_REMOVED, _HELD, _SUSPENDED = 3, 5, 7


def read_queue(output: str) -> dict[Key, Status]:
    """Read what `condor_q` says with `-json`; nothing is no job.

    What was removed is there until its processes have ended: then it is history.
    """
    return _read(output, is_queued=True)


def read_history(output: str) -> dict[Key, Status]:
    """Read what `condor_history` says with `-json`; nothing is no job."""
    return _read(output, is_queued=False)


def _read(output: str, *, is_queued: bool) -> dict[Key, Status]:
    if not output.strip():
        return {}
    try:
        ads = msgspec.json.decode(output, type=list[dict[str, Any]])
    except msgspec.DecodeError as error:
        raise LauncherError(f"what condor says is no JSON: {error}") from error
    return {
        (str(ad["ClusterId"]), int(ad.get("ProcId", 0))): _status(ad, is_queued)
        for ad in ads
    }


def _status(ad: dict[str, Any], is_queued: bool) -> Status:
    number = ad["JobStatus"]
    state = _STATES.get(number)
    if state is None:
        return unknown_state(str(number))
    if state != ENDED:
        return Status(state, "it is suspended" if number == _SUSPENDED else "")
    if number == _HELD:
        return Status(ENDED, f"held: {ad.get('HoldReason', 'condor does not say why')}")
    removed = ad.get("RemoveReason") or "removed" if number == _REMOVED else ""
    if removed and is_queued:
        return Status(RUNNING, f"it is being removed: {removed}")
    code = -ad["ExitSignal"] if ad.get("ExitBySignal") else ad.get("ExitCode")
    said = ", ".join(filter(None, [describe_exit(code), removed]))
    return Status(ENDED, said, code)


HTCONDOR = BatchSystem(
    name="HTCondor",
    directive="",
    template=_TEMPLATE,
    script=_SCRIPT,
    submit=("condor_submit", "-terse"),
    job_id=r"(?m)^(\d+)\.\d+",
    cancel=("condor_rm", "{ids}"),
    present=("condor_q", "{ids}", "-json", "-attributes", ",".join(_ATTRIBUTES)),
    past=("condor_history", "{ids}", "-json", "-attributes", ",".join(_ATTRIBUTES)),
    read_present=read_queue,
    read_past=read_history,
    element="{}.{}",
    single_output="-$(Cluster).$(Process).log",
    array_output="-$(Cluster).$(Process).log",
    signs={"$(Cluster)": "number", "$(Process)": "index"},
    counts_from_zero=True,
)

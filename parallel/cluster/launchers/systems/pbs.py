"""PBS in its two dialects, OpenPBS (PBS Pro) and Torque: a job for each host's engines.

Output is shown by either when a job has ended, so the scripts write it themselves.
"""

from __future__ import annotations

import re

from ..job import ENDED, RUNNING, SUBMITTED
from ..polling import Key, Status
from .system import BatchSystem, describe_exit, exit_code, unknown_state

__all__ = ["PBS", "TORQUE"]

_HEAD = """\
#!/bin/bash
#PBS -S /bin/bash
#PBS -N {name}
#PBS -j oe
#PBS -o {output_file}
#PBS -V
#PBS -q {queue}
#PBS -A {account}
#PBS -l walltime={walltime}
"""
_TAIL = """\
#PBS {options}
index=${{INDEX:-0}}
exec >>{output_base}-"${{PBS_JOBID%%[!0-9]*}}.$index.log" 2>&1
{preparation}
exec {host_agent}
"""
_OPENPBS = """\
#PBS -J {array}
#PBS -l select=1:ncpus={slots}:mpiprocs={engines}{'' if memory is None else None}
#PBS -l select=1:ncpus={slots}:mpiprocs={engines}:mem={memory and memory * engines}mb
"""
_TORQUE = """\
#PBS -t {array}
#PBS -l nodes=1:ppn={slots}
#PBS -l mem={memory and memory * engines}mb
"""

#: What states mean for which no comment is told.
_MEANING = {
    "H": "H: it is held",
    "S": "S: it was suspended by PBS",
    "U": "U: it was suspended as its host is in use",
    "M": "M: it was moved to another server",
    "W": "W: it waits for its time to come",
}
#: What either dialect itself ended a job for, by its exit status.
_NOT_STARTED = {
    -1: "it could not be started",
    -2: "it could not be started, and its files had been brought",
    -3: "it could not be started, and is to be tried again",
}
#: The same, of OpenPBS: its job.h, and sites that tell of it.
_OPENPBS_ENDS = {
    **_NOT_STARTED,
    -24: "it used more CPUs than it asked for, for a while",
    -25: "it used more CPUs than it asked for",
    -26: "it used more virtual memory than it asked for",
    -27: "it used more memory than it asked for",
    -28: "its CPU time was up",
    -29: "its walltime was up",
}
#: The same, of Torque: its manual's page on exit statuses.
_TORQUE_ENDS = {
    **_NOT_STARTED,
    -8: "its script could not be run",
    -9: "its output cannot be written",
    -10: "it used more memory than it asked for",
    -11: "its walltime was up",
    -12: "its CPU time was up",
}
#: The states of both qstats' manuals.
_STATES = {
    **dict.fromkeys("QHWTSUM", SUBMITTED),
    **dict.fromkeys("RBE", RUNNING),
    **dict.fromkeys("FXC", ENDED),
}


def read_qstat(output: str) -> dict[Key, Status]:
    """Read what `qstat -f` says, of both dialects."""
    found = {}
    # A long value goes on in the next line, after a tab.
    for text in re.split(r"(?m)^Job Id: *", output.replace("\n\t", ""))[1:]:
        job = re.match(r"(\d+)(?:\[(\d*)\])?", text)
        facts = dict(re.findall(r"(?m)^ +([\w.]+) = (.*)$", text))
        if job and job[2] != "":  # not the array as a whole
            key = job[1], int(job[2] or facts.get("array_index") or 0)
            found[key] = _status(facts)
    return found


def _status(facts: dict[str, str]) -> Status:
    letter, comment = facts.get("job_state", ""), facts.get("comment", "")
    state = _STATES.get(letter)
    if state is None:
        return unknown_state(letter)
    if state == SUBMITTED:
        return Status(state, comment or _MEANING.get(letter, ""))
    if state != ENDED:
        return Status(state)
    said = facts.get("Exit_status", facts.get("exit_status"))
    if said is None:
        return Status(ENDED, comment)
    if int(said) < 0:  # PBS itself has ended it, or could not start it
        ends = _OPENPBS_ENDS if "Exit_status" in facts else _TORQUE_ENDS
        parts = [ends.get(int(said)), f"Exit_status {said}", comment]
        return Status(ENDED, ", ".join(filter(None, parts)), 1)
    code = exit_code(int(said), 256, 128)
    why = ", ".join(filter(None, [describe_exit(code), comment]))
    return Status(ENDED, why if code else "", code)


PBS = BatchSystem(
    name="PBS",
    directive="#PBS",
    template=_HEAD + _OPENPBS + _TAIL.replace("INDEX", "PBS_ARRAY_INDEX"),
    submit=("qsub",),
    job_id=r"(?m)^(\d+(?:\[\])?(?:\.\S+)?)$",
    single_name="${PBS_JOBID%%[!0-9]*}",
    array_name="${PBS_JOBID%%[!0-9]*}[$PBS_ARRAY_INDEX]",
    cancel=("qdel", "{ids}"),
    signal=("qsig", "-s", "{signal}", "{ids}"),
    # Servers that keep no history refuse -x, whatever they are asked.
    present=("qstat", "-f", "-t", "{ids}"),
    past=("qstat", "-x", "-f", "-t", "{ids}"),
    read_present=read_qstat,
    read_past=read_qstat,
    unknown="Unknown Job Id|has finished",
)
TORQUE = BatchSystem(
    name="Torque",
    directive="#PBS",
    template=_HEAD + _TORQUE + _TAIL.replace("INDEX", "PBS_ARRAYID"),
    submit=("qsub",),
    job_id=r"(?m)^(\d+(?:\[\])?(?:\.\S+)?)$",
    single_name="${PBS_JOBID%%[!0-9]*}",
    array_name="${PBS_JOBID%%[!0-9]*}[$PBS_ARRAYID]",
    cancel=("qdel", "{ids}"),
    signal=("qsig", "-s", "{signal}", "{ids}"),
    present=("qstat", "-f", "-t", "{ids}"),
    read_present=read_qstat,
    unknown="Unknown Job",
)

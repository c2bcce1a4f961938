"""LSF: a job for each host's engines, as an array."""

from __future__ import annotations

from ..job import ENDED, RUNNING, SUBMITTED
from ..polling import Key, Status
from .system import BatchSystem, describe_exit, exit_code, unknown_state

__all__ = ["LSF"]

_TEMPLATE = """\
#!/bin/bash
#BSUB -J {name}{'' if array is None else None}
#BSUB -J {name}[{array}]
#BSUB -oo {output_file}
#BSUB -q {queue}
#BSUB -P {account}
#BSUB -W {walltime and -(-walltime_seconds // 60)}
#BSUB -n {slots}
#BSUB -R "span[hosts=1]"
#BSUB -R "rusage[mem={memory and memory * engines}]"
#BSUB {options}
{preparation}
exec {host_agent}
"""

#: What states mean for which no reason is told.
_MEANING = {
    "PSUSP": "PSUSP: it is held",
    "USUSP": "USUSP: it was suspended by its owner or an administrator",
    "SSUSP": "SSUSP: it was suspended by LSF",
    "UNKWN": "UNKWN: its host does not answer",
    "ZOMBI": "ZOMBI: it was killed while its host did not answer",
}
#: The states of bjobs' manual.
_STATES = {
    **dict.fromkeys(["PEND", "PSUSP", "USUSP", "SSUSP", "WAIT", "PROV"], SUBMITTED),
    **dict.fromkeys(["RUN", "UNKWN"], RUNNING),
    **dict.fromkeys(["DONE", "EXIT", "ZOMBI", "POST_DONE", "POST_ERR"], ENDED),
}


def read_bjobs(output: str) -> dict[Key, Status]:
    """Read lines of ``job|index|state|exit status|why it ended|why it waits``."""
    found = {}
    for line in output.splitlines():
        job, index, state, code, end, wait = [*line.split("|"), *[""] * 6][:6]
        if job.isdecimal():
            key = job, int(index) if index.isdecimal() else 0
            found[key] = _status(state, code, _said(end), _said(wait))
    return found


def _said(text: str) -> str:
    return "" if text.strip() == "-" else text.strip().rstrip(";")


def _status(state: str, code: str, end: str, wait: str) -> Status:
    standing, meaning = _STATES.get(state), _MEANING.get(state, "")
    if standing is None:
        return unknown_state(state)
    if standing != ENDED:
        said = [meaning, wait if standing == SUBMITTED else ""]
        return Status(standing, ", ".join(filter(None, said)))
    if state in ("DONE", "POST_DONE"):
        return Status(ENDED, "", 0)
    number = exit_code(int(code)) if code.isdecimal() else None
    why = ", ".join(filter(None, [describe_exit(number), end]))
    return Status(ENDED, ": ".join(filter(None, [meaning or state, why])), number)


LSF = BatchSystem(
    name="LSF",
    directive="#BSUB",
    template=_TEMPLATE,
    submit=("bsub",),
    by_stdin=True,
    job_id=r"Job <(\d+)>",
    cancel=("bkill", "{ids}"),
    signal=("bkill", "-s", "{signal}", "{ids}"),
    present=(
        *("bjobs", "-a", "-noheader", "-o"),
        "jobid jobindex stat exit_code exit_reason pend_reason delimiter='|'",
        "{ids}",
    ),
    read_present=read_bjobs,
    unknown="is not found|No matching job found",
    single_output="-%J.0.log",
    array_output="-%J.%I.log",
    single_name="$LSB_JOBID",
    array_name="${LSB_JOBID}[$LSB_JOBINDEX]",
    signs={"%J": "number", "%I": "index"},
)

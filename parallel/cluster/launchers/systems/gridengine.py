"""Grid Engine, of whichever branch: a job for each host's engines, as an array."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from xml.etree import ElementTree

from ....errors import LauncherError
from ..job import ENDED, RUNNING, SUBMITTED
from ..polling import Key, Status
from .system import BatchSystem, describe_exit, exit_code, unknown_state

__all__ = ["SGE"]

# `qdel` kills at once, but with -notify a minute after SIGUSR2, which the whole process
# group has. The agent hears nothing of that: the script asks it to end in order, and
# again while it does not, for one that is just being started may miss it. It stays in
# the group, which is what is killed when the job's time is up.
_TEMPLATE = """\
#!/bin/bash
#$ -S /bin/bash
#$ -N {name}
#$ -j y
#$ -o {output_file}
#$ -V
#$ -notify
#$ -t {array}
#$ -q {queue}
#$ -A {account}
#$ -l h_rt={walltime}
#$ -pe {slots > 1 and parallel_environment} {slots}
#$ -l mem_free={memory and -(-memory // (cores or 1))}M
#$ {options}
{preparation}
agent= told=
trap 'told=yes; [ -z "$agent" ] || kill -TERM "$agent"' USR2 TERM
trap : USR1
(trap '' USR1 USR2; exec {host_agent}) &
agent=$!
while kill -0 "$agent" 2>/dev/null; do
    if [ -z "$told" ]; then wait "$agent"; else kill -TERM "$agent"; sleep 1; fi
done
wait "$agent"
"""


def read_qstat(output: str) -> dict[Key, Status]:
    """Read what `qstat -xml` says; each of an array may be in a range of it."""
    try:
        jobs = ElementTree.fromstring(output).iter("job_list")
    except ElementTree.ParseError as error:
        raise LauncherError(f"what qstat says is no XML: {error}") from error
    found = {}
    for job in jobs:
        state = job.findtext("state") or ""
        for index in _expand(job.findtext("tasks") or "0"):
            found[job.findtext("JB_job_number") or "", index] = _status(state)
    return found


def _expand(tasks: str) -> Iterator[int]:
    """Yield the indices in such as ``3-9:2,12``."""
    for first, last, step in re.findall(r"(\d+)(?:-(\d+))?(?::(\d+))?", tasks):
        yield from range(int(first), int(last or first) + 1, int(step or 1))


def _status(state: str) -> Status:
    """Read the letters of a state, as the manual's page sge_status has them."""
    if "E" in state:
        return Status(ENDED, f"{state}: it cannot be started, `qstat -j` says why")
    if state == "z":
        return Status(ENDED)
    if state.strip("dhR") in ("r", "t"):  # one that runs may be held, too
        return Status(RUNNING, "" if state == "r" else state)
    if set(state) & set("sST"):
        return Status(SUBMITTED, f"{state}: it was suspended")
    if "h" in state:
        return Status(SUBMITTED, f"{state}: it is held")
    if set(state) <= set("qwdR") and state:
        return Status(SUBMITTED, "" if state == "qw" else state)
    return unknown_state(state)


def read_reasons(output: str) -> dict[str, str]:
    """Read what `qstat -j` says of why jobs wait, where the scheduler tells it."""
    found = {}
    for text in re.split(r"(?m)^=+$", output):
        number = re.search(r"(?m)^job_number: +(\d+)", text)
        said = re.search(r"(?ms)^scheduling info: +(.*)", text)
        if number and said:
            lines = [line.strip() for line in said[1].splitlines() if line.strip()]
            own = [line for line in lines if "cannot run" in line] or lines
            found[number[1]] = "; ".join(own[:3])
    return found


def read_qacct(output: str) -> dict[Key, Status]:
    """Read the accounts of jobs that have ended."""
    found = {}
    for account in re.split(r"(?m)^=+$", output):
        facts = dict(_facts(account.splitlines()))
        if "jobnumber" in facts:
            index = facts.get("taskid", "undefined")
            key = facts["jobnumber"], int(index) if index.isdecimal() else 0
            found[key] = _end(facts)
    return found


def _facts(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, _, value = line.partition(" ")
        yield name, value.strip()


def _end(facts: dict[str, str]) -> Status:
    code = exit_code(int((facts.get("exit_status") or "0").split()[0]))
    failed, _, why = facts.get("failed", "0").partition(":")
    said = describe_exit(code)
    if failed.strip() not in ("", "0"):
        said = f"failed {failed.strip()} ({why.strip()})" + (
            f", {said}" if said else ""
        )
        code = code or 1
    return Status(ENDED, said, code)


SGE = BatchSystem(
    name="Grid Engine",
    directive="#$",
    template=_TEMPLATE,
    submit=("qsub", "-terse"),
    job_id=r"(?m)^(\d+)(?:\.\S*)?$",
    cancel=("qdel", "{ids}"),
    present=("qstat", "-xml", "-u", "{user}"),
    past=("qacct", "-j", "{ids}"),
    waiting=("qstat", "-j", "{ids}"),
    read_present=read_qstat,
    read_past=read_qacct,
    read_waiting=read_reasons,
    unknown="not found|do not exist",
    joint=",",
    element="{}.{}",
    single_output="-$JOB_ID.0.log",
    array_output="-$JOB_ID.$TASK_ID.log",
    single_name="$JOB_ID",
    array_name="$JOB_ID.$SGE_TASK_ID",
    signs={"$JOB_ID": "number", "$TASK_ID": "index"},
)

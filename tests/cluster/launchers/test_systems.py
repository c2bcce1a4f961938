"""What each batch system says, as it says it, and what is read from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pytest

from parallel.cluster.launchers.job import ENDED, RUNNING, SUBMITTED
from parallel.cluster.launchers.polling import Key, Status
from parallel.cluster.launchers.systems import (
    gridengine,
    htcondor,
    lsf,
    pbs,
    slurm,
)
from parallel.cluster.launchers.systems.system import BatchSystem
from parallel.errors import LauncherError

SQUEUE = """\
1|PENDING|PartitionConfig|0|
2_1|RUNNING|None|0|
2_2|COMPLETING|None|0|
3|FAILED|NonZeroExitCode|1792|
4|CANCELLED|None|15|
5|TIMEOUT|TimeLimit|0|
6|COMPLETED|None|0|
7|OUT_OF_MEMORY|OutOfMemory|137|
8|NODE_FAIL|NodeDown|1|
"""
SACCT = "3|FAILED|7:0\n4_12|CANCELLED by 1000|0:15\n6|COMPLETED|0:0\n"
QSTAT_XML = """\
<?xml version='1.0'?>
<job_info><queue_info>
<job_list state="running"><JB_job_number>2</JB_job_number><state>r</state>
<tasks>1</tasks></job_list>
<job_list state="running"><JB_job_number>4</JB_job_number><state>dr</state></job_list>
</queue_info><job_info>
<job_list state="pending"><JB_job_number>2</JB_job_number><state>qw</state>
<tasks>2,5-9:2</tasks></job_list>
<job_list state="pending"><JB_job_number>3</JB_job_number><state>Eqw</state></job_list>
<job_list state="pending"><JB_job_number>5</JB_job_number><state>hqw</state></job_list>
</job_info></job_info>
"""
LINE = "=" * 62
QACCT = f"""\
{LINE}
jobnumber    2
taskid       1
failed       0
exit_status  5
{LINE}
jobnumber    3
taskid       undefined
failed       100 : assumedly after job
exit_status  137
{LINE}
jobnumber    4
taskid       undefined
failed       0
exit_status  0
{LINE}
jobnumber    5
taskid       undefined
failed       37  : qmaster enforced h_rt, h_cpu, or h_vmem limit
exit_status  0
"""
QSTAT = """\
Job Id: 7[].server.example
    Job_Name = ipengines
    job_state = B
    array = True

Job Id: 7[1].server.example
    job_state = R
    Variable_List = PBS_O_HOME=/root,PBS_O_PATH=/usr/local/bin:/usr/bin,
\tjob_state = Q
    comment = Job run at Sat Nov 21 at 22:00 on (node1:ncpus=1)

Job Id: 7[2].server.example
    job_state = X
    Exit_status = 271

Job Id: 8.server.example
    job_state = Q
    comment = Can Never Run: Insufficient amount of resource: ncpus

Job Id: 9.server.example
    job_state = F
    Exit_status = -29
    comment = Job exceeded its walltime

Job Id: 10.server.example
    job_state = C
    exit_status = 0
"""
BJOBS = """\
1|0|PEND|-|-|New job is waiting for scheduling;
2|1|RUN|-|-|-
2|2|EXIT|7|-|-
3|0|EXIT|143|TERM_OWNER: job killed by owner;|-
4|0|DONE|-|-|-
5|0|EXIT|140|TERM_RUNLIMIT: job killed after reaching LSF run time limit;|-
"""
ADS = """[
{"ClusterId": 1, "ProcId": 0, "JobStatus": 1},
{"ClusterId": 1, "ProcId": 1, "JobStatus": 2},
{"ClusterId": 2, "ProcId": 0, "JobStatus": 5, "HoldReason": "no such file"},
{"ClusterId": 3, "ProcId": 0, "JobStatus": 4, "ExitBySignal": false, "ExitCode": 7},
{"ClusterId": 4, "ProcId": 0, "JobStatus": 4, "ExitBySignal": true, "ExitSignal": 9},
{"ClusterId": 5, "ProcId": 0, "JobStatus": 3, "RemoveReason": "via condor_rm"},
{"ClusterId": 6, "ProcId": 0, "JobStatus": 3}
]"""
REMOVED_ADS = """[
{"ClusterId": 5, "ProcId": 0, "JobStatus": 3, "RemoveReason": "via condor_rm"},
{"ClusterId": 6, "ProcId": 0, "JobStatus": 3, "ExitCode": 2}
]"""


def ended(reason: str, code: int | None) -> Status:
    return Status(ENDED, reason, code)


RUNS, WAITS = Status(RUNNING), Status(SUBMITTED)
Read = Callable[[str], Mapping[Key, Status]]


@pytest.mark.parametrize(
    ("read", "text", "found"),
    [
        (
            slurm.read_squeue,
            SQUEUE,
            {
                ("1", 0): Status(SUBMITTED, "PartitionConfig"),
                ("2", 1): RUNS,
                ("2", 2): RUNS,
                ("3", 0): ended("FAILED: exit status 7", 7),
                ("4", 0): ended("CANCELLED: killed by signal 15", -15),
                ("5", 0): ended("TIMEOUT: TimeLimit", None),
                ("6", 0): ended("COMPLETED", 0),
                ("7", 0): ended("OUT_OF_MEMORY: OutOfMemory, killed by signal 9", -9),
                ("8", 0): ended("NODE_FAIL: NodeDown, killed by signal 1", -1),
            },
        ),
        (
            slurm.read_sacct,
            SACCT,
            {
                ("3", 0): ended("FAILED: exit status 7", 7),
                ("4", 12): ended("CANCELLED: killed by signal 15", -15),
                ("6", 0): ended("COMPLETED", 0),
            },
        ),
        (
            gridengine.read_qstat,
            QSTAT_XML,
            {
                ("2", 1): RUNS,
                ("4", 0): Status(RUNNING, "dr"),
                **{("2", index): WAITS for index in (2, 5, 7, 9)},
                ("3", 0): ended("Eqw: it cannot be started, `qstat -j` says why", None),
                ("5", 0): Status(SUBMITTED, "hqw: it is held"),
            },
        ),
        (
            gridengine.read_qacct,
            QACCT,
            {
                ("2", 1): ended("exit status 5", 5),
                ("3", 0): ended(
                    "failed 100 (assumedly after job), killed by signal 9", -9
                ),
                ("4", 0): ended("", 0),
                ("5", 0): ended(
                    "failed 37 (qmaster enforced h_rt, h_cpu, or h_vmem limit)", 1
                ),
            },
        ),
        (
            pbs.read_qstat,
            QSTAT,
            {
                ("7", 1): RUNS,
                ("7", 2): ended("killed by signal 15", -15),
                ("8", 0): Status(
                    SUBMITTED, "Can Never Run: Insufficient amount of resource: ncpus"
                ),
                ("9", 0): ended(
                    "its walltime was up, Exit_status -29, Job exceeded its walltime", 1
                ),
                ("10", 0): ended("", 0),
            },
        ),
        (
            lsf.read_bjobs,
            BJOBS,
            {
                ("1", 0): Status(SUBMITTED, "New job is waiting for scheduling"),
                ("2", 1): RUNS,
                ("2", 2): ended("EXIT: exit status 7", 7),
                ("3", 0): ended(
                    "EXIT: killed by signal 15, TERM_OWNER: job killed by owner", -15
                ),
                ("4", 0): ended("", 0),
                ("5", 0): ended(
                    "EXIT: killed by signal 12, TERM_RUNLIMIT: job killed after "
                    "reaching LSF run time limit",
                    -12,
                ),
            },
        ),
        (
            htcondor.read_queue,
            ADS,
            {
                ("1", 0): WAITS,
                ("1", 1): RUNS,
                ("2", 0): ended("held: no such file", None),
                ("3", 0): ended("exit status 7", 7),
                ("4", 0): ended("killed by signal 9", -9),
                ("5", 0): Status(RUNNING, "it is being removed: via condor_rm"),
                ("6", 0): Status(RUNNING, "it is being removed: removed"),
            },
        ),
        (
            htcondor.read_history,
            REMOVED_ADS,
            {
                ("5", 0): ended("via condor_rm", None),
                ("6", 0): ended("exit status 2, removed", 2),
            },
        ),
    ],
    ids=[
        *("squeue", "sacct", "qstat -xml", "qacct", "qstat -f", "bjobs"),
        *("condor_q", "condor_history"),
    ],
)
def test_answers_are_read_as_the_system_gives_them(
    read: Read, text: str, found: dict[Key, Status]
) -> None:
    assert dict(read(text)) == found


@pytest.mark.parametrize(
    ("system", "answer", "job"),
    [
        (slurm.SLURM, "12\n", "12"),
        (slurm.SLURM, "12;east\n", "12"),
        (gridengine.SGE, "12\n", "12"),
        (gridengine.SGE, "12.1-4:1\n", "12"),
        (pbs.PBS, "12.server\n", "12.server"),
        (pbs.PBS, "qsub: a greeting of 3 lines\n12[].server\n", "12[].server"),
        (lsf.LSF, "Job <12> is submitted to default queue <normal>.\n", "12"),
        (htcondor.HTCONDOR, "12.0 - 12.3\n", "12"),
    ],
)
def test_a_jobs_id_is_found_in_the_answer(
    system: BatchSystem, answer: str, job: str
) -> None:
    found = re.search(system.job_id, answer)
    assert found is not None
    assert found[1] == job


def test_nothing_known_is_no_job() -> None:
    assert htcondor.read_history("") == {}
    assert slurm.read_squeue("") == {}
    assert pbs.read_qstat("") == {}


def test_an_answer_that_cannot_be_read_is_told() -> None:
    with pytest.raises(LauncherError, match="what condor says is no JSON"):
        htcondor.read_history("[{")
    with pytest.raises(LauncherError, match="what qstat says is no XML"):
        gridengine.read_qstat("error: commlib error")


def test_grid_engine_says_why_jobs_wait_where_its_scheduler_tells() -> None:
    line = "=" * 62
    full = 'queue instance "all.q@h" dropped because it is full'
    never = 'cannot run in PE "smp" because it only offers 0 slots'
    info = "scheduling info:            "
    text = (
        f"{line}\njob_number:                 239\njob_type: binary\n"
        f"{info}{full}\n                            {never}\n"
        f"{line}\njob_number:                 240\n{info}Job is in hold state\n"
        f"{line}\njob_number:                 241\njob_type: binary\n"
    )
    assert gridengine.read_reasons(text) == {
        "239": never,
        "240": "Job is in hold state",
    }


# Every state that the manuals have: of squeue and sacct, of the page sge_status, of
# qstat in OpenPBS and in Torque, of bjobs, and of HTCondor's attributes of jobs.
SLURM_STATES = {
    SUBMITTED: "PENDING CONFIGURING POWER_UP_NODE REQUEUED REQUEUE_FED REQUEUE_HOLD "
    "RESV_DEL_HOLD SPECIAL_EXIT STOPPED SUSPENDED EXPEDITING",
    RUNNING: "RUNNING RESIZING SIGNALING COMPLETING STAGE_OUT UPDATE_DB",
    ENDED: "BOOT_FAIL CANCELLED COMPLETED DEADLINE FAILED LAUNCH_FAILED NODE_FAIL "
    "OUT_OF_MEMORY PREEMPTED RECONFIG_FAIL REVOKED TIMEOUT",
}
SGE_STATES = {
    SUBMITTED: "qw Rq hqw hRwq s ts S tS T tT Rs Rts RS RtS RT RtT ds dS dT dRs",
    RUNNING: "r hr t Rr Rt dr dt dRr dRt",
    ENDED: "Eqw Ehqw EhRqw z",
}
PBS_STATES = {SUBMITTED: "Q H W T S U M", RUNNING: "R B E", ENDED: "F X C"}
LSF_STATES = {
    SUBMITTED: "PEND PROV PSUSP USUSP SSUSP WAIT",
    RUNNING: "RUN UNKWN",
    ENDED: "DONE EXIT ZOMBI POST_DONE POST_ERR",
}
CONDOR_STATES = {SUBMITTED: "1", RUNNING: "2 6 7", ENDED: "3 4 5"}
ANSWERS: dict[str, tuple[Read, str, dict[str, str]]] = {
    "slurm": (slurm.read_squeue, "7|{}|None|0|", SLURM_STATES),
    "sge": (
        gridengine.read_qstat,
        "<x><job_list><JB_job_number>7</JB_job_number><state>{}</state></job_list></x>",
        SGE_STATES,
    ),
    "pbs": (pbs.read_qstat, "Job Id: 7.server\n    job_state = {}\n", PBS_STATES),
    "lsf": (lsf.read_bjobs, "7|0|{}|-|-|-", LSF_STATES),
    "htcondor": (
        htcondor.read_history,
        '[{{"ClusterId": 7, "ProcId": 0, "JobStatus": {}}}]',
        CONDOR_STATES,
    ),
}


@pytest.mark.parametrize("system", ANSWERS)
def test_each_state_of_the_manual_is_known(system: str) -> None:
    read, answer, states = ANSWERS[system]
    for standing, names in states.items():
        for name in names.split():
            status = read(answer.format(name))["7", 0]
            assert (name, status.state) == (name, standing)
            assert "not known" not in status.reason


@pytest.mark.parametrize("system", ANSWERS)
def test_a_state_that_no_manual_has_is_told_and_no_end(system: str) -> None:
    read, answer, _ = ANSWERS[system]
    odd = "99" if system == "htcondor" else "Y"
    assert read(answer.format(odd))["7", 0] == Status(
        SUBMITTED, f"its state is {odd}, which is not known"
    )


@pytest.mark.parametrize(
    ("read", "answer"),
    [
        (slurm.read_squeue, f"7|FAILED|None|{255 << 8}|"),
        (gridengine.read_qacct, "jobnumber 7\nfailed 0\nexit_status 255"),
        (
            pbs.read_qstat,
            "Job Id: 7.server\n    job_state = F\n    Exit_status = 255\n",
        ),
        (lsf.read_bjobs, "7|0|EXIT|255|-|-"),
    ],
    ids=["slurm", "sge", "pbs", "lsf"],
)
def test_status_255_is_no_signal(read: Read, answer: str) -> None:
    assert read(answer)["7", 0].exit_code == 255


@pytest.mark.parametrize(
    ("read", "answer", "reason"),
    [
        (slurm.read_squeue, "7|REQUEUE_HOLD|JobHoldMaxRequeue|0|", "JobHoldMaxRequeue"),
        (pbs.read_qstat, "Job Id: 7.s\n    job_state = H\n", "it is held"),
        (lsf.read_bjobs, "7|0|USUSP|-|-|-", "suspended by its owner"),
        (lsf.read_bjobs, "7|0|UNKWN|-|-|-", "its host does not answer"),
    ],
)
def test_what_keeps_a_job_from_running_is_told(
    read: Read, answer: str, reason: str
) -> None:
    assert reason in read(answer)["7", 0].reason


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        ("Exit_status = -27", "it used more memory than it asked for"),
        ("exit_status = -11", "its walltime was up"),
    ],
    ids=["OpenPBS", "Torque"],
)
def test_what_pbs_ended_a_job_for_is_told_in_words(fact: str, reason: str) -> None:
    answer = f"Job Id: 7.server\n    job_state = C\n    {fact}\n"
    found = pbs.read_qstat(answer)["7", 0]
    assert found == ended(f"{reason}, Exit_status {fact.split()[-1]}", 1)

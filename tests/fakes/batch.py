"""Commands of batch systems that cannot be installed here, each as its manual has it.

What they run are processes of this host, one for each job of an array. They are as
strict as the real ones about what the launchers give them: directives and options that
they do not know are refused, and so is each queue but `main`.

As a program, `batch.py NAME WORD…` is the command NAME. Its jobs are in $FAKE_BATCH.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

#: The commands of each system.
COMMANDS = {
    "pbs": ("qsub", "qstat", "qdel", "qsig"),
    "torque": ("qsub", "qstat", "qdel", "qsig"),
    "lsf": ("bsub", "bjobs", "bkill"),
    "htcondor": ("condor_submit", "condor_q", "condor_history", "condor_rm"),
}
SERVER = "fake"


def install(system: str, folder: Path) -> Path:
    """Write a system's commands into a folder; return that of the commands."""
    commands = folder / "bin"
    commands.mkdir(parents=True)
    for name in COMMANDS[system]:
        words = shlex.join([sys.executable, __file__, system, name])
        variable = f"FAKE_BATCH={shlex.quote(str(folder / 'jobs'))}"
        (commands / name).write_text(f'#!/bin/sh\n{variable} exec {words} "$@"\n')
        (commands / name).chmod(0o755)
    return commands


class Refused(Exception):
    """A command fails with this status, and says so."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


# Jobs: a folder for each, with what was asked for, and then how it ended


def jobs_of(number: str) -> list[Path]:
    """Return the folders of a job, or of each in its array."""
    found = HOME.glob(number if "." in number else f"{number}.*")
    return sorted(found, key=lambda path: int(path.suffix[1:]))


def new_number() -> str:
    """Return the number of the next job."""
    HOME.mkdir(exist_ok=True)
    return str(1 + max((int(path.stem) for path in HOME.glob("*.*")), default=0))


def begin(
    number: str, index: int, words: list[str], output: str, env: dict[str, str]
) -> None:
    """Run a job, as if on another host: it goes on when its submitter has ended."""
    folder = HOME / f"{number}.{index}"
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps([words, output, env]))
    command = [sys.executable, __file__, "-", "run", str(folder)]
    subprocess.Popen(
        command,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def run(folder: Path) -> None:
    """Be who watches a job on its host."""
    words, output, env = json.loads((folder / "job.json").read_text())
    with Path(output).open("ab") as file:
        job = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env={**os.environ, **env},
            start_new_session=True,
        )
    write(folder / "pid", str(job.pid))
    write(folder / "end", str(job.wait()))


def write(path: Path, text: str) -> None:
    """Write a file that others see whole, or not at all."""
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").rename(path)


def end_of(folder: Path) -> int | None:
    """Return the exit code of a job; None if it runs, or is yet to."""
    path = folder / "end"
    return int(path.read_text()) if path.exists() else None


def runs(folder: Path) -> bool:
    """Tell whether a job has begun."""
    return (folder / "pid").exists()


def send(folder: Path, signum: int) -> None:
    """Signal all processes of a job; one that has not begun yet begins first."""
    deadline = time.monotonic() + 30
    while not runs(folder) and time.monotonic() < deadline:
        time.sleep(0.01)
    if end_of(folder) is None:
        os.killpg(int((folder / "pid").read_text()), signum)


def directives(text: str, sign: str, known: dict[str, str]) -> dict[str, str]:
    """Return a script's directives by their option; each must match its pattern."""
    found = {}
    if not text.startswith("#!"):
        raise Refused(1, "the script has no shebang")
    for line in re.findall(rf"(?m)^{sign} (.*)$", text):
        option, _, value = line.partition(" ")
        name = f"{option} {value.partition('=')[0]}" if option == "-l" else option
        if not re.fullmatch(known.get(name, r"(?!)"), value):
            raise Refused(1, f"illegal directive: {line}")
        found[name] = value
    return found


# PBS, in both dialects

PBS_DIRECTIVES = {
    "-S": r"/\S+",
    "-N": r"\S{1,15}",
    "-j": "oe",
    "-o": r"/\S+",
    "-V": "",
    "-q": r"\w+",
    "-A": r"\w+",
    "-l walltime": r"walltime=\d+:\d\d:\d\d",
}
DIALECTS = {
    "pbs": {
        **PBS_DIRECTIVES,
        "-J": r"1-\d+",
        "-l select": r"select=1:ncpus=\d+:mpiprocs=\d+(:mem=\d+mb)?",
    },
    "torque": {
        **PBS_DIRECTIVES,
        "-t": r"1-\d+",
        "-l nodes": r"nodes=1:ppn=\d+",
        "-l mem": r"mem=\d+mb",
    },
}
INDEX = {"pbs": ("-J", "PBS_ARRAY_INDEX"), "torque": ("-t", "PBS_ARRAYID")}


def qsub(file: str) -> None:
    """Submit a script."""
    option, variable = INDEX[SYSTEM]
    asked = directives(Path(file).read_text(), "#PBS", DIALECTS[SYSTEM])
    if asked.get("-q", "main") != "main":
        raise Refused(170, "qsub: Unknown queue")
    number = new_number()
    copy = HOME / f"script{number}"
    copy.write_text(Path(file).read_text())
    last = int(asked[option].partition("-")[2]) if option in asked else 0
    for index in range(1, last + 1) if last else [0]:
        part = f"[{index}]" if last else ""
        job = {"PBS_JOBID": f"{number}{part}.{SERVER}", "PBS_NODEFILE": "/nonexistent"}
        env = {**job, **({variable: str(index)} if last else {})}
        begin(number, index, ["/bin/bash", str(copy)], asked["-o"], env)
    print(f"{number}[].{SERVER}" if last else f"{number}.{SERVER}")


def qstat(*words: str) -> None:
    """Tell of jobs in full."""
    *options, job = words
    while options and not options[-1].startswith("-"):
        options.pop()
    history = options == ["-x", "-f", "-t"]
    if options != ["-f", "-t"] and not (history and SYSTEM == "pbs"):
        raise Refused(2, f"usage: qstat {options}")
    if history and (HOME / "no-history").exists():
        raise Refused(1, "qstat: PBS is not configured to maintain job history")
    unknown, finished = [], []
    for job in words[len(options) :]:
        folders = jobs_of(job.partition(".")[0].partition("[")[0])
        unknown += [] if folders else [job]
        has_ended = folders and all(end_of(each) is not None for each in folders)
        if has_ended and SYSTEM == "pbs" and not history:
            finished.append(job)
            continue
        if "[]" in job:
            print(f"Job Id: {job}\n    job_state = B\n    array = True\n")
        for folder in folders:
            print(in_full(folder))
    if unknown:
        raise Refused(153, f"qstat: Unknown Job Id {unknown[0]}")
    if finished:
        raise Refused(35, f"qstat: {finished[0]} Job has finished, use -x or -H to …")


def in_full(folder: Path) -> str:
    """Return what `qstat -f` says of a job."""
    number, _, index = folder.name.partition(".")
    part = f"[{index}]" if index != "0" else ""
    code = end_of(folder)
    state = ("R" if runs(folder) else "Q") if code is None else "C"
    if state == "C" and SYSTEM == "pbs":
        state = "X" if part else "F"
    lines = [
        f"Job Id: {number}{part}.{SERVER}",
        "    Job_Name = ipengines",
        f"    job_state = {state}",
        "    Variable_List = PBS_O_HOME=/root,PBS_O_PATH=/usr/local/bin:/usr/bin:/bin,",
        "\tPBS_O_SHELL=/bin/bash",
    ]
    if code is not None:
        name = "Exit_status" if SYSTEM == "pbs" else "exit_status"
        lines.append(f"    {name} = {code if code >= 0 else 256 - code}")
    return "\n".join([*lines, ""])


def qdel(*ids: str) -> None:
    """End jobs."""
    qsig("-s", "TERM", *ids)


def qsig(option: str, name: str, *ids: str) -> None:
    """Send jobs a signal."""
    for job in ids:
        folders = jobs_of(job.partition(".")[0].partition("[")[0])
        if all(end_of(folder) is not None for folder in folders):
            raise Refused(35, f"Job has finished {job}")
        for folder in folders:
            send(folder, signal.Signals[f"SIG{name}"])


# LSF

BSUB_DIRECTIVES = {
    "-J": r"\w+(\[1-\d+\])?",
    "-oo": r"/\S+",
    "-q": r"\w+",
    "-P": r"\w+",
    "-W": r"\d+",
    "-n": r"\d+",
    "-R": r'"(span\[hosts=1\]|rusage\[mem=\d+\])"',
}


def bsub() -> None:
    """Submit the script that is given."""
    text = sys.stdin.read()
    asked = directives(text, "#BSUB", BSUB_DIRECTIVES)
    queue = asked.get("-q", "main")
    if queue != "main":
        raise Refused(255, f"{queue}: No such queue. Job not submitted.")
    number = new_number()
    copy = HOME / f"script{number}"
    copy.write_text(text)
    array = re.search(r"\[1-(\d+)\]", asked["-J"])
    for index in range(1, int(array[1]) + 1) if array else [0]:
        output = asked["-oo"].replace("%J", number).replace("%I", str(index))
        env = {"LSB_JOBID": number, "LSB_JOBINDEX": str(index)}
        begin(number, index, ["/bin/bash", str(copy)], output, env)
    print(f"Job <{number}> is submitted to queue <{queue}>.")


def bjobs(*words: str) -> None:
    """Tell of jobs in the columns that are asked for."""
    *options, form = words[:4]
    columns = "jobid jobindex stat exit_code exit_reason pend_reason delimiter='|'"
    if options != ["-a", "-noheader", "-o"] or form != columns:
        raise Refused(255, "bjobs: illegal option")
    for job in words[4:]:
        if not (folders := jobs_of(job)):
            raise Refused(255, f"Job <{job}> is not found")
        for folder in folders:
            number, _, index = folder.name.partition(".")
            code = end_of(folder)
            if code is None:
                facts = ["RUN", "-", "-"] if runs(folder) else ["PEND", "-", "-"]
            elif code == 0:
                facts = ["DONE", "-", "-"]
            else:
                said = "TERM_OWNER: job killed by owner;" if code < 0 else "-"
                facts = ["EXIT", str(code if code > 0 else 128 - code), said]
            waits = "New job is waiting for scheduling;" if "PEND" in facts else "-"
            print("|".join([number, index, *facts, waits]))


def bkill(*words: str) -> None:
    """Send jobs a signal: by default one that ends them."""
    name, ids = ("TERM", words) if words[0] != "-s" else (words[1], words[2:])
    for job in ids:
        folders = jobs_of(job)
        if all(end_of(folder) is not None for folder in folders):
            raise Refused(255, f"Job <{job}>: Job has already finished")
        for folder in folders:
            send(folder, signal.Signals[f"SIG{name}"])


# HTCondor

SUBMIT_COMMANDS = {
    "universe": "vanilla",
    "batch_name": r"\w+",
    "executable": r"/\S+",
    "initialdir": r"/.+",
    "getenv": "true",
    "environment": r'"\w+=\$\(Cluster\)\.\$\(Process\)"',
    "output": r"/\S+",
    "error": r"/\S+",
    "stream_output": "true",
    "stream_error": "true",
    "request_cpus": r"\d+",
    "should_transfer_files": "IF_NEEDED",
    "request_memory": r"\d+",
    "allowed_job_duration": r"\d+",
    "accounting_group": r"\w+",
    "+Queue": r'"\w+"',
}


def condor_submit(option: str, file: str) -> None:
    """Submit a description."""
    asked = {}
    *lines, queue = Path(file).read_text().strip().splitlines()
    for line in lines:
        name, _, value = line.partition(" = ")
        if not re.fullmatch(SUBMIT_COMMANDS.get(name, r"(?!)"), value):
            raise Refused(1, f"ERROR: Parse error in expression: {line}")
        asked[name] = value
    if option != "-terse" or not os.access(asked["executable"], os.X_OK):
        raise Refused(1, f"ERROR: {asked['executable']} is not executable")
    number, many = new_number(), int(queue.split()[1])
    for index in range(many):
        output = asked["output"].replace("$(Cluster)", number)
        output = output.replace("$(Process)", str(index))
        variable, _, _ = asked["environment"].strip('"').partition("=")
        env = {variable: f"{number}.{index}"}
        begin(number, index, [asked["executable"]], output, env)
    print(f"{number}.0 - {number}.{many - 1}")


def condor_q(*words: str) -> None:
    """Tell of the jobs that have not ended."""
    tell_of_ads(words, ended=False)


def condor_history(*words: str) -> None:
    """Tell of the jobs that have ended."""
    tell_of_ads(words, ended=True)


def tell_of_ads(words: tuple[str, ...], *, ended: bool) -> None:
    """Print what is known of jobs, as JSON; nothing if none is known."""
    ids = [word for word in words if word.isdecimal()]
    if words[len(ids) : len(ids) + 2] != ("-json", "-attributes"):
        raise Refused(1, f"usage: {words}")
    ads: list[dict[str, Any]] = []
    for folder in [folder for number in ids for folder in jobs_of(number)]:
        code = end_of(folder)
        if ended == (code is not None):
            number, _, index = folder.name.partition(".")
            state = (2 if runs(folder) else 1) if code is None else 4
            ad = {"ClusterId": int(number), "ProcId": int(index), "JobStatus": state}
            if code is not None:
                ad |= {"ExitBySignal": code < 0, "ExitSignal": -code, "ExitCode": code}
            ads.append(ad)
    if ads:
        print(json.dumps(ads))


def condor_rm(*ids: str) -> None:
    """End jobs."""
    for job in ids:
        folders = jobs_of(job)
        if all(end_of(folder) is not None for folder in folders):
            raise Refused(1, f"Couldn't find/remove all jobs in cluster {job}")
        for folder in folders:
            send(folder, signal.SIGTERM)


if __name__ == "__main__":
    SYSTEM, NAME, *WORDS = sys.argv[1:]
    if NAME == "run":
        run(Path(WORDS[0]))
        sys.exit()
    HOME = Path(os.environ["FAKE_BATCH"])
    assert NAME in COMMANDS[SYSTEM]
    try:
        globals()[NAME](*WORDS)
    except Refused as refused:
        print(refused, file=sys.stderr)
        sys.exit(refused.status)

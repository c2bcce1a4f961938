"""How each mpiexec is asked, and what it says when a rank fails."""

from __future__ import annotations

import pytest

from parallel.cluster.launchers.mpiexec import starter_of, told_failure

#: What `--version` says.
VERSIONS = {
    "HYDRA build details:\n    Version:   5.0.2": "MPICH",
    "Intel(R) MPI Library for Linux* OS, Version 2021.11": "MPICH",
    "mpiexec (Open MPI) 5.0.11\n\nReport bugs to …": "Open MPI",
    "mpirun (Open MPI) 4.1.4": "Open MPI",
    "mpiexec (OpenRTE) 4.0.3": "Open MPI",
    "slurm 22.05.8": "srun",
    "somebody's own": "an unknown MPI",
}

MPICH = """\
2026-11-21 22:18:17.565 INFO parallel.ipengine registering
===================================================================================
=   BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES
=   PID 5080 RUNNING AT vm
=   EXIT CODE: 9
=   CLEANING UP REMAINING PROCESSES
=   YOU CAN IGNORE THE BELOW CLEANUP MESSAGES
===================================================================================
YOUR APPLICATION TERMINATED WITH THE EXIT STRING: Killed (signal 9)
This typically refers to a problem with your application.
Please see the FAQ page for debugging suggestions
"""
ABORT = """\
Abort(7) on node 1 (rank 1 in comm 0): application called MPI_Abort(MPI_COMM_WORLD, 7)
"""
LINE = "-" * 74
OPEN_MPI = f"""\
{LINE}
prterun noticed that process rank 1 with PID 19361 on node vm exited on
signal 9 (Killed).
{LINE}
"""
EXIT = f"""\
{LINE}
prterun detected that one or more processes exited with non-zero status,
thus causing the job to be terminated. The first process to do so was:

   Process name: [prterun-vm-29795@1,1]
   Exit code:    16
{LINE}
"""
SLOTS = f"""\
{LINE}
There are not enough slots available in the system to satisfy the 4
slots that were requested by the application:

  python

Either request fewer procs for your application, or make more slots
available for use.
{LINE}
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_a_command_is_known_by_its_version(version: str) -> None:
    assert starter_of(version).name == VERSIONS[version]


def test_each_is_told_in_its_own_words_where_ranks_go() -> None:
    mpich, open_mpi, srun = map(starter_of, ("HYDRA", "Open MPI", "slurm 22"))
    assert mpich.places(8, None, None, None) == []
    assert mpich.places(8, 2, None, None) == ["-ppn", "4"]
    assert mpich.places(8, None, 2, 3) == ["-ppn", "2", "-bind-to", "core:3"]
    assert open_mpi.places(7, 2, None, None) == ["--map-by", "ppr:4:node"]
    assert open_mpi.places(8, None, 4, 2) == ["--map-by", "ppr:4:node:PE=2"]
    assert open_mpi.places(8, None, None, 2) == ["--map-by", "slot:PE=2"]
    assert srun.places(8, 2, 4, 2) == [
        "--nodes=2", "--ntasks-per-node=4", "--cpus-per-task=2",
    ]  # fmt: skip


WATCHED = (
    "12:00:00 ERROR parallel.engine rank 1 of 3 was killed by SIGSEGV (pid 9 on n)"
)
#: Why, in one line.
REASONS = {
    MPICH: "the rank with pid 5080 on vm: Killed (signal 9)",
    ABORT: ABORT.strip(),
    OPEN_MPI: "prterun noticed that process rank 1 with PID 19361 on node vm exited "
    "on signal 9 (Killed).",
    EXIT: "prterun detected that one or more processes exited with non-zero status, "
    "thus causing the job to be terminated. The first process to do so was: Process "
    "name: [prterun-vm-29795@1,1] Exit code: 16",
    SLOTS: "There are not enough slots available in the system to satisfy the 4 slots "
    "that were requested by the application: python",
    f"{WATCHED}\n{MPICH}": "rank 1 of 3 was killed by SIGSEGV (pid 9 on n)",
    "INFO parallel.engine rank 2 of 3 was ended with its MPI world": "",
    "all is well": "",
    "": "",
}


@pytest.mark.parametrize("text", REASONS)
def test_a_failure_is_told_in_one_line(text: str) -> None:
    assert told_failure(text.splitlines())[0] == REASONS[text]


def test_what_ranks_wrote_is_kept_apart_from_what_mpiexec_says() -> None:
    _, others = told_failure((MPICH + OPEN_MPI).splitlines())
    assert others == ["2026-11-21 22:18:17.565 INFO parallel.ipengine registering"]


def test_a_frame_that_does_not_end_is_no_frame() -> None:
    assert told_failure([LINE, "cut here"]) == ("", [LINE, "cut here"])

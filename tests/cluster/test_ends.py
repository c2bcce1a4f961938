"""What is told of a process's log."""

from __future__ import annotations

from pathlib import Path

import pytest

from parallel.cluster.ends import last_lines, lines_since
from parallel.cluster.enginestatus import last_of
from parallel.cluster.launchers.mpiexec import told_failure

#: As Open MPI 5 writes it: after its frame comes a line of nothing but a NUL.
REFUSAL = f"""\
{"-" * 74}
There are not enough slots available in the system to satisfy the 50
slots that were requested by the application:

  /usr/bin/python3

Either request fewer procs for your application, or make more slots
available for use.
{"-" * 74}
\0
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "a.log"
    path.write_text(REFUSAL)
    return path


def test_a_line_of_nothing_but_a_nul_is_not_told(log: Path) -> None:
    lines = lines_since(log, 0)
    why, others = told_failure(lines)
    assert why.startswith("There are not enough slots available")
    assert others == []
    assert last_of(lines) == "-" * 74
    assert "\0" not in last_lines(log, 0)


def test_only_what_came_since_is_told(log: Path) -> None:
    begin = log.stat().st_size
    assert last_lines(log, begin) == ""
    with log.open("a") as file:
        file.write("joined\n")
    assert last_lines(log, begin) == f"\nlast lines of {log}:\n  joined"

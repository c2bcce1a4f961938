"""Cells on the ranks of a world: collectives, errors, and one that hangs."""

from __future__ import annotations

import io
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from parallel import Client, Cluster
from tests.interactive.conftest import Session, in_ipython
from tests.mpi.conftest import PATIENCE
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def session(mpi: Path) -> Iterator[Session]:
    """Start IPython in this process, with a client of two ranks."""
    python = str(mpi / "python")
    cluster = Cluster(n=2, engines="mpi", python=python, engine_timeout=PATIENCE)
    with in_ipython() as shell, cluster as rc:
        rc.activate()
        shell.push({"rc": rc})
        yield Session(shell)


def test_a_cell_is_for_all_ranks_and_one_may_fail(session: Session) -> None:
    shown = session.run("%px MPI.COMM_WORLD.allreduce(10 + mpi_rank)")
    assert "Out[0:1]: 21" in shown
    assert "Out[1:1]: 21" in shown
    shown = session.run(
        "%%px\n"
        "comm = MPI.COMM_WORLD\n"
        "everything = comm.gather(mpi_rank ** 2, root=1)\n"
        "print(mpi_rank, comm.bcast(everything, root=1))"
    )
    assert "0 [0, 1]" in shown
    assert "1 [0, 1]" in shown
    # A rank that raises is shown, and the world goes on.
    shown = session.run("%%px\nmpi_rank / mpi_rank\nprint('went on')")
    assert "[0:execute]" in shown
    assert "ZeroDivisionError" in shown
    assert shown.count("went on") == 1
    assert "Out[1:" in session.run("%px MPI.COMM_WORLD.allreduce(1)")


def press_ctrl_c_twice(session: Session, cell: str) -> str:
    """Run a cell, and interrupt it once it has begun, and again; return what is shown.

    It is to print `begun`, and not to end by the first one.
    """
    shown = io.StringIO()

    def press() -> None:
        for word in ("begun", "Interrupt once more"):
            wait_until(lambda word=word: word in shown.getvalue(), PATIENCE, word)
            os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=press)
    with redirect_stdout(shown), redirect_stderr(shown):
        presser.start()
        session.shell.run_cell(cell)
    presser.join()
    return shown.getvalue()


def test_a_collective_that_hangs_is_told_of_with_what_ends_it(
    session: Session,
) -> None:
    rc = session["rc"]
    assert isinstance(rc, Client)
    (world,) = rc.cluster.engines
    cell = "%%px\nif mpi_rank == 0:\n    print('begun')\n    MPI.COMM_WORLD.barrier()"
    shown = press_ctrl_c_twice(session, cell)
    assert "sending SIGINT to engines [0" in shown  # the other one may be slow
    assert "Interrupted once more: not waiting any more. Engines [0" in shown
    told = f"rc.cluster.restart_engines_sync({world!r})"
    assert f"heeds no interrupt, and {told} begins a new world" in shown
    session.run(told)
    rc.wait_for_engines(2, timeout=PATIENCE)
    assert rc.ids == [2, 3]
    assert "Out[3:" in session.run("%px MPI.COMM_WORLD.allreduce(1)")

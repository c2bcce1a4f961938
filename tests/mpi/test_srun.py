"""Ranks that `srun` starts, on nodes of the testbed's Slurm."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parallel import EngineError
from tests.mpi.conftest import PATIENCE, World, beds
from tests.mpi.test_failures import ended, leave, meet
from tests.mpi.test_worlds import add_up
from tests.testbeds import variables_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

#: How srun is told to start MPICH.
PMI2 = ["--mpi=pmi2", "--overcommit"]


def node() -> str:
    return os.environ["SLURMD_NODENAME"]


@pytest.fixture(params=["MPICH"])  # Slurm's pmix needs a library that is not here
def mpi(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have Slurm's commands find it; return the folder of the commands of an MPI."""
    for name, value in variables_of("slurm").items():
        monkeypatch.setenv(name, value)
    return Path(beds()[request.param]) / "bin"


def test_srun_starts_one_world_on_two_nodes_and_ends_it_when_a_rank_fails(
    world: World,
) -> None:
    launcher = world.launch(4, mpi_cmd=["srun"], mpi_args=PMI2, nodes=2)
    rc = world.engines(4)
    assert rc[:]["mpi_rank"] == [0, 1, 2, 3]
    assert rc[:].apply_sync(add_up, 1) == [4] * 4
    assert len(set(rc[:].apply_sync(node))) == 2
    waits = rc[2].apply_async(meet)
    with pytest.raises(EngineError, match=r"(?s)status 3 .*rank 1 of 4.*had enough"):
        rc[1].apply_async(leave, 3).get(PATIENCE)
    with pytest.raises(EngineError):
        waits.get(PATIENCE)
    assert "rank 1 of 4 exited with status 3" in ended(launcher).reason


#: A heap that is full of chance, with holes for what comes later.
UNLUCKY = """#!{python}
import os, runpy, sys

sys.heap = [[os.urandom(n) for _ in range(8000)] for n in (550, 700, 1000, 1300)]
for each in sys.heap:
    del each[::8]
sys.argv = sys.argv[2:]
runpy.run_module("parallel.engine", run_name="__main__", alter_sys=True)
"""


def test_ranks_start_whatever_is_in_their_memory(world: World, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(UNLUCKY.format(python=world.commands / "python"))
    python.chmod(0o755)
    world.launch(2, mpi_cmd=["srun"], mpi_args=PMI2, nodes=2, python=str(python))
    assert world.engines(2)[:].apply_sync(add_up, 1) == [2, 2]

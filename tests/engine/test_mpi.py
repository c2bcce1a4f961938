"""Joining an MPI world, with a stand-in for MPI: `tests/mpi` has the real ones."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from parallel.engine import mpi
from parallel.engine.mpi import SIZES, STARTERS, join_world, place_on_host
from parallel.errors import LauncherError


class Communicator(types.SimpleNamespace):
    """As `MPI.COMM_WORLD`, of a single process that takes itself for one of many."""

    def bcast(self, value: Any) -> Any:
        """Return what rank 0 says."""
        return value or b"of rank 0"

    def barrier(self) -> None:
        """Wait for nobody."""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    prefixes = tuple(prefix for prefix, _ in STARTERS)
    for name in [name for name in mpi.os.environ if name.startswith(prefixes)]:
        monkeypatch.delenv(name)
    for name in SIZES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Communicator:
    found = Communicator(rank=0, size=1)
    library = types.SimpleNamespace(
        COMM_WORLD=found,
        Get_library_version=lambda: "MPICH Version: 5.0\n…",
        Is_finalized=lambda: True,
    )
    monkeypatch.setattr(mpi, "_import_mpi", lambda: library)
    return found


def test_the_ranks_of_a_world_have_one_token(world: Communicator) -> None:
    assert len(join_world().token) == 16
    world.rank, world.size = 2, 4
    joined = join_world(4)
    assert (joined.rank, joined.size, joined.token) == (2, 4, b"of rank 0")
    assert joined.names()["mpi_rank"] == 2
    assert joined.names()["MPI"].COMM_WORLD is world


def test_another_size_than_asked_for_is_told(world: Communicator) -> None:
    with pytest.raises(LauncherError) as caught:
        join_world(4)
    assert "4 ranks were asked for, but rank 0 on" in str(caught.value)
    assert "each is a world of its own" in str(caught.value)
    assert "MPICH Version: 5.0" in str(caught.value)


def test_who_is_alone_though_many_were_started_is_told_so(
    world: Communicator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "3")
    with pytest.raises(LauncherError, match=r"3 ranks were .* by Open MPI's mpiexec"):
        join_world()


def test_srun_without_mpi_is_told_with_what_to_do(
    world: Communicator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    with pytest.raises(LauncherError, match=r"by srun, .*--mpi=pmi2"):
        join_world()


def test_a_step_with_fewer_tasks_than_ranks_is_believed_nothing(
    world: Communicator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")  # it started the daemons of 8
    world.size = 8
    assert join_world().size == 8


def test_a_missing_mpi4py_is_told_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(LauncherError, match=r"needs mpi4py on .* 'parallel\[mpi\]'"):
        join_world()


@pytest.mark.parametrize(
    "name", ["OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"]
)
def test_a_rank_knows_its_place_on_its_host(name: str) -> None:
    assert place_on_host({name: "3"}) == 3
    assert place_on_host({}) == 0

"""Engines as the ranks of an MPI world, by each MPI of `scripts/testbeds/mpi`."""

from __future__ import annotations

import functools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parallel import Client, EngineError, TimeoutError
from parallel.cluster.launchers.mpi import MPILauncher
from parallel.cluster.launchers.program import ENGINES, Program
from parallel.cluster.watching import tell_job
from parallel.transport.locations import connection_file, profile_dir
from tests.commands import running
from tests.testbeds import variables_of

#: Seconds that ranks have to come up, however busy the host is.
PATIENCE = 90


@functools.cache
def beds() -> dict[str, str]:
    """Return the folder of each MPI's environment."""
    return variables_of("mpi")


@pytest.fixture(params=["MPICH", "OPENMPI"])
def mpi(request: pytest.FixtureRequest) -> Path:
    """Return the folder of the commands of an environment with an MPI."""
    return Path(beds()[request.param]) / "bin"


class World:
    """A controller, and what starts the ranks of worlds for it."""

    def __init__(self, commands: Path) -> None:
        self.commands = commands
        self.folder = profile_dir()
        self.client = Client(timeout=PATIENCE)
        self._launchers: list[MPILauncher] = []

    def launch(self, n: int, **options: Any) -> MPILauncher:
        """Start so many ranks as a set of engines; do not wait for them."""
        name = f"set{len(self._launchers)}"
        program = Program(
            role=ENGINES, profile_dir=str(self.folder), cluster_id="", set_id=name
        )
        options = {"python": str(self.commands / "python"), **options}
        launcher = MPILauncher(program, **options)
        self._launchers.append(launcher)
        launcher.start(n)
        return launcher

    def engines(self, n: int) -> Client:
        """Return the client, once it knows so many engines; tell why if it does not."""
        try:
            self.client.wait_for_engines(n, timeout=PATIENCE)
        except (EngineError, TimeoutError) as error:
            jobs = [(each, job) for each in self._launchers for job in each.jobs()]
            told = [tell_job(each.identifier, each, job) for each, job in jobs]
            raise AssertionError("\n".join([str(error), *told])) from error
        return self.client

    def close(self) -> None:
        """End all ranks."""
        for launcher in self._launchers:
            launcher.stop()
        self.client.close()


@pytest.fixture
def world(mpi: Path) -> Iterator[World]:
    """Start a controller."""
    with running("ipcontroller") as controller:
        controller.wait_for("listening on")
        file = connection_file(profile_dir(), "", "client")
        assert file.exists()
        made = World(mpi)
        try:
            yield made
        finally:
            made.close()
            controller.end()
            # Open MPI leaves it where its mpiexec was killed.
            for folder in Path(tempfile.gettempdir()).glob("ompi.*"):
                shutil.rmtree(folder, ignore_errors=True)

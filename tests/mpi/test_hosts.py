"""Worlds of several hosts, on which mpiexec starts ranks by ssh."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from traitlets.config import Config

from parallel import Cluster, EngineError
from tests.mpi.conftest import PATIENCE
from tests.mpi.test_failures import leave
from tests.mpi.test_worlds import add_up
from tests.system.hosts import HERE, hosts, why_not
from tests.system.test_ssh_clusters import login_at
from tests.testbeds import need

pytestmark = [pytest.mark.slow, pytest.mark.system, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make h1 and h2, which let a key in; give a command that logs in there."""
    need("hosts", why_not())
    with hosts(2) as network, contextlib.ExitStack() as stack:
        first = stack.enter_context(login_at(network, "h1", None))
        key = first.folder / "sshd" / "key"
        second = stack.enter_context(login_at(network, "h2", key))
        folder = tmp_path_factory.mktemp("ssh")
        config, command = folder / "config", folder / "ssh"
        config.write_text(first.config.read_text() + second.config.read_text())
        command.write_text(f'#!/bin/sh\nexec ssh -F {config} "$@"\n')
        command.chmod(0o755)
        yield command


def config(mpi: Path, ssh: Path) -> Config:
    """Return how each mpiexec is told to start ranks on h1 and h2."""
    if mpi.parent.name == "mpich":
        more = ["-launcher-exec", str(ssh), "-localhost", HERE]
        words = ["-hosts", "h1:2,h2:2", "-launcher", "ssh", *more]
    else:
        agent = ["--prtemca", "plm_ssh_agent", str(ssh)]
        words = ["--host", "h1:2,h2:2", *agent]
    found = Config()
    found.MPIEngineSetLauncher = Config(mpi_args=words, python=str(mpi / "python"))
    return found


def test_ranks_of_two_hosts_are_one_world(mpi: Path, ssh: Path) -> None:
    cluster = Cluster(
        n=4,
        engines="mpi",
        ip=HERE,
        engine_timeout=PATIENCE,
        config=config(mpi, ssh),
    )
    with cluster as rc:
        view = rc[:]
        assert view["mpi_rank"] == rc.ids == [0, 1, 2, 3]
        assert view.apply_sync(socket.gethostname) == ["h1", "h1", "h2", "h2"]
        assert view.apply_sync(add_up, 1) == [4] * 4
        with pytest.raises(EngineError, match=r"(?s)status 3 .* on h2\).*rank 3 of 4"):
            rc[3].apply_async(leave, 3).get(PATIENCE)

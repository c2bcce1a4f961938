"""A host that one logs in to starts engines in its batch system; all end together."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from traitlets.config import Config

from parallel import Client, Cluster, EngineError
from tests import ROOT
from tests.commands import run, running
from tests.integration.tasks import add
from tests.system.sshd import sshd
from tests.testbeds import variables_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.system, pytest.mark.timeout(300)]


@pytest.fixture
def slurm(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the variables of a real Slurm, which are set here, too."""
    variables = variables_of("slurm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
def there(slurm: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the profile's folder of a login host of it."""
    with sshd() as head:
        monkeypatch.setenv("PARALLEL_SSH", " ".join(head.command))
        yield Path(os.environ["IPYTHONDIR"]) / "there"


def config(there: Path, slurm: dict[str, str], *words: str) -> Config:
    found = Config()
    found.SSHProxyEngineSetLauncher = Config(
        hostname="testbed",
        remote_profile_dir=str(there),
        environment={"PYTHONPATH": str(ROOT), **slurm},
        ipcluster_args=["--engines=slurm", *words],
    )
    return found


def on_node() -> str:
    return os.environ["SLURMD_NODENAME"]


def jobs() -> str:
    """Return the names of the jobs that the system has."""
    return subprocess.check_output(["squeue", "-h", "-o", "%j"], text=True)


def test_engines_behind_a_login_host_are_jobs(
    there: Path, slurm: dict[str, str]
) -> None:
    own = config(there, slurm, "--SlurmLauncher.nodes=2")
    with Cluster(
        n=2, engines="sshproxy", config=own, cluster_id="far", engine_timeout=120
    ) as rc:
        assert rc[:].apply_sync(add, 1) == [2, 2]
        assert len(set(rc[:].apply_sync(on_node))) == 2
    wait_until(lambda: "far" not in jobs(), what="the end of its jobs")


def test_what_the_batch_system_says_no_to_is_told(
    there: Path, slurm: dict[str, str]
) -> None:
    own = config(there, slurm, "--queue=nowhere")
    cluster = Cluster(n=2, engines="sshproxy", config=own, engine_timeout=60)
    with pytest.raises(EngineError, match=r"sbatch.*invalid partition") as caught:
        cluster.start_and_connect_sync()
    assert "exited with status 1" in str(caught.value)


def test_engines_of_a_launcher_end_with_their_command(slurm: dict[str, str]) -> None:
    with running("ipcontroller --ip=*") as controller:
        controller.wait_for("listening")
        with Client() as rc, running("ipcluster engines -n 2 --engines=slurm") as own:
            rc.wait_for_engines(2, timeout=120)
            assert rc[:].apply_sync(add, 1) == [2, 2]
            own.end()
            wait_until(lambda: not rc.ids, what="their end")
        controller.end()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("-n 2 --engines=slrum", "there is no launcher 'slrum'"),
        ("--engines=slurm", "Slurm has to know how many engines"),
        ("-n 2 --engines=slurm --file=-", "engines of a launcher need a file"),
        ("-n 2 --queue=main", "--queue is for a launcher: --engines= says which"),
        ("-n 2 --engines=slurm --qeue=main", "did you mean --queue?"),
    ],
)
def test_a_command_line_that_cannot_be(words: str, why: str) -> None:
    assert why in run(f"ipcluster engines {words}", status=1)[1]

"""A cluster whose engines, or controller, run on hosts that one logs in to."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config

from parallel import Client, Cluster, EngineError, LauncherError
from tests import ROOT
from tests.system.hosts import Hosts, hosts
from tests.system.sshd import sshd
from tests.system.versions import make_other_version
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.system,
    pytest.mark.usefixtures("_several_hosts"),
]

#: What the hosts' Python is to find, which has no environment of ours.
FINDS = {"PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def logins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Make h1 and h2, which let a key in; give the command that logs in there."""
    with hosts(2) as network, contextlib.ExitStack() as stack:
        first = stack.enter_context(login_at(network, "h1", None))
        key = first.folder / "sshd" / "key"
        second = stack.enter_context(login_at(network, "h2", key))
        config = tmp_path_factory.mktemp("ssh") / "config"
        config.write_text(first.config.read_text() + second.config.read_text())
        yield f"ssh -F {config}"


def login_at(network: Hosts, name: str, key: Path | None) -> Any:
    at = partial(network.words, name)
    return sshd(name, network.address(name), 22, key=key, on_host=at)


@pytest.fixture(autouse=True)
def _know_them(logins: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARALLEL_SSH", logins)


def config(there: Path, **more: Any) -> Config:
    """Return the options of a cluster on both hosts, which see no file of ours."""
    found = Config()
    own = {"hosts": ["h1", "h2"], "remote_profile_dir": str(there), **more}
    found.SSHEngineSetLauncher = Config(environment=FINDS, **own)
    return found


def left_on_hosts() -> list[str]:
    """Return the commands of agents of hosts that run."""
    said = subprocess.run(["ps", "-eo", "args="], capture_output=True, text=True)
    mark = f"--profile-dir={os.environ['IPYTHONDIR']}"
    return [line for line in said.stdout.splitlines() if mark in line]


def on_host() -> str:
    return socket.gethostname()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def there() -> Iterator[Path]:
    """Return the profile's folder of the hosts."""
    folder = Path(os.environ["IPYTHONDIR"]) / "there"
    yield folder
    wait_until(lambda: not left_on_hosts(), 60, "the end of all on the hosts")


@pytest.fixture
def rc(there: Path) -> Iterator[Client]:
    """Start two engines on each host."""
    with Cluster(n=4, engines="ssh", config=config(there)) as client:
        yield client


def test_engines_run_on_all_hosts(rc: Client, there: Path) -> None:
    assert sorted(rc[:].apply_sync(on_host)) == ["h1", "h1", "h2", "h2"]
    assert not list(there.glob("security/*")), "they were told of the controller"


def test_an_engine_that_dies_there_is_told_of_and_replaced(rc: Client) -> None:
    where = rc[0].apply_sync(on_host)
    with pytest.raises(EngineError, match=rf"was killed by SIGKILL .* on {where}\)"):
        rc[0].apply_sync(die)
    rc.wait_for_engines(4, timeout=60)
    assert sorted(rc[:].apply_sync(on_host)) == ["h1", "h1", "h2", "h2"]


def owner(there: Path, *lines: str, **options: Any) -> subprocess.Popen[bytes]:
    """Start a process that has a cluster of two engines."""
    own = dict(config(there)["SSHEngineSetLauncher"])
    script = [
        "import time",
        "from traitlets.config import Config",
        "from parallel import Cluster",
        f"config = Config({{'SSHEngineSetLauncher': {own!r}}})",
        f"cluster = Cluster(n=2, engines='ssh', config=config, **{options!r})",
        *lines,
    ]
    return subprocess.Popen(
        [sys.executable, "-c", "\n".join(script)], stdout=subprocess.PIPE, cwd=ROOT
    )


def test_a_cluster_is_found_again_and_stopped(there: Path) -> None:
    first = owner(
        there, "cluster.start_cluster_sync()", cluster_id="c", shutdown_atexit=False
    )
    first.communicate(timeout=100)
    assert first.returncode == 0
    cluster = Cluster.from_file(cluster_id="c")
    with cluster.connect_client_sync() as client:
        client.wait_for_engines(2, timeout=60)
        assert sorted(client[:].apply_sync(on_host)) == ["h1", "h2"]
    cluster.stop_cluster_sync()


def test_nothing_is_left_by_an_owner_that_is_killed(there: Path) -> None:
    first = owner(
        there,
        "rc = cluster.start_and_connect_sync()",
        "print(rc.ids, flush=True)",
        "time.sleep(600)",
    )
    assert first.stdout is not None
    assert first.stdout.readline() == b"[0, 1]\n"
    first.kill()
    first.communicate()


def test_a_controller_may_be_on_another_host(there: Path) -> None:
    own = config(there)
    own.SSHControllerLauncher = Config(
        hostname="h1", remote_profile_dir=str(there), environment=FINDS
    )
    own.SSHEngineSetLauncher.hosts = ["h2"]
    with Cluster(n=1, engines="ssh", controller="ssh", config=own) as rc:
        assert rc[:].apply_sync(on_host) == ["h2"]
        assert rc[0].apply_sync(sum, [1, 2]) == 3


def test_one_host_may_start_the_engines_in_its_own_way(there: Path) -> None:
    own = Config()
    own.SSHProxyEngineSetLauncher = Config(
        hostname="h2",
        remote_profile_dir=str(there),
        environment=FINDS,
        ipcluster_args=["--labels=proxied"],
    )
    with Cluster(n=2, engines="sshproxy", config=own) as rc:
        assert rc[:].apply_sync(on_host) == ["h2", "h2"]
        view = rc.load_balanced_view()
        with view.temp_flags(labels=["proxied"]):
            assert view.apply_sync(on_host) == "h2"
        assert len(list(there.glob("security/ipcontroller-*-engine.json"))) == 1
    wait_until(lambda: not list(there.glob("security/*")), what="the file's end")


# What cannot be


def said(there: Path, **options: Any) -> str:
    with pytest.raises((LauncherError, EngineError)) as caught:
        Cluster(
            n=2, engines="ssh", config=config(there, **options), engine_timeout=60
        ).start_and_connect_sync()
    return str(caught.value)


def test_a_python_without_the_package(there: Path, tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    bare.chmod(0o755)
    why = said(there, python=str(bare))
    assert "No module named" in why
    assert "on h1): install the package there, or have python= name one" in why


def test_engines_of_another_version(there: Path, tmp_path: Path) -> None:
    other = make_other_version(tmp_path / "other")
    why = said(there, prologue=[f"export PYTHONPATH={other}"])
    assert "refused: " in why
    assert "release" in why or "protocol" in why


def test_a_host_that_is_none(there: Path) -> None:
    why = said(there, hosts=["h1", "far.invalid"])
    assert "Could not resolve hostname far.invalid" in why

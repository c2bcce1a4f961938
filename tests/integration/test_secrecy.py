"""Nobody else sees a cluster's keys, or gets what belongs to its processes."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import stat
import subprocess
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from zmq.utils import z85

from parallel import Client, Cluster, ConnectionRefused, RemoteError
from parallel.transport.keys import Keys
from tests.commands import run as run_command
from tests.integration.tasks import divide

pytestmark = pytest.mark.slow

PROC = Path("/proc")


@pytest.fixture(
    scope="module", params=["ipc-fork", "tcp-fork", "ipc-spawn", "tcp-spawn"]
)
def cluster(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Start two engines, in each of the ways."""
    transport, method = request.param.split("-")
    with Cluster(
        n=2, transport=transport, start_method=method, cluster_id="x"
    ) as client:
        yield client


def forms(secret: str) -> Iterator[bytes]:
    """Yield what a secret may look like: as text, and as the bytes that it stands for.

    These as they are, and in the common alphabets; a repr and JSON escape none.
    """
    is_hex = len(secret) == 32
    for raw in (secret.encode(), (bytes.fromhex if is_hex else z85.decode)(secret)):
        yield raw
        yield raw.hex().encode()
        yield raw.hex().upper().encode()
        yield base64.b64encode(raw).rstrip(b"=")
        yield base64.urlsafe_b64encode(raw).rstrip(b"=")
        yield repr(raw)[2:-1].encode()


def secrets_of(keys: Keys) -> dict[str, list[bytes]]:
    """Return each secret of a cluster, by its name, in all its forms."""
    found = {f"the {role}s' word": word for role, word in keys.secrets.items()}
    found |= {f"the {role}s' key": pair.secret for role, pair in keys.pairs.items()}
    found["the controller's key"] = keys.server.secret
    return {name: list(forms(secret)) for name, secret in found.items()}


def seen(client: Client, text: bytes) -> list[str]:
    """Return the names of the secrets of a client's cluster that are in a text."""
    secrets = secrets_of(client.cluster.controller.keys)
    return [
        name for name, each in secrets.items() if any(form in text for form in each)
    ]


def provoke(client: Client) -> str:
    """Have many things said that could name a key; return what was said here."""
    said = [repr(client), str(client.cluster), repr(client.cluster)]
    with contextlib.suppress(RemoteError):
        client[0].apply_sync(divide, 1, 0)
    folder = Path(client.cluster.profile_dir, "security")
    engines = json.loads((folder / "ipcontroller-x-engine.json").read_text())
    try:
        Client(engines)
    except ConnectionRefused:
        said.append(traceback.format_exc())
    said += [repr(client.cluster._info), repr(client.cluster.controller.keys)]
    said += run_command("ipcluster list --output=json")
    return "\n".join(said)


def test_no_key_is_said(cluster: Client) -> None:
    said = provoke(cluster)
    assert "ConnectionRefused" in said
    assert seen(cluster, said.encode()) == []


def test_no_key_is_in_a_command_line_or_an_environment(cluster: Client) -> None:
    pids = [path for path in PROC.iterdir() if path.name.isdecimal()]
    looked = 0
    for path in pids:
        for name in ("cmdline", "environ", "comm"):
            with contextlib.suppress(OSError):
                text = (path / name).read_bytes()
                looked += bool(text)
                assert seen(cluster, text) == [], path / name
    assert looked >= 3 * 4  # agent, controller, two engines, and whoever else


def test_each_key_is_in_its_own_connection_file_only(cluster: Client) -> None:
    provoke(cluster)
    mine = cluster.cluster
    own: dict[str, list[str]] = {}
    for folder in (Path(mine.profile_dir), Path(mine.record.runtime_dir)):
        for path in folder.rglob("*"):
            if path.is_file() and (found := seen(cluster, path.read_bytes())):
                own[path.name] = found
    kinds = ("word", "key") if mine.transport == "tcp" else ("word",)
    assert own == {
        f"ipcontroller-x-{role}.json": [f"the {role}s' {kind}" for kind in kinds]
        for role in ("client", "engine")
    }


def list_descriptors() -> list[str]:
    """Return the descriptors of a program that this process starts, unless told not to.

    The last is the one by which it lists them.
    """
    done = subprocess.run(
        "ls /proc/self/fd", shell=True, close_fds=False, capture_output=True, text=True
    )
    return done.stdout.split()


def test_what_users_code_starts_gets_no_descriptors(cluster: Client) -> None:
    assert cluster[:].apply_sync(list_descriptors) == [["0", "1", "2", "3"]] * 2


def test_what_users_code_starts_is_told_no_key(cluster: Client) -> None:
    def environment() -> bytes:
        return repr(os.environ).encode()

    for text in cluster[:].apply_sync(environment):
        assert b"IPP_CLUSTER_ID" in text
        assert seen(cluster, text) == []


SHOW_MODES = """
    import contextlib, os, stat, sys
    from pathlib import Path
    from parallel import Cluster

    os.umask(int(sys.argv[1]))
    with Cluster(n=1, cluster_id="x", start_method=sys.argv[2]) as rc:
        own = rc.cluster
        for folder in (Path(own.profile_dir), Path(own.record.runtime_dir)):
            for path in (folder, *folder.rglob("*")):
                # SQLite has a journal for a moment, until it writes ahead.
                with contextlib.suppress(FileNotFoundError):
                    print(oct(stat.S_IMODE(path.lstat().st_mode)), path.name)
        status = rc[0].apply_sync(Path("/proc/self/status").read_text)
        print(oct(int(status.split("Umask:")[1].split()[0], 8)), "umask")
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777], ids=oct)
def test_all_files_are_their_owners_only_whatever_the_umask(
    run: Callable[..., str], umask: int, method: str
) -> None:
    lines = run(SHOW_MODES, umask, method).splitlines()
    modes = {name: mode for mode, _, name in (line.partition(" ") for line in lines)}
    assert modes.pop("umask") == oct(umask)  # what users' code makes is its own affair
    folders = {"profile_default", "security", "log", "pid", "startup"}
    runtime = {name for name in modes if name.startswith("parallel-")}
    assert {*folders, *runtime, "tasks-x.db", "ipagent-x.log", "c"} <= {*modes}
    for name, mode in modes.items():
        assert mode == ("0o700" if name in folders | runtime else "0o600"), name


def test_logs_that_others_could_read_become_private(tmp_path: Path) -> None:
    profile = tmp_path / "profile_old"
    (profile / "log").mkdir(parents=True)
    logs = [profile / f"log/{name}-x.log" for name in ("ipagent", "ipcontroller")]
    for log in logs:
        log.touch(0o666)
        log.chmod(0o666)
    with Cluster(n=1, profile_dir=str(profile), cluster_id="x"):
        assert {stat.S_IMODE(log.stat().st_mode) for log in logs} == {0o600}

"""An sshd of the tests' own, on this host or on one that is a network namespace."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.testbeds import need

__all__ = ["Sshd", "need_sshd", "sshd"]

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "testbeds" / "sshd"


def need_sshd() -> None:
    """Skip the test where there is no sshd, or see that there is one."""
    found = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    need("sshd", "" if found else f"there is no sshd: {SCRIPT} install")


@dataclass(frozen=True)
class Sshd:
    """One that runs: what its clients need."""

    folder: Path
    name: str
    address: str
    port: int

    @property
    def config(self) -> Path:
        """The settings with which `ssh -F` logs in by its name."""
        return self.folder / "sshd" / "ssh_config"

    @property
    def command(self) -> list[str]:
        """An ssh that knows it."""
        return ["ssh", "-F", str(self.config)]

    @property
    def home(self) -> Path:
        """The home of those who are logged in."""
        return self.folder / "sshd" / "home"

    def log(self) -> str:
        """Return what it has said."""
        return (self.folder / "sshd" / "log").read_text(errors="replace")

    def sessions(self) -> list[int]:
        """Return the processes that carry who is logged in."""
        main = (self.folder / "sshd" / "pid").read_text().strip()
        said = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", main], capture_output=True, text=True
        )
        return [int(pid) for pid in said.stdout.split()]


@contextlib.contextmanager
def sshd(
    name: str = "testbed",
    address: str = "127.0.0.1",
    port: int = 0,
    more: str = "",
    key: Path | None = None,
    on_host: Callable[[list[str]], list[str]] = list,
) -> Iterator[Sshd]:
    """Run an sshd while the block lasts.

    Parameters
    ----------
    more
        More lines of its settings.
    key
        The key that it lets in; by default one of its own.
    on_host
        Gives the command that runs another one on its host.
    """
    need_sshd()
    # Not in the folder of the test: the paths of sockets have to be short.
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="sshd-") as folder:
        found = Sshd(Path(folder), name, address, port or free_port())
        settings = {
            "TESTBEDS": folder,
            "SSHD_NAME": name,
            "SSHD_ADDRESS": address,
            "SSHD_PORT": str(found.port),
            "SSHD_MORE": more,
        } | ({} if key is None else {"SSHD_KEY": str(key)})

        def do(what: str) -> None:
            subprocess.run(
                on_host([str(SCRIPT), what]),
                env={**os.environ, **settings},
                check=True,
                stdin=subprocess.DEVNULL,
                timeout=60,
            )

        try:
            do("start")
            yield found
        finally:
            do("stop")


def free_port() -> int:
    """Return a port of this host that nobody listened at just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port

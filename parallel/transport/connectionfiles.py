"""Connection files: written by a controller, waited for and read by those who join."""

from __future__ import annotations

import re
import shlex
import stat
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from ..errors import ConnectionRefused, ControllerUnreachable
from ..protocol.connection import ConnectionInfo, from_json, to_json
from .locations import connection_file
from .privatefiles import write_private

__all__ = ["read_connection_file", "write_connection_files"]


def write_connection_files(folder: Path, infos: list[ConnectionInfo]) -> list[Path]:
    """Write the connection files of a cluster; return their paths."""
    paths = []
    for info in infos:
        path = connection_file(folder, info.cluster_id, info.role)
        write_private(path, to_json(info))
        paths.append(path)
    return paths


def read_connection_file(path: Path, timeout: float = 0.0) -> ConnectionInfo:
    """Return what a connection file says, waiting for it up to `timeout` seconds.

    Raises
    ------
    ControllerUnreachable
        It did not come.
    ConnectionRefused
        It is no connection file of this package, or cannot be read.
    """
    deadline = time.monotonic() + timeout
    told = False
    while True:
        try:
            info = from_json(path.read_bytes(), str(path))
            _warn_if_shown(path)
            return info
        except FileNotFoundError:
            if time.monotonic() >= deadline:
                raise ControllerUnreachable(_missing(path, timeout)) from None
            if not told and timeout > 1:
                told = True
                print(f"Waiting for connection file: {path} ({timeout:g} s at most)")
            time.sleep(0.02)
        except OSError as error:
            raise ConnectionRefused(f"cannot read {path}: {error.strerror}") from error


def _warn_if_shown(path: Path) -> None:
    mode = path.stat().st_mode
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        warnings.warn(
            f"every user of this host can read {path}, and so run code as the user of "
            f"its cluster: `chmod 600 {shlex.quote(str(path))}`",
            RuntimeWarning,
            stacklevel=3,
        )


def _missing(path: Path, timeout: float) -> str:
    others = sorted(path.parent.glob("ipcontroller*-client.json"))
    there = ", ".join(f"{each.name} ({_client_line(each)})" for each in others)
    return (
        f"no connection file {path} after {timeout:g} s. Is a cluster of this profile "
        f"and cluster id running? Start one with `{_start_line(path)}`; "
        f"files found there: {there or 'none'}"
    )


def _start_line(file: Path) -> str:
    """Return the command that would start the cluster of a connection file."""
    options = (f"--{name.replace('_', '-')}={value}" for name, value in _names(file))
    return " ".join(["ipcluster start", *options])


def _client_line(file: Path) -> str:
    """Return what would connect to the cluster of a connection file."""
    return f"Client({', '.join(f'{name}={value!r}' for name, value in _names(file))})"


def _names(file: Path) -> Iterator[tuple[str, str]]:
    """Yield what tells the cluster of a connection file from the usual one."""
    profile = file.parent.parent.name.removeprefix("profile_")
    if file.parent.parent.name == f"profile_{profile}" and profile != "default":
        yield "profile", profile
    found = re.fullmatch("ipcontroller-(.+)-[a-z]+", file.stem)
    if found:
        yield "cluster_id", found[1]

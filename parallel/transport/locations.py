"""Where things are: profile folders, connection files, the folder of sockets.

Profiles live where IPython's live, so that one `--profile` means one place to both.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
import tempfile
import time
import warnings
from pathlib import Path

from ..errors import ConnectionRefused, ControllerUnreachable, LauncherError
from ..protocol.connection import ConnectionInfo, from_json, to_json
from .folders import (
    close_to_others,
    is_open_to_all,
    keep_from_writing,
    make_folder,
)

__all__ = [
    "cluster_file",
    "connection_file",
    "ipython_dir",
    "log_file",
    "make_profile",
    "make_runtime_dir",
    "profile_dir",
    "read_connection_file",
    "record_file",
    "write_connection_files",
    "write_private",
]

#: A folder of sockets begins with this, so that a left one is known for ours.
RUNTIME_PREFIX = "parallel-"


def ipython_dir(given: str | os.PathLike[str] | None = None) -> Path:
    """Return IPython's folder: as given, `$IPYTHONDIR`, or `~/.ipython`."""
    found = given or os.environ.get("IPYTHONDIR") or Path.home() / ".ipython"
    return Path(found).expanduser().absolute()


def profile_dir(
    profile: str | None = None,
    *,
    folder: str | os.PathLike[str] | None = None,
    ipython: str | os.PathLike[str] | None = None,
) -> Path:
    """Return a profile's folder: the one named, or given outright.

    Parameters
    ----------
    profile
        A profile's name; `default` if neither this nor a folder is given.
    folder
        The folder itself; wins over a name. `$IPP_PROFILE_DIR` stands for it in
        processes that a launcher started.
    """
    if folder is None and not profile:
        folder = os.environ.get("IPP_PROFILE_DIR") or None
    if folder is not None:
        return Path(folder).expanduser().absolute()
    return ipython_dir(ipython) / f"profile_{profile or 'default'}"


def make_profile(folder: Path) -> Path:
    """Make a profile's folders where they lack; return the profile's.

    Raises
    ------
    LauncherError
        They cannot be made, or the one of the keys is another user's.
    """
    subfolders = [folder / sub for sub in ("security", "log", "pid", "startup")]
    for each in (folder, *subfolders):
        make_folder(each)
        keep_from_writing(each)
    close_to_others(folder / "security")
    return folder


def connection_file(folder: Path, cluster_id: str, role: str) -> Path:
    """Return the path of a connection file."""
    tag = f"-{cluster_id}" if cluster_id else ""
    return folder / "security" / f"ipcontroller{tag}-{role}.json"


def cluster_file(folder: Path, cluster_id: str) -> Path:
    """Return the path of the file that tells of a running cluster."""
    return folder / "security" / f"cluster-{cluster_id}.json"


def record_file(folder: Path, cluster_id: str) -> Path:
    """Return the path of the database of a cluster's tasks."""
    tag = f"-{cluster_id}" if cluster_id else ""
    return folder / f"tasks{tag}.db"


def log_file(folder: Path, name: str, cluster_id: str) -> Path:
    """Return the path of a process's log."""
    tag = f"-{cluster_id}" if cluster_id else ""
    return folder / "log" / f"{name}{tag}.log"


def write_private(path: Path, text: bytes) -> None:
    """Write a file that only its owner can read, whatever the umask; all or nothing.

    Raises
    ------
    LauncherError
        It cannot be written: why, and what to do.
    """
    try:
        _write_private(path, text)
    except OSError as error:
        raise LauncherError(
            f"cannot write {path}: {error.strerror}. See to that, or choose another "
            "folder (--profile-dir, profile_dir=)"
        ) from error


def _write_private(path: Path, text: bytes) -> None:
    make_folder(path.parent)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)  # mkstemp's mode, but for the umask
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink()
        raise


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
                print(f"Waiting for connection file: {path}")
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
    there = ", ".join(p.name for p in others) or "none"
    return (
        f"no connection file {path} after {timeout:g} s. Is a cluster of this profile "
        f"and cluster id running? Start one with `{_start_line(path)}`; "
        f"files found there: {there}"
    )


def _start_line(file: Path) -> str:
    """Return the command that would start the cluster of a connection file."""
    profile = file.parent.parent.name.removeprefix("profile_")
    words = ["ipcluster start"]
    if file.parent.parent.name == f"profile_{profile}" and profile != "default":
        words.append(f"--profile={profile}")
    found = re.fullmatch("ipcontroller-(.+)-[a-z]+", file.stem)
    if found:
        words.append(f"--cluster-id={found[1]}")
    return " ".join(words)


def make_runtime_dir() -> Path:
    """Make a 0700 folder for sockets, with a path short enough for them.

    A unix socket's path has 107 bytes at the most.

    Raises
    ------
    LauncherError
        It cannot be made, or others could put theirs in its place.
    """
    above = Path(tempfile.gettempdir())
    if is_open_to_all(above):
        raise LauncherError(
            f"everybody can replace what is in {above}, also the sockets of clusters: "
            f"`chmod +t {above}`, or let TMPDIR name another folder"
        )
    try:
        folder = Path(tempfile.mkdtemp(prefix=RUNTIME_PREFIX))
    except OSError as error:
        raise LauncherError(
            f"cannot make a folder for sockets in {above}: {error.strerror}. See to "
            "that, or let TMPDIR name another folder"
        ) from error
    folder.chmod(0o700)  # the umask may have taken from it
    return folder

"""What `ipcontroller` leaves for the next one of its profile and cluster id."""

from __future__ import annotations

import glob
import logging
import os
import socket
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ..errors import LauncherError
from ..transport.folders import is_open_to_all
from ..transport.keys import Keys
from ..transport.pids import start_time
from ..transport.privatefiles import write_private

__all__ = [
    "LastRun",
    "last_runs",
    "read_last_run",
    "remake_runtime_dir",
    "roster_file",
]

log = logging.getLogger("parallel.cluster")

FORMAT = "parallel-last-run-1"


class LastRun(msgspec.Struct, frozen=True, kw_only=True):
    """A controller that was run by hand: its keys, and where it listened.

    Parameters
    ----------
    pid, started
        Its process, and the start time that tells it from a later one of its pid.
    """

    cluster_id: str
    profile_dir: str
    epoch: int
    urls: list[str]
    keys: Keys
    location: str
    runtime_dir: str
    host: str
    pid: int
    started: int
    format: str = FORMAT

    def is_running(self) -> bool:
        """Tell whether it is alive; of another host, it is believed to be gone."""
        is_here = self.host == socket.gethostname()
        return is_here and start_time(self.pid) == self.started

    def write(self) -> None:
        """Write it down, for its owner alone."""
        path = _path(Path(self.profile_dir), self.cluster_id)
        write_private(path, msgspec.json.format(msgspec.json.encode(self)) + b"\n")

    def forget(self) -> None:
        """Remove what was written down."""
        folder = Path(self.profile_dir)
        for path in (
            _path(folder, self.cluster_id),
            roster_file(folder, self.cluster_id),
        ):
            path.unlink(missing_ok=True)
            # What a controller that was killed had only begun to write.
            for begun in path.parent.glob(f".{glob.escape(path.name)}-*"):
                begun.unlink(missing_ok=True)


def _path(folder: Path, cluster_id: str) -> Path:
    tag = f"-{cluster_id}" if cluster_id else ""
    return folder / "security" / f"controller{tag}.json"


def roster_file(folder: Path, cluster_id: str) -> Path:
    """Return the path of the roster of a controller that is run by hand."""
    tag = f"-{cluster_id}" if cluster_id else ""
    return folder / "security" / f"roster{tag}.json"


def read_last_run(folder: Path, cluster_id: str) -> LastRun | None:
    """Return what the last controller of a profile left, or None if it left nothing.

    Raises
    ------
    LauncherError
        It cannot be read.
    """
    path = _path(folder, cluster_id)
    try:
        last = msgspec.json.decode(path.read_bytes(), type=LastRun)
        if last.format != FORMAT:
            raise msgspec.ValidationError(f"its format is {last.format!r}")
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError, OSError) as error:
        raise LauncherError(
            f"{path}, with the keys of the last controller, cannot be read: {error}. "
            "Remove it, and start without --reuse and --restore: connection files are "
            "then written anew"
        ) from error
    return last


def last_runs(folder: Path, cluster_ids: Sequence[str] = ()) -> list[LastRun]:
    """Return the controllers that were started by hand, and run on this host.

    Parameters
    ----------
    cluster_ids
        Those that are meant; by default all of the profile.
    """
    paths = sorted((folder / "security").glob("controller*.json"))
    there = [each.stem.removeprefix("controller").removeprefix("-") for each in paths]
    found = []
    for cluster_id in cluster_ids or there:
        try:
            last = read_last_run(folder, cluster_id)
        except LauncherError as error:
            log.warning("%s", error)
            continue
        if last is not None and last.is_running():
            found.append(last)
    return found


def remake_runtime_dir(folder: Path) -> None:
    """Make an earlier controller's folder of sockets again, if it is gone.

    Raises
    ------
    LauncherError
        It cannot be made, or what is there is not this user's alone.
    """
    why = ""
    try:
        folder.mkdir(0o700)
        folder.chmod(0o700)  # the umask may have taken from it
    except FileExistsError:
        found = folder.lstat()
        if not folder.is_dir() or folder.is_symlink() or found.st_uid != os.geteuid():
            why = "something else is in its place"
        elif found.st_mode & 0o077:
            why = "others can enter it"
    except OSError as error:
        why = str(error.strerror)
    if not why and is_open_to_all(folder.parent):
        why = f"everybody can replace what is in {folder.parent}"
    if why:
        raise LauncherError(
            f"the folder of the last controller's socket, {folder}, cannot be used "
            f"again: {why}. See to that, or start without --reuse and --restore"
        )

"""What is known of a running cluster on disk: its file in the profile's folder."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import msgspec

from ..transport.locations import cluster_file, ipython_dir, write_private

__all__ = [
    "ClusterRecord",
    "profile_folders",
    "read_record",
    "records_of",
    "start_time",
]


class ClusterRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A running cluster, as another process can find it.

    Parameters
    ----------
    pid, started
        The agent's process, and the start time that tells it from a later one of
        the same pid (clock ticks since boot; 0 where that cannot be known).
    """

    cluster_id: str
    profile_dir: str
    runtime_dir: str
    host: str
    pid: int
    started: int
    n: int
    urls: list[str] = []
    launcher: str = "Local"

    @property
    def path(self) -> Path:
        """The file that tells of it."""
        return cluster_file(Path(self.profile_dir), self.cluster_id)

    def is_running(self) -> bool:
        """Tell whether its agent is alive; of another host, it is believed to be."""
        if self.host != socket.gethostname():
            return True
        return start_time(self.pid) == self.started

    def write(self) -> None:
        """Write its file."""
        write_private(self.path, msgspec.json.format(msgspec.json.encode(self)) + b"\n")


def start_time(pid: int) -> int | None:
    """Return when a living process started; None if there is none of that pid.

    A dead one that its parent has not waited for is dead.
    """
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except FileNotFoundError:
        return None if os.path.isdir("/proc/self") else _start_time_elsewhere(pid)
    # proc_pid_stat(5): the third field is the state, the 22nd the start time.
    return None if fields[0] in "ZX" else int(fields[19])


def _start_time_elsewhere(pid: int) -> int | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return 0


def read_record(path: Path) -> ClusterRecord | None:
    """Return what a cluster file says, or None when there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=ClusterRecord)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def records_of(folder: Path) -> list[ClusterRecord]:
    """Return the running clusters of a profile; files of dead ones are removed."""
    found = []
    for path in sorted((folder / "security").glob("cluster-*.json")):
        record = read_record(path)
        if record is not None and record.is_running():
            found.append(record)
        elif record is not None:
            path.unlink(missing_ok=True)
    return found


def profile_folders() -> list[Path]:
    """Return the folders of all profiles."""
    return sorted(p for p in ipython_dir().glob("profile_*") if p.is_dir())

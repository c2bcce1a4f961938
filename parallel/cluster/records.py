"""What is known of a running cluster on disk: its file in the profile's folder."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shlex
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ..errors import LauncherError
from ..transport.holding import RUNTIME_PREFIX
from ..transport.keys import ROLES
from ..transport.locations import cluster_file, connection_file, ipython_dir
from ..transport.pids import start_time
from ..transport.privatefiles import write_private

__all__ = [
    "ClusterRecord",
    "LaunchRecord",
    "profile_folders",
    "read_record",
]


log = logging.getLogger("parallel.cluster")

#: A file of ours has one of these keys; those of ipyparallel have neither.
OURS = {"runtime_dir", "format"}


class LaunchRecord(
    msgspec.Struct, frozen=True, kw_only=True, rename={"launcher": "class"}
):
    """What a launcher has started, so that another process can find it again.

    Parameters
    ----------
    launcher
        The name of its class, or the dotted path to it.
    n
        The engines that were asked for; None for a controller.
    let_go
        How many of them each job has lost as they were let go.
    arguments
        The words that its command was given, beside those of every such command.
    options
        Those that the launcher was given, as far as they are not its defaults.
    state
        What finds its processes, or jobs.
    """

    launcher: str = "local"
    n: int | None = None
    let_go: dict[str, int] = {}
    arguments: list[str] = []
    options: dict[str, Any] = {}
    state: dict[str, Any] = {}


class ClusterRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A running cluster, as another process can find it.

    Parameters
    ----------
    pid, started
        The agent's process, and the start time that tells it from a later one of
        the same pid (clock ticks since boot; 0 where that cannot be known).
    urls
        Where its controller listens; none while it starts.
    controller, controller_started
        The controller's process, likewise; 0 while the first one starts.
    epoch
        The how manieth controller that is.
    elsewhere
        What started its controller, where that is not an agent of this host: then
        there is no pid.
    sets
        Its engines, by the ids of their sets.
    options
        What its next engines are started with.
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
    controller: int = 0
    controller_started: int = 0
    epoch: int = 1
    elsewhere: LaunchRecord | None = None
    sets: dict[str, LaunchRecord] = {}
    #: When it was started, seconds since 1970.
    born: float = 0.0
    options: dict[str, Any] = {}

    @property
    def path(self) -> Path:
        """The file that tells of it."""
        return cluster_file(Path(self.profile_dir), self.cluster_id)

    @property
    def is_here(self) -> bool:
        """Whether it runs on this host."""
        return self.host == socket.gethostname()

    def is_running(self) -> bool:
        """Tell whether its controller is alive; of another host, it is believed to be.

        An agent may be killed, and leave its controller and engines at work.
        """
        if self.elsewhere is not None or not self.is_here:
            return True
        return self.has_agent() or self.has_controller()

    def has_agent(self) -> bool:
        """Tell whether its agent is alive, on this host."""
        return self.pid != 0 and start_time(self.pid) == self.started

    def has_controller(self) -> bool:
        """Tell whether its controller is alive, on this host."""
        if not self.controller:
            return False
        return start_time(self.controller) == self.controller_started

    def has_sets_elsewhere(self) -> bool:
        """Tell whether it has engines that no agent's controller takes along."""
        return any("agent" not in each.state for each in self.sets.values())

    def awaits_controller(self) -> bool:
        """Tell whether its controller is to come up elsewhere, and is not there yet."""
        return self.elsewhere is not None and not self.urls

    def is_restarting(self) -> bool:
        """Tell whether its controller has died, and another is about to come up."""
        known = self.is_here and self.controller != 0
        return known and self.has_agent() and not self.has_controller()

    def claim(self) -> bool:
        """Write its file, unless a running cluster has one there; tell whether so.

        Of several processes that start the same cluster at once, one gets it.

        Raises
        ------
        LauncherError
            The files that it would write are there, and of another program.
        """
        with _alone_in(self.path.parent):
            _refuse_foreign(self)
            other = read_record(self.path)
            if other is not None:
                if other.is_running():
                    return False
                other._remove_runtime_dir()
            self.write()
            return True

    def amend(self, **changes: Any) -> ClusterRecord:
        """Change some of what its file says, if it is there; return all of it.

        The cluster's owner, its agent, and others have something to say there.
        """
        return self.amend_by(lambda _: changes)

    def amend_by(
        self, change: Callable[[ClusterRecord], Mapping[str, Any]]
    ) -> ClusterRecord:
        """Change it likewise, by what it says until then."""
        with _alone_in(self.path.parent):
            known = read_record(self.path)
            before = known or self
            amended = msgspec.structs.replace(before, **change(before))
            if known is not None:
                amended.write()
        return amended

    def write(self) -> None:
        """Write its file."""
        write_private(self.path, msgspec.json.format(msgspec.json.encode(self)) + b"\n")

    def remove(self) -> None:
        """Remove its folder of sockets, and its file unless a later cluster has it."""
        self._remove_runtime_dir()
        with contextlib.suppress(FileNotFoundError), _alone_in(self.path.parent):
            other = read_record(self.path)
            if other is None or other.is_same(self):
                self.path.unlink()

    def is_same(self, other: ClusterRecord) -> bool:
        """Tell whether two records are of one run of a cluster."""
        return (self.host, self.pid, self.started, self.born) == (
            other.host, other.pid, other.started, other.born
        )  # fmt: skip

    def _remove_runtime_dir(self) -> None:
        """Remove what an agent that was killed has left."""
        folder = Path(self.runtime_dir)
        if self.is_here and folder.name.startswith(RUNTIME_PREFIX):
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes from changing a folder's cluster files meanwhile."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # somebody has removed it, and what was in it
        yield
        return
    try:
        with contextlib.suppress(OSError):  # a network's file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _refuse_foreign(record: ClusterRecord) -> None:
    """Raise if another program, such as ipyparallel, has files in our places."""
    folder = Path(record.profile_dir)
    for path in (
        record.path,
        *(connection_file(folder, record.cluster_id, role) for role in ROLES),
    ):
        with contextlib.suppress(FileNotFoundError, ValueError):
            found = json.loads(path.read_bytes())
            if isinstance(found, dict) and not OURS & found.keys():
                raise LauncherError(
                    f"{path} is of another program: does a cluster of ipyparallel run "
                    "under this profile and cluster id? Stop it, or remove the file if "
                    "it is a left-over, or choose another profile or cluster id"
                )


def read_record(path: Path, *, strict: bool = False) -> ClusterRecord | None:
    """Return what a cluster file says, or None when there is none.

    Parameters
    ----------
    strict
        A damaged one is an error, too; else it is told, and counts as none.

    Raises
    ------
    LauncherError
        It cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=ClusterRecord)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        words = f"{path} is damaged, and of no use: {error}. {_without_it(path)}"
        if strict:
            raise LauncherError(words) from error
        log.warning("%s", words)
        return None
    except OSError as error:
        raise LauncherError(f"cannot read {path}: {error.strerror}") from error


def _without_it(path: Path) -> str:
    """Say how a cluster is stopped that is not known by its file any more."""
    cluster_id = path.stem.removeprefix("cluster-")
    client = connection_file(path.parent.parent, cluster_id, "client")
    if not client.exists():
        return f"Nor is there {client}, so its cluster has ended: remove the file"
    name = json.dumps(str(client))
    stop = f"from parallel import Client; Client({name}).shutdown(hub=True)"
    return (
        f"If its cluster runs, `python3 -c {shlex.quote(stop)}` stops it; remove the "
        "file then"
    )


def profile_folders(ipython: str | os.PathLike[str] | None = None) -> list[Path]:
    """Return the folders of all profiles, by default those of the user."""
    return sorted(p for p in ipython_dir(ipython).glob("profile_*") if p.is_dir())

"""A controller that a launcher starts: until its connection files are here."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

from ..errors import ControllerUnreachable, LauncherError
from ..protocol.connection import ConnectionInfo
from ..transport.connectionfiles import read_connection_file
from ..transport.keys import ROLES
from ..transport.locations import connection_file
from .launchers.launcher import Launcher
from .launchers.program import CONTROLLER, Program
from .options import ClusterOptions, ControllerOptions
from .records import ClusterRecord
from .watching import CONTROLLER_NAME, Watch

__all__ = ["controller_program", "forget_last", "new_record", "wait_for_controller"]

#: A controller by a launcher of another package has so long to come up, seconds.
PATIENCE = 60.0


def controller_program(cluster: ClusterOptions) -> Program:
    """Return the controller of a cluster as a program that runs anywhere."""
    words = ["--transport=tcp", f"--ip={cluster.ip or '*'}"]
    words += [f"--port={cluster.port}"] if cluster.port else []
    if cluster.controller_location:
        words.append(f"--location={cluster.controller_location}")
    for name, trait in ControllerOptions.class_own_traits(config=True).items():
        value = getattr(cluster, name)
        if value != trait.default():
            words.append(f"--IPController.{name}={value}")
    return Program(
        role=CONTROLLER,
        profile_dir=cluster.profile_dir,
        cluster_id=cluster.cluster_id,
        arguments=words,
    )


def new_record(cluster: ClusterOptions, **facts: Any) -> ClusterRecord:
    """Return the record of a cluster without an agent."""
    return ClusterRecord(
        cluster_id=cluster.cluster_id,
        profile_dir=cluster.profile_dir,
        runtime_dir="",
        host=socket.gethostname(),
        pid=0,
        started=0,
        n=0,
        born=time.time(),
        **facts,
    )


def forget_last(cluster: ClusterOptions) -> None:
    """Remove the connection files of an earlier controller."""
    for role in ROLES:
        folder = Path(cluster.profile_dir)
        connection_file(folder, cluster.cluster_id, role).unlink(missing_ok=True)


def wait_for_controller(launcher: Launcher) -> ConnectionInfo:
    """Wait for a controller's connection files; return the clients'.

    The time that it waits in a queue does not count.

    Raises
    ------
    LauncherError
        It ended, or the files do not come.
    """
    program = launcher.program
    folder = Path(program.profile_dir)
    files = [connection_file(folder, program.cluster_id, role) for role in ROLES]
    patience: float = getattr(launcher, "connection_info_timeout", PATIENCE)
    watch = Watch({CONTROLLER_NAME: launcher})
    deadline = time.monotonic() + patience
    while True:
        watch.look()
        if watch.failed or watch.is_over:
            words = "\n".join(watch.failed or watch.ended)
            raise LauncherError(f"the controller did not come up: {words}")
        if watch.queued:
            deadline = time.monotonic() + patience
        launcher.fetch()
        try:
            infos = [read_connection_file(file) for file in files]
            return next(info for info in infos if info.role == "client")
        except ControllerUnreachable:
            pass
        if time.monotonic() > deadline:
            raise LauncherError(
                f"the controller's connection files {files[0]} and {files[1].name} are "
                f"not here after {patience:g} s. Is the folder on a file system that "
                "this host and the controller's share? connection_info_timeout waits "
                f"longer\n{launcher.get_output()}".rstrip()
            )
        time.sleep(0.05)

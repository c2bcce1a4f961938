"""How engines find their controller: by a connection file, or by what they are told."""

from __future__ import annotations

import contextlib
import os
import select
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

from ..errors import ConnectionRefused, ControllerUnreachable
from ..protocol.connection import ConnectionInfo, from_json
from ..transport.connectionfiles import read_connection_file
from ..transport.locations import connection_file
from ..transport.probing import is_elsewhere, reach

__all__ = ["STDIN", "find_controller", "server_for", "way_to"]

#: In the place of a file's name: the connection file's text comes by standard input.
STDIN = "-"
#: Holds the text of the connection file where no file is shared; the launchers of this
#: package never set it, for others may see a job's variables.
VARIABLE = "IPP_CONNECTION_INFO"


def find_controller(
    folder: Path, cluster_id: str, file: str, timeout: float
) -> ConnectionInfo:
    """Return what lets engines in.

    Parameters
    ----------
    folder, cluster_id
        Of the profile and of the cluster, whose file it is unless one is given, or
        `$IPP_CONNECTION_INFO` has what it says.
    file
        A connection file, or `-`.
    timeout
        Seconds to wait for it.

    Raises
    ------
    ControllerUnreachable
        It did not come.
    ConnectionRefused
        It is none of this package, or for clients.
    """
    path = Path(file) if file else connection_file(folder, cluster_id, "engine")
    told = os.environ.pop(VARIABLE, "")  # it is for nobody that this process starts
    if told and not file:
        path = Path(f"${VARIABLE}")
        info = from_json(told.encode(), f"what ${VARIABLE} says")
    elif file == STDIN:
        info = from_json(_read_stdin(timeout), "what came by standard input")
    else:
        with contextlib.redirect_stdout(sys.stderr):  # that it waits
            info = read_connection_file(path, timeout)
    if info.role != "engine":
        raise ConnectionRefused(
            f"{path} is for a {info.role}: an engine needs the file "
            "ipcontroller-engine.json that was written beside it"
        )
    return info


@contextlib.contextmanager
def way_to(
    info: ConnectionInfo, server: str, key: str, timeout: float
) -> Iterator[ConnectionInfo]:
    """Give what leads to the controller while the block lasts.

    Parameters
    ----------
    server, key
        A host to go through by ssh, and the file of a key for it; '' for what the
        connection file says.

    Raises
    ------
    ControllerUnreachable
        None of its addresses answers, or ssh cannot log in.
    """
    server = server_for(info, server)
    if not server:
        yield reach(info, timeout)
        return
    from ..transport.tunnel import Tunnel  # seldom needed

    with contextlib.closing(Tunnel(info, server, key)) as tunnel:
        yield tunnel.reach(timeout)


def server_for(info: ConnectionInfo, given: str) -> str:
    """Return the host to go through by ssh: the given one, or the file's; '' for none.

    The controller's own host needs none.
    """
    return given or (info.ssh if is_elsewhere(info) else "")


def _read_stdin(timeout: float) -> bytes:
    """Return all that comes by standard input.

    Who was to say it may be gone, and the connection not broken off.
    """
    found: list[bytes] = []
    deadline = monotonic() + timeout
    while select.select([sys.stdin], [], [], max(0.0, deadline - monotonic()))[0]:
        part = os.read(sys.stdin.fileno(), 1 << 16)
        if not part:
            return b"".join(found)
        found.append(part)
    raise ControllerUnreachable(
        f"the connection file did not come by standard input within {timeout:g} s"
    )

"""Where a client's cluster is: from what the user gave, or from what a profile says."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from ..errors import NotAvailable
from ..protocol.connection import ConnectionInfo, from_json
from ..transport.connectionfiles import read_connection_file
from ..transport.locations import connection_file, profile_dir
from ..transport.probing import say_loopback

__all__ = ["check_options", "find", "read", "warn_of_loopback"]

#: What ipyparallel's clients hand on to their session: ours has none of it.
SESSION_OPTIONS = {
    *("adapt_version", "auth", "bsession", "buffer_threshold", "check_pid", "config"),
    *("copy_threshold", "curve_publickey", "curve_secretkey", "curve_serverkey"),
    *("digest_history", "digest_history_size", "item_threshold", "key", "keyfile"),
    *("log", "metadata", "none", "pack", "packer", "parent", "session"),
    *("signature_scheme", "unpack", "unpacker", "username"),
}


def find(
    profile: str | None = None,
    folder: str | Path | None = None,
    ipython: str | Path | None = None,
    cluster_id: str | None = None,
) -> Path:
    """Return the path of the connection file of a profile's cluster."""
    where = profile_dir(profile, folder=folder, ipython=ipython)
    if cluster_id is None:  # on an engine: its own cluster
        cluster_id = os.environ.get("IPP_CLUSTER_ID", "")
    return connection_file(where, cluster_id, "client")


def read(given: Any, timeout: float) -> ConnectionInfo:
    """Return what a connection file says; wait for it up to `timeout` seconds.

    Parameters
    ----------
    given
        Its path, or what it says as a dict.

    Raises
    ------
    ValueError
        It is a bare address.
    ControllerUnreachable, ConnectionRefused
        See `read_connection_file`.
    """
    if isinstance(given, ConnectionInfo):
        return given
    if isinstance(given, Mapping):
        return from_json(msgspec.json.encode(dict(given)), "the dict given")
    if isinstance(given, str) and "://" in given:
        raise ValueError(
            f"{given!r} is an address: a client needs a connection file, with its keys"
        )
    return read_connection_file(Path(given).expanduser(), timeout)


def check_options(
    options: Mapping[str, Any], password: str | None, paramiko: bool | None
) -> None:
    """Refuse what would be left out without a word.

    Raises
    ------
    NotAvailable
        A tunnel is asked for that is not made by the system's ssh and a key.
    TypeError
        An option is none, not even of another package's session.
    """
    if password or paramiko:
        asked = "password=…" if password else "paramiko=True"
        raise NotAvailable(
            f"Client({asked}): tunnels are made by the system's ssh, and it asks "
            "nobody. "
            "Let it log in by a key: ssh-keygen, ssh-copy-id, and Client(sshserver=…, "
            "sshkey=…), or `ssh-add` for a key with a passphrase"
        )
    unknown = sorted(set(options) - SESSION_OPTIONS)
    if unknown:
        known = ("profile", "profile_dir", "ipython_dir", "cluster_id", "timeout")
        near = get_close_matches(unknown[0], (*known, "connection_info", "cluster"), 1)
        hint = f": did you mean {near[0]}?" if near else ""
        raise TypeError(f"Client() takes no argument {unknown[0]!r}{hint}")


def warn_of_loopback(info: ConnectionInfo) -> None:
    """Warn if a controller is on another host, and listens to that host only."""
    why = say_loopback(info)
    if why:
        warnings.warn(why, RuntimeWarning, stacklevel=4)

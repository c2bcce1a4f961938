"""Makes the engine that this process is a kernel, if it is one."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

__all__ = ["BoundKernel", "bind_kernel"]

#: Binds the engine that this process is: to a connection file, and an address.
current: Callable[[Path, str], Path] | None = None


class BoundKernel(NamedTuple):
    """Where the kernel of an engine is found."""

    connection_file: str
    host: str
    pid: int

    def __repr__(self) -> str:
        return (
            f"an engine on {self.host} (pid {self.pid}) is a kernel: there,\n"
            f"    jupyter console --existing {self.connection_file}"
        )


def bind_kernel(ip: str = "", connection_file: str | None = None) -> BoundKernel:
    """Let consoles and notebooks connect to the engine that this is called in.

    Cells run between tasks, with the names of the engine. Who calls it twice gets
    the same kernel, which ends with its engine.

    Parameters
    ----------
    ip
        Where to listen by TCP, such as `"127.0.0.1"`, for `jupyter console --ssh`. If
        empty there is no port: only its owner can connect, on the same host.
    connection_file
        Its path; by default `kernel-PID.json` where Jupyter looks for such files.

    Raises
    ------
    RuntimeError
        This is no engine.
    NotAvailable
        IPython is not installed here.
    """
    if current is None:
        raise RuntimeError(
            "bind_kernel() makes a kernel of an engine, and this process is none: "
            "call it there, as in rc[0].apply_sync(parallel.bind_kernel)"
        )
    named = Path(connection_file or f"kernel-{os.getpid()}.json").expanduser()
    path = named if named.is_absolute() else _runtime_folder() / named
    return BoundKernel(str(current(path, ip)), socket.gethostname(), os.getpid())


def _runtime_folder() -> Path:
    try:
        from jupyter_core.paths import jupyter_runtime_dir
    except ImportError:
        return Path(tempfile.gettempdir())
    return Path(jupyter_runtime_dir())

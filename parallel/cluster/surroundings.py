"""What the package's processes are started with: programs, variables, logs."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from ..errors import LauncherError
from ..transport.logs import open_log_file

__all__ = ["environment_with_package", "log_to_write", "modules_here", "program_of"]


def environment_with_package(modules: Sequence[str] = ()) -> dict[str, str]:
    """Return this process's environment, in which this package can be imported.

    Parameters
    ----------
    modules
        More folders in which modules are to be found.
    """
    environment = dict(os.environ)
    home = str(Path(__file__).resolve().parents[2])
    more = [] if home in _INSTALLED else [home]
    known = environment.get("PYTHONPATH", "").split(os.pathsep)
    more += [folder for folder in modules if folder != home]
    parts = [*filter(None, known), *(part for part in more if part not in known)]
    if parts:
        environment["PYTHONPATH"] = os.pathsep.join(parts)
    return environment


_INSTALLED = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))


def modules_here() -> list[str]:
    """Return where this process finds modules, for engines to look there too."""
    return [str(Path(folder or ".").absolute()) for folder in sys.path]


def log_to_write(log: Path) -> int:
    """Return the descriptor of a process's log.

    Raises
    ------
    LauncherError
        It cannot be written.
    """
    try:
        return open_log_file(log)
    except OSError as error:
        raise LauncherError(f"cannot write {log}: {error.strerror}") from error


def program_of(module: str) -> str:
    """Return the text of a program that runs a module's `main`.

    Unlike `-m`, it loads nothing anew that the package has loaded, and finds our
    modules before what stands in the working folder, such as somebody's `parallel.py`.
    """
    return (
        "import sys; path = [*sys.path]; sys.path[:] = filter(None, path); "
        f"from {module} import main; sys.path[:] = path; main()"
    )

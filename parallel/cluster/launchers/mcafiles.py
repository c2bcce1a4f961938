"""The files in which users and sites tell Open MPI its settings."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

__all__ = ["is_set_in_files"]

#: The folder of the system's own settings: Linux distributions put them there.
SYSTEM = Path("/etc")
#: What a site's file is called.
SITE = "openmpi-mca-params.conf"


def is_set_in_files(name: str, mpiexec: str) -> bool:
    """Tell whether a user or a site has set a variable: one of this process would win.

    Parameters
    ----------
    name
        The variable: `OMPI_MCA_` and the setting.
    mpiexec
        Open MPI's command, beside which its site's file is.
    """
    line = re.compile(rf"\s*{name.removeprefix('OMPI_MCA_')}\s*=", re.ASCII)
    return any(map(line.match, _lines(mpiexec)))


def _lines(mpiexec: str) -> Iterator[str]:
    files = [Path("~/.openmpi/mca-params.conf").expanduser()]
    files += SYSTEM.glob(f"openmpi*/{SITE}")
    found = shutil.which(mpiexec)
    if found is not None:
        files.append(Path(found).resolve().parents[1] / "etc" / SITE)
    for file in files:
        try:
            yield from file.read_text(errors="replace").splitlines()
        except OSError:  # few are there
            continue

"""Virtual environments for what is not installed beside us."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.catalogue import Contestant

#: The checkout that is measured.
ROOT = Path(__file__).resolve().parents[2]

#: Seconds for one installation.
PATIENCE = 900


class InstallationFailed(RuntimeError):
    """An environment could not be made."""


class Environments:
    """Makes environments in a folder, each once, and says which Python to use.

    Parameters
    ----------
    folder
        Where they stand.  What is found there complete is used again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def python(self, contestant: Contestant) -> str:
        """Return the interpreter for a system, its environment made if need be."""
        if not contestant.requirements:
            return sys.executable
        return self.make(contestant.name, contestant.requirements)

    def make(self, name: str, requirements: tuple[str, ...]) -> str:
        """Return the interpreter of an environment with these requirements."""
        home = self.folder.resolve() / name
        python = str(home / "bin" / "python")
        ready = home / "installed.json"
        wanted = json.dumps(requirements)
        if ready.exists() and ready.read_text(encoding="utf-8") == wanted:
            return python
        print(f"installing {', '.join(requirements)} …", file=sys.stderr)
        self.folder.mkdir(parents=True, exist_ok=True)
        run([sys.executable, "-m", "venv", "--clear", str(home)])
        run([python, "-m", "pip", "install", "--quiet", *requirements])
        ready.write_text(wanted, encoding="utf-8")
        return python


def run(command: list[str]) -> None:
    """Run one step of an installation.

    Raises
    ------
    InstallationFailed
        With the last lines that the command said.
    """
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            env=environment,
            check=True,
        )
    except subprocess.SubprocessError as error:
        said = str(getattr(error, "output", None) or "").splitlines()[-5:]
        raise InstallationFailed("\n".join([str(error), *said])) from error

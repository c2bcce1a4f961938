"""Launchers, under the names by which users know them.

`SlurmEngineSetLauncher`, `SSHControllerLauncher` and so on are found here too: each
module of launchers is imported when one of its classes is asked for.
"""

from __future__ import annotations

from typing import Any

from ..errors import LauncherError, NotRunning
from .launchers.job import Job
from .launchers.launcher import Launcher
from .launchers.program import Program
from .launchers.registry import class_named, find_launcher
from .launchers.roles import ControllerLauncher, EngineLauncher

__all__ = [
    "BaseLauncher",
    "ControllerLauncher",
    "EngineLauncher",
    "Job",
    "Launcher",
    "LauncherError",
    "NotRunning",
    "Program",
    "find_launcher",
]

BaseLauncher = Launcher


def __getattr__(name: str) -> Any:
    return class_named(name)

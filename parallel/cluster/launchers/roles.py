"""What launchers have in common that start a controller, or engines."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import msgspec
from traitlets import Float, List, Unicode

from ...transport.connectionfiles import read_connection_file
from .launcher import Launcher
from .program import CONTROLLER, Program

__all__ = ["ControllerLauncher", "EngineLauncher", "class_for_role"]


class EngineLauncher(Launcher):
    """Starts engines."""

    engine_args = List(
        Unicode(), help="More arguments for the command that starts the engines."
    ).tag(config=True)

    def __init__(self, program: Program, **options: Any) -> None:
        super().__init__(program, **options)
        words = [*program.arguments, *self.engine_args]
        self.program = msgspec.structs.replace(program, arguments=words)

    def kept_options(self) -> dict[str, Any]:
        """Return its options; the program has its `engine_args` by now."""
        # Not left out: else a configuration file would have them said twice.
        return {**super().kept_options(), "engine_args": []}


class ControllerLauncher(Launcher):
    """Starts a controller."""

    controller_args = List(
        Unicode(), help="More arguments for the command that starts the controller."
    ).tag(config=True)
    connection_info_timeout = Float(
        60.0, min=0, help="Seconds to wait for the controller's connection files."
    ).tag(config=True)

    def __init__(self, program: Program, **options: Any) -> None:
        super().__init__(program, **options)
        words = [*program.arguments, *self.controller_args]
        self.program = msgspec.structs.replace(program, arguments=words)

    def kept_options(self) -> dict[str, Any]:
        """Return its options; the program has its `controller_args` by now."""
        # Not left out: else a configuration file would have them said twice.
        return {**super().kept_options(), "controller_args": []}

    async def get_connection_info(
        self, timeout: float | None = None
    ) -> dict[str, dict[str, Any]]:
        """Return what the connection files say, for `client` and for `engine`.

        Parameters
        ----------
        timeout
            Seconds to wait for them; by default `connection_info_timeout`.

        Raises
        ------
        ControllerUnreachable
            They did not come.
        """
        import asyncio

        seconds = self.connection_info_timeout if timeout is None else timeout
        found = {}
        for role, path in self.connection_files.items():
            read = functools.partial(read_connection_file, Path(path), seconds)
            found[role] = msgspec.to_builtins(await asyncio.to_thread(read))
        return found


def class_for_role(base: type[Launcher], name: str, role: str) -> type[Launcher]:
    """Return the class of a launcher for one role, under the name that users know.

    Parameters
    ----------
    base
        The launcher, which runs any program.
    name
        What the class is called, also in configuration files.
    role
        `controller` or `engines`.
    """
    own = ControllerLauncher if role == CONTROLLER else EngineLauncher
    what = "the controller" if role == CONTROLLER else "engines"
    said = (base.__doc__ or "").strip().partition("\n")[0]
    body = {"__doc__": f"Starts {what}: {said}", "__module__": base.__module__}
    return type(name, (own, base), body)

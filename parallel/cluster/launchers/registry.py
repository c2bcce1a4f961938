"""Which launchers there are, by name: those of the package, and others' entry points.

The modules of launchers are imported when one of them is chosen, and not before.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ...errors import LauncherError, NotAvailable
from .launcher import Launcher
from .program import CONTROLLER, ENGINES
from .roles import class_for_role

__all__ = ["KINDS", "class_named", "find_launcher", "name_of"]

#: The launchers of the package: what their classes' names begin with, and the module.
KINDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "local": ("Local", "local"),
        "mpi": ("MPI", "mpi"),
        "ssh": ("SSH", "ssh"),
        "sshproxy": ("SSHProxy", "sshproxy"),
        "slurm": ("Slurm", "schedulers"),
        "pbs": ("PBS", "schedulers"),
        "torque": ("Torque", "schedulers"),
        "sge": ("SGE", "schedulers"),
        "lsf": ("LSF", "schedulers"),
        "htcondor": ("HTCondor", "schedulers"),
        "batch": ("Batch", "batch"),
    }
)
#: Where other packages tell of theirs.
GROUPS = {
    CONTROLLER: "parallel.controller_launchers",
    ENGINES: "parallel.engine_launchers",
}
#: Those of ipyparallel that have another name here.
RENAMED = MappingProxyType(
    {
        "LocalProcessLauncher": "LocalLauncher",
        "BatchSystemLauncher": "BatchLauncher",
    }
)
NO_WINDOWS = (
    "there is no launcher for Windows HPC Server: engines do not run on Windows yet. "
    "Any other job system is told of by the options of the launcher 'batch', or by a "
    "class derived from Launcher"
)
#: What each role's classes are called. Some have one in between, which is a section of
#: configuration files, too.
_SUFFIX = {CONTROLLER: "ControllerLauncher", ENGINES: "EngineSetLauncher"}
_ONE_ENGINE, _HAVE_ONE = "EngineLauncher", ("local", "ssh")


def find_launcher(chosen: str | type[Launcher], role: str) -> type[Launcher]:
    """Return the class of a launcher.

    Parameters
    ----------
    chosen
        A name, in any case; a dotted path to a class; or the class.
    role
        `controller` or `engines`.

    Raises
    ------
    LauncherError
        There is no such launcher, or it cannot be imported: which there are.
    """
    if not isinstance(chosen, str):
        return _checked(chosen, chosen)
    kind = chosen.lower()
    if kind in KINDS:
        return _own(kind, role)
    if kind == "winhpc" or "WindowsHPC" in chosen:
        raise LauncherError(NO_WINDOWS)
    for point in _entry_points(GROUPS[role]):
        if point.name.lower() == kind:
            return _checked(_load(chosen, *point.value.split(":")), chosen)
    module, _, name = chosen.rpartition(".")
    if not module:
        raise LauncherError(_unknown(chosen, role))
    return _checked(_load(chosen, module, name), chosen)


def class_named(name: str) -> type[Launcher]:
    """Return one of the package's launchers by the name of its class.

    Raises
    ------
    AttributeError
        There is none.
    NotAvailable
        It is one for Windows.
    """
    name = RENAMED.get(name, name)
    if name.startswith("WindowsHPC"):
        raise NotAvailable(NO_WINDOWS)
    for kind, (prefix, module) in KINDS.items():
        if not name.startswith(prefix):
            continue
        for role, suffix in _SUFFIX.items():
            if name == prefix + suffix:
                return _own(kind, role)
        if name == prefix + _ONE_ENGINE and kind in _HAVE_ONE:
            return _own(kind, ENGINES).mro()[1]
        if name == f"{prefix}Launcher":
            found: type[Launcher] = getattr(_module(module), name)
            return found
    raise AttributeError(f"there is no launcher {name!r}")


def name_of(launcher: Launcher) -> str:
    """Return by which name `find_launcher` finds a launcher's class."""
    cls = type(launcher)
    ours = f"{__package__.rpartition('.')[0]}."
    if cls.kind in KINDS and cls.__module__.startswith(ours):
        return cls.kind
    return f"{cls.__module__}.{cls.__qualname__}"


@functools.cache
def _own(kind: str, role: str) -> type[Launcher]:
    prefix, module = KINDS[kind]
    name = prefix + _SUFFIX[role]
    found = _module(module)
    # A launcher may have something of its own to say about a role.
    base = getattr(found, name, None) or getattr(found, f"{prefix}Launcher", None)
    if base is None:
        raise LauncherError(f"the launcher {kind!r} cannot start {role}")
    own: type[Launcher] = base
    if own.__name__ == name:
        return own
    if role == ENGINES and kind in _HAVE_ONE:
        between = class_for_role(own, prefix + _ONE_ENGINE, role)
        body = {"__doc__": between.__doc__, "__module__": own.__module__}
        return type(name, (between,), body)
    return class_for_role(own, name, role)


def _module(name: str) -> Any:
    return importlib.import_module(f"{__package__}.{name}")


def _load(chosen: str, module: str, name: str) -> Any:
    try:
        return functools.reduce(
            getattr, name.split("."), importlib.import_module(module)
        )
    except (ImportError, AttributeError) as error:
        raise LauncherError(
            f"cannot load the launcher {chosen!r}: {type(error).__name__}: {error}"
        ) from error


def _checked(found: Any, chosen: object) -> type[Launcher]:
    if isinstance(found, type) and issubclass(found, Launcher):
        return found
    raise LauncherError(
        f"{chosen!r} is no launcher: it has to be a class derived from "
        "parallel.cluster.launcher.Launcher"
    )


def _entry_points(group: str) -> Any:
    from importlib.metadata import entry_points  # it takes some milliseconds

    return entry_points(group=group)


def _unknown(chosen: str, role: str) -> str:
    others = sorted(point.name for point in _entry_points(GROUPS[role]))
    return (
        f"there is no launcher {chosen!r} for {role}; there are "
        f"{', '.join([*KINDS, *others])}, and any class by its dotted path"
    )

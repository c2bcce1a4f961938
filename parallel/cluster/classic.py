"""What ipyparallel's `Cluster` and `ipcontroller` are told, and what says it here."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from traitlets import TraitError

from ..errors import LauncherError
from .launchers.launcher import Launcher
from .launchers.program import ENGINES
from .launchers.registry import find_launcher
from .translation import translated

__all__ = ["INSTEAD", "RECORD_FLAGS", "controller_options", "option_of_launcher"]

log = logging.getLogger("parallel.cluster")

_OF_LAUNCHER = (
    "it is one of the engines' launcher: start_engines_sync({0}=…), or "
    "c.{1}.{0} in a configuration"
)
#: What to do instead of giving an option that `Cluster` does not have.
INSTEAD = {
    "engine_args": "Cluster has resources, labels, environment and work_dir, and a "
    "view has setup(f) for what engines shall run first",
    "mpi_args": _OF_LAUNCHER.format("mpi_args", "MPIEngineSetLauncher"),
    "mpi_cmd": _OF_LAUNCHER.format("mpi_cmd", "MPIEngineSetLauncher"),
}

#: Flags for where tasks are recorded: the kind of record, and a line of help.
RECORD_FLAGS = {
    "sqlitedb": ("sqlite", "Record tasks in a file, as by default."),
    "dictdb": ("memory", "Record tasks in memory only."),
    "nodb": ("none", "Do not record tasks."),
}
_SECTIONS = ("IPController", "ControllerOptions")


def option_of_launcher(name: str, chosen: str | type[Launcher]) -> str:
    """Say where an option goes that the engines' launcher has; nothing if it has not.

    Parameters
    ----------
    chosen
        The launcher, as it was chosen.
    """
    try:
        launcher = find_launcher(chosen, ENGINES)
    except (LauncherError, TraitError, TypeError):
        return ""
    known = launcher.class_trait_names(config=True)
    return _OF_LAUNCHER.format(name, launcher.__name__) if name in known else ""


def controller_options(words: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """Return what arguments of `ipcontroller` set, by the names of the options.

    Parameters
    ----------
    words
        Such as `["--nodb", "--scheme=lru", "--hwm", "1"]`.
    known
        The options that a cluster's controller has.

    Raises
    ------
    TraitError
        One of them is no such option.
    """
    found: dict[str, str] = {}
    rest, said = translated("ipcontroller", words, known)
    for text in said:
        log.info("%s", text)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.lstrip("-").partition("=")
        if word.startswith("--") and name in RECORD_FLAGS and not equals:
            found["task_record"] = RECORD_FLAGS[name][0]
            continue
        section, _, trait = name.rpartition(".")
        if word[:1] != "-" or trait not in known or section not in ("", *_SECTIONS):
            raise TraitError(
                f"{word!r} is not what the controller of a cluster can be told: that "
                f"is {', '.join(f'--{each}' for each in (*RECORD_FLAGS, *known))}"
            )
        if not equals:
            if not rest:
                raise TraitError(f"{word} needs a value: {word}=…")
            value = rest.pop(0)
        found[trait] = value
    return found

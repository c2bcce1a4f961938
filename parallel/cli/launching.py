"""Launchers on the command line, and engines of one that end with their command."""

from __future__ import annotations

import contextlib
import re
import select
from collections.abc import Sequence
from typing import Any

from ..cluster.launchers.launcher import Launcher
from ..cluster.launchers.program import ENGINES, Program
from ..cluster.launchers.registry import class_named, find_launcher
from ..cluster.watching import Watch
from ..errors import LauncherError
from .signals import Signals

__all__ = ["PLACE", "launchers_in", "make_launcher", "stay_with"]

#: What is said of the place where engines run: options of all launchers.
PLACE = (
    "queue", "account", "walltime", "nodes", "engines_per_node", "cores", "memory",
    "python", "prologue",
)  # fmt: skip

#: At the longest, what a system says is looked at after so long, seconds.
LOOK_EVERY = 5.0


def launchers_in(words: Sequence[str]) -> list[type[Launcher]]:
    """Return the launchers that a command line has options of."""
    found = []
    for word in words:
        name = re.match(r"--?(\w+Launcher)\.", word)
        if name is not None:
            with contextlib.suppress(AttributeError):  # else there is no such option
                found.append(class_named(name[1]))
    return found


def make_launcher(
    kind: str,
    *,
    profile_dir: str,
    cluster_id: str,
    set_id: str,
    arguments: Sequence[str],
    parent: Any,
) -> Launcher:
    """Return the launcher of some engines.

    Parameters
    ----------
    kind
        Its name, or a dotted path to its class.
    arguments
        More words for the command that is run where they are.
    parent
        What has the configuration.

    Raises
    ------
    LauncherError
        There is no such launcher, or its options mean nothing.
    """
    program = Program(
        role=ENGINES,
        profile_dir=profile_dir,
        cluster_id=cluster_id,
        set_id=set_id,
        arguments=[*arguments],
    )
    return find_launcher(kind, ENGINES)(program, parent=parent)


def stay_with(launcher: Launcher, n: int | None, signals: Signals) -> None:
    """Start engines, and return once all have ended in good order.

    However this ends, nothing of them is left.

    Raises
    ------
    LauncherError
        They cannot be started, or end otherwise: why.
    """
    n = n or launcher.engine_count
    if n is None:
        raise LauncherError("how many engines are there to be? Say -n, or --n=")
    what = f"{n} engines"
    try:
        launcher.start(n)
        launcher.log.info("%s by the launcher %r", what, launcher.kind)
        watch = Watch({what: launcher})
        while not watch.is_over:
            signals.raise_if_any()
            select.select([signals.fileno()], [], [], watch.until_next or LOOK_EVERY)
            watch.look()
    finally:
        launcher.stop()
    if watch.failed:
        raise LauncherError("\n".join(watch.failed))

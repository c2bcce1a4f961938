"""`--adapt=2:64`: as many engines as there is work for, while a command runs."""

from __future__ import annotations

import re
import select
from typing import Any

from traitlets import TraitError, Unicode

from ..cluster.cluster import Cluster
from ..state.scaling import Adaptation
from .signals import Signalled, Signals

__all__ = ["Bounds", "adapt_here", "bounds"]

#: Whether the cluster is there is looked at so often, seconds.
LOOK_EVERY = 0.1


class Bounds(Unicode[str, str | bytes]):
    """An option for the fewest and the most engines: `2:64`."""

    def validate(self, obj: Any, value: Any) -> str:
        """Return what was given, if it can be meant."""
        text: str = super().validate(obj, value)
        if text:
            try:
                Adaptation(*bounds(text))
            except ValueError as error:
                raise TraitError(f"--adapt={text}: {error}") from error
        return text


def bounds(text: str) -> tuple[int, int]:
    """Return the fewest and the most engines.

    Raises
    ------
    ValueError
        It is not said so.
    """
    found = re.fullmatch(r"(\d+):(\d+)", text)
    if found is None:
        raise ValueError("the fewest and the most engines are said so: --adapt=2:64")
    return int(found[1]), int(found[2])


def adapt_here(cluster: Cluster, text: str, signals: Signals) -> bool:
    """Adapt a running cluster until a signal comes; tell whether it runs then.

    It also ends with the cluster.
    """
    cluster.adapt(*bounds(text))
    try:
        while cluster.is_kept():
            signals.raise_if_any()
            select.select([signals.fileno()], [], [], LOOK_EVERY)
    except Signalled:
        return True
    finally:
        cluster.stop_adapting()
    return False

"""What a page asks for that is loaded anew: the widgets that there are, and how.

The session's own ipywidgets answers that for its own, over a comm of its own. It knows
nothing of engines' widgets, so they are added to what it says.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from .modelstate import ModelState

__all__ = ["Having", "join_control"]

#: What such a comm is called.
TARGET = "jupyter.widget.control"
#: What a model is told by, beside its state.
KIND = "model_name", "model_module", "model_module_version"


class Having(Protocol):
    """Who has engines' widgets."""

    def states(self) -> Iterable[tuple[str, ModelState]]:
        """Return what they are called, and how they are."""


_all: weakref.WeakSet[Having] = weakref.WeakSet()


def join_control(having: Having) -> None:
    """Have engines' widgets told of with the session's own, once it has any."""
    _all.add(having)
    if "ipywidgets" not in sys.modules:  # then a page asks each comm for its state
        return
    module: Any = sys.modules["comm"]
    manager = module.get_comm_manager()
    before = manager.targets.get(TARGET)
    if before is None or isinstance(before, _Control):
        return
    manager.register_target(TARGET, _Control(before))


class _Control:
    """Opens the session's comms for such questions.

    Parameters
    ----------
    opened
        Has opened them so far.
    """

    def __init__(self, opened: Callable[[Any, Any], object]) -> None:
        self._opened = opened

    def __call__(self, comm: Any, message: Any) -> None:
        """Answer by a comm that the page has opened."""
        self._opened(comm, message)
        send = comm.send

        def send_all(
            data: Any = None, metadata: Any = None, buffers: Any = None
        ) -> None:
            if isinstance(data, dict) and data.get("method") == "update_states":
                data, buffers = _joined(data, buffers or ())
            send(data, metadata, buffers)

        comm.send = send_all


def _joined(
    data: dict[str, Any], buffers: Iterable[Any]
) -> tuple[dict[str, Any], list[Any]]:
    """Return what is told of all widgets, the session's and the engines'."""
    states, paths = dict(data["states"]), list(data["buffer_paths"])
    found = list(buffers)
    for having in list(_all):
        for name, state in having.states():
            kind = {key: state.values.get(f"_{key}") for key in KIND}
            states[name] = {**kind, "state": state.values}
            paths += [[name, "state", *path] for path in state.buffers]
            found += state.buffers.values()
    return {**data, "states": states, "buffer_paths": paths}, found

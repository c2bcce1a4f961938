"""The models of widgets as they travel, and which of them one shows in itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from numbers import Integral, Real
from typing import Any

__all__ = ["opened", "plain", "reachable", "widget_of"]

_MODULE = "ipywidgets.widgets.widget"
#: How the state of a widget names another one.
_NAMES = "IPY_MODEL_"


def plain(value: Any) -> Any:
    """Return a copy of a value that any front end can be told, by JSON.

    So users' objects change no more, and need not be known where it is read.
    """
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(each) for each in value]
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def widget_of(model: str) -> Any:
    """Return the widget of a model, unless it is closed."""
    module = sys.modules.get(_MODULE)
    return None if module is None else module._instances.get(model)


def reachable(model: str) -> list[str]:
    """Return a model and all that its widget shows in itself, the innermost first."""
    found: dict[str, None] = {}
    _reach(model, found, set())
    return list(found)


def _reach(model: str, found: dict[str, None], begun: set[str]) -> None:
    widget = widget_of(model)
    if widget is None or model in begun:
        return
    begun.add(model)
    for inner in _models_in(widget.get_state()):
        _reach(inner, found, begun)
    found[model] = None


def _models_in(state: Any) -> Iterator[str]:
    """Return the models that a state names."""
    if isinstance(state, str):
        if state.startswith(_NAMES):
            yield state[len(_NAMES) :]
    elif isinstance(state, (dict, list, tuple)):
        for each in state.values() if isinstance(state, dict) else state:
            yield from _models_in(each)


def opened(model: str) -> dict[str, Any]:
    """Return what a widget tells a front end that does not know it yet."""
    module: Any = sys.modules[_MODULE]
    state, paths, buffers = module._remove_buffers(widget_of(model).get_state())
    return {
        "data": {"state": state, "buffer_paths": paths},
        "metadata": {"version": module.__protocol_version__},
        "buffers": buffers,
        "target_name": "jupyter.widget",
        "target_module": None,
    }

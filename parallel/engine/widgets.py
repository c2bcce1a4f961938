"""Widgets of users' cells: their text is shown, and again as they change.

A widget is drawn by a front end that talks with the process that has it, which no front
end of the session does with an engine.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any

from . import publishing

__all__ = ["Widgets", "without_view"]

#: A text is shown again after so long at the earliest, seconds: a bar moves more often.
AGAIN = 1.0
#: So many displays are heeded, the last ones.
MOST = 20
#: What only the session could show that has the widget.
_VIEW = "application/vnd.jupyter.widget-view+json"


def without_view(data: dict[str, Any]) -> dict[str, Any]:
    """Return of the forms of an object those that can be shown elsewhere."""
    if _VIEW in data and len(data) > 1:
        return {kind: form for kind, form in data.items() if kind != _VIEW}
    return data


@dataclass
class _Shown:
    """A widget that was displayed."""

    #: Of the display.
    name: str
    #: Of the widget.
    model: str
    text: str
    #: What the session has of it, and since when.
    told: str
    since: float


class Widgets:
    """The widgets that cells have displayed of late."""

    def __init__(self) -> None:
        self._shown: list[_Shown] = []
        self._numbers = itertools.count(1)

    def note(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return what is displayed as it travels: of a widget, as what may change."""
        data, view = value["data"], value["data"].get(_VIEW)
        value = {**value, "data": without_view(data)}
        if not isinstance(view, dict) or value.get("transient"):
            return value
        model, text = str(view.get("model_id")), str(data.get("text/plain", ""))
        name = f"widget-{model}-{next(self._numbers)}"
        self._shown.append(_Shown(name, model, text, text, monotonic()))
        del self._shown[:-MOST]
        self._listen()
        return {**value, "transient": {"display_id": name}}

    def _listen(self) -> None:
        """Hear of what widgets would tell a front end."""
        comm = sys.modules.get("comm")
        if comm is not None:
            kind: Any = comm.DummyComm
            kind.publish_msg = lambda its, *_, **__: self._on_change(str(its.comm_id))

    def _on_change(self, model: str) -> None:
        now = monotonic()
        for each in self._shown:
            widget = _widgets().get(each.model)
            if widget is None or model not in _models_in(widget):
                continue
            # A bar, for one, has no text any more once it has ended.
            each.text = _text_of(widget) or each.text
            if now - each.since >= AGAIN:
                _tell(each)

    def settle(self) -> None:
        """Show the texts that have changed, at the end of a cell."""
        for each in self._shown:
            _tell(each)


def _widgets() -> dict[str, Any]:
    """Return those that are not closed, by their models."""
    module = sys.modules.get("ipywidgets.widgets.widget")
    found: dict[str, Any] = getattr(module, "_instances", {})
    return found


def _models_in(widget: Any) -> Iterator[str]:
    """Return the models of a widget and of all that it shows in itself."""
    yield str(widget.model_id)
    for child in getattr(widget, "children", ()):
        yield from _models_in(child)


def _text_of(widget: Any) -> str:
    try:
        return str(widget._repr_mimebundle_()["text/plain"])
    except Exception:  # of the user's making, or tqdm's
        return ""


def _tell(shown: _Shown) -> None:
    if shown.text == shown.told or publishing.current is None:
        return
    shown.told, shown.since = shown.text, monotonic()
    update = {
        "data": {"text/plain": shown.text},
        "metadata": {},
        "transient": {"display_id": shown.name},
        "update": True,
    }
    publishing.current.publish("display", update)

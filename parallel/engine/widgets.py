"""Widgets of users' cells: a notebook draws them, and elsewhere their text is shown.

What is displayed travels in both forms. The text is told again as it changes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any

from ..protocol.views import model_in
from . import comms, publishing
from .models import widget_of

__all__ = ["Widgets"]

#: A text is shown again after so long at the earliest, seconds: a bar moves more often.
AGAIN = 1.0
#: So many displays are heeded, the last ones.
MOST = 20


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
        if comms.current is not None:
            comms.current.on_change = self._on_change

    def note(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return what is displayed as it travels: of a widget, as what may change."""
        self.tell_model(value["data"])
        model, text = model_in(value["data"]), str(value["data"].get("text/plain", ""))
        if not model or value.get("transient"):
            return value
        name = f"widget-{model}-{next(self._numbers)}"
        self._shown.append(_Shown(name, model, text, text, monotonic()))
        del self._shown[:-MOST]
        return {**value, "transient": {"display_id": name}}

    def tell_model(self, data: dict[str, Any]) -> None:
        """See that a notebook can draw what is displayed, if that is a widget."""
        if (model := model_in(data)) and comms.current is not None:
            comms.current.show(model)

    def _on_change(self, model: str) -> None:
        now = monotonic()
        for each in self._shown:
            widget = widget_of(each.model)
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
        if comms.current is not None:
            comms.current.flush()


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
        "model": shown.model,
    }
    publishing.current.publish("display", update)

"""Widgets among the forms of what is displayed: only a notebook draws them."""

from __future__ import annotations

from typing import Any

__all__ = ["COMM", "VIEW", "model_in", "without_view"]

#: The form of a widget that a front end draws which has its model.
VIEW = "application/vnd.jupyter.widget-view+json"
#: The kind of what is published that widgets tell a front end.
COMM = "comm"


def model_in(data: dict[str, Any]) -> str:
    """Return the model of the widget that these are the forms of, '' for none."""
    view = data.get(VIEW)
    return str(view.get("model_id", "")) if isinstance(view, dict) else ""


def without_view(data: dict[str, Any]) -> dict[str, Any]:
    """Return of the forms of an object those that can be shown anywhere."""
    if VIEW in data and len(data) > 1:
        return {kind: form for kind, form in data.items() if kind != VIEW}
    return data

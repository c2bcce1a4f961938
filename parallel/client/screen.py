"""Where the session shows things: its streams, and the displays of IPython."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from ..protocol.views import model_in, without_view
from .cursor import Cursor
from .frontend import comm_of, in_qt_console, in_terminal, ipython

__all__ = [
    "clear_cell",
    "content_of",
    "make_room",
    "prefix",
    "publish",
    "put",
]

_cursor = Cursor()


def prefix(text: str, stream: str, label: str) -> str:
    """Return what is written before a task's text: of which engine it is."""
    if not label:
        return ""
    # What begins its line anew would overwrite the label.
    alone = "\n" in text.rstrip("\n") or "\r" in text
    return f"[{stream}:{label}]" + ("\n" if alone else " ")


def put(text: str, stream: str) -> None:
    """Write text to a stream of the session."""
    file = getattr(sys, stream)
    with _beside_bars(file) as bars:
        file.write(_cursor.go_back(text, bars=bars and in_terminal()))
        file.flush()
        _cursor.follow(text)


def make_room() -> None:
    """Have the next bar drawn beneath a line that was begun, and not over it."""
    if in_terminal() or in_qt_console():
        sys.stderr.write(_cursor.go_below())


@contextlib.contextmanager
def _beside_bars(file: Any) -> Iterator[bool]:
    """Take bars that stand in the way off the terminal for the length of the block.

    Tell whether there are any.
    """
    tqdm = _bars()
    if tqdm is None or not tqdm._instances:
        yield False
        return
    with tqdm.external_write_mode(file):
        sys.stderr.flush()  # in a kernel, what took them off waits there
        yield True


def _bars() -> Any:
    """Return tqdm's class, unless no bar is drawn yet.

    Another thread may be about to import it.
    """
    return getattr(sys.modules.get("tqdm"), "tqdm", None)


def publish(output: dict[str, Any], engine_id: int | None) -> None:
    """Display something here: richly in IPython, as text elsewhere."""
    here = ipython()
    if here is None:
        text = output.get("data", {}).get("text/plain")
        if text is not None:
            put(f"{text}\n", "stdout")
        return
    with _beside_bars(sys.stdout):
        here.display_pub.publish(**content_of(output, engine_id))


def content_of(output: dict[str, Any], engine_id: int | None) -> dict[str, Any]:
    """Return what a front end is told of something displayed on an engine."""
    data, metadata = output.get("data", {}), dict(output.get("metadata") or {})
    if (model := model_in(data)) and comm_of(model) is None:
        data = without_view(data)
    extra: dict[str, Any] = {}
    metadata["engine"] = engine_id
    if in_qt_console():  # which would not show updates at all
        return {"data": data, "metadata": metadata}
    if transient := output.get("transient"):
        # What several engines show under one name are several displays here.
        name = f"{transient.get('display_id')}@{engine_id}"
        extra["transient"] = {**transient, "display_id": name}
    if output.get("update"):
        extra["update"] = True
    return {"data": data, "metadata": metadata, **extra}


def clear_cell() -> None:
    """Have all of a notebook's cell vanish with what is shown next, but for bars."""
    ipython().display_pub.clear_output(wait=True)
    tqdm = _bars()
    bars = list(tqdm._instances) if tqdm is not None else []
    for widget in filter(None, (getattr(bar, "container", None) for bar in bars)):
        sys.modules["IPython"].display.display(widget)

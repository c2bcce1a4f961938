"""A cell of a notebook: what comes late is shown below it, whichever runs by then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .frontend import ipython
from .screen import content_of

__all__ = ["Cell"]


class Cell:
    """The cell of this kernel that runs while this is made, or ran last."""

    def __init__(self) -> None:
        self._kernel: Any = ipython().kernel
        self._parent = self._kernel.get_parent()

    def tell(
        self, kind: str, content: dict[str, Any], buffers: Sequence[Any] = ()
    ) -> None:
        """Have the front end told something as if the cell had."""
        kernel = self._kernel
        kernel.session.send(
            kernel.iopub_socket, kind, content, parent=self._parent,
            ident=kind.encode(), buffers=list(buffers),
        )  # fmt: skip

    def write(self, text: str, stream: str) -> None:
        """Show text."""
        self.tell("stream", {"name": stream, "text": text})

    def display(self, output: dict[str, Any], engine_id: int | None) -> None:
        """Show what was displayed."""
        told = content_of(output, engine_id)
        word = "update_display_data" if told.pop("update", False) else "display_data"
        self.tell(word, {"transient": {}, **told})

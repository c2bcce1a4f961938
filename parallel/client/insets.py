"""Engines' widgets for output: what tasks show in them, and not in their cell."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from .frontend import comm_of
from .modelstate import state_of
from .screen import content_of
from .shown import Piece

__all__ = ["Insets"]

#: So much text on end is kept in one, characters, and so many things in a row.
MOST, MOST_OUTPUTS = 1 << 20, 1000


class _Inset:
    """What one widget shows."""

    def __init__(self) -> None:
        self._outputs: list[dict[str, Any]] = []
        #: The names of displays, which may change.
        self._names: list[Any] = []
        self._is_to_clear = False

    def clear(self, *, wait: bool) -> None:
        """Show nothing any more, or only until something comes."""
        self._is_to_clear = True
        if not wait:
            self._begin()

    def _begin(self) -> None:
        if self._is_to_clear:
            self._outputs, self._names = [], []
        self._is_to_clear = False
        del self._outputs[:-MOST_OUTPUTS], self._names[:-MOST_OUTPUTS]

    def write(self, text: str, stream: str) -> None:
        """Show text."""
        self._begin()
        last = self._outputs[-1] if self._outputs else {}
        if last.get("name") == stream:
            last["text"] = (last["text"] + text)[-MOST:]
        else:
            self._add({"output_type": "stream", "name": stream, "text": text}, None)

    def display(self, told: dict[str, Any]) -> None:
        """Show what was displayed, in the place of what it updates."""
        self._begin()
        name = told.get("transient", {}).get("display_id")
        forms = {"data": told["data"], "metadata": told["metadata"]}
        if told.get("update"):
            for output, its in zip(self._outputs, self._names, strict=True):
                if its == name:
                    output.update(forms)
        else:
            self._add({"output_type": "display_data", **forms}, name)

    def _add(self, output: dict[str, Any], name: Any) -> None:
        self._outputs.append(output)
        self._names.append(name)

    def show(self, comm: Any) -> None:
        """Have the front end show all of it."""
        # The engine's widget knows nothing of it: a page that is loaded anew asks here.
        state = {"outputs": [dict(each) for each in self._outputs]}
        data = {"method": "update", "state": state, "buffer_paths": []}
        state_of(comm).change(data, ())
        comm.send(data)


#: By their comms.
_insets: weakref.WeakKeyDictionary[Any, _Inset] = weakref.WeakKeyDictionary()


class Insets:
    """Parts what one task shows: what is for its cell, and what is for widgets."""

    def __init__(self) -> None:
        self._into = ""

    def take(self, pieces: Sequence[Piece], engine: int | None) -> list[Piece]:
        """Show in widgets what is meant for them; return what is for the cell."""
        if not self._into and not any(
            "into" in display for piece in pieces for display in piece.displays
        ):
            return list(pieces)
        changed: dict[Any, _Inset] = {}
        left: list[Piece] = []
        for piece in pieces:
            texts = ("", "") if self._write(piece, changed) else piece[:2]
            shown = piece.displays
            own = [each for each in shown if not self._put(each, engine, changed)]
            left.append(Piece(*texts, own))
        for comm, inset in changed.items():
            inset.show(comm)
        return [each for each in left if any(each)]

    def _inset(self, changed: dict[Any, _Inset]) -> _Inset | None:
        """Return what things go into now, unless it is closed."""
        comm = comm_of(self._into)
        if comm is None:
            return None
        inset = changed[comm] = _insets.setdefault(comm, _Inset())
        return inset

    def _write(self, piece: Piece, changed: dict[Any, _Inset]) -> bool:
        inset = self._inset(changed)
        if inset is None:
            return False
        for text, stream in ((piece.stdout, "stdout"), (piece.stderr, "stderr")):
            if text:
                inset.write(text, stream)
        return True

    def _put(
        self, display: dict[str, Any], engine: int | None, changed: dict[Any, _Inset]
    ) -> bool:
        """Put a display where it belongs, unless that is the cell."""
        inset = self._inset(changed)
        if "clear" in display:
            if inset is not None:
                inset.clear(wait=display["clear"]["wait"])
            return True
        if "into" in display:
            self._into = display["into"]
            return True
        if inset is None:
            return False
        inset.display(content_of(display, engine))
        return True

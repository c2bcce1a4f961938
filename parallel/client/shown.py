"""What a task shows beside its result: text, displays, data."""

from __future__ import annotations

from typing import Any

__all__ = ["Shown", "overwritten"]


def overwritten(text: str) -> str:
    """Return what stays of a text where carriage returns let lines begin anew.

    A bar that was drawn a hundred times is told once, as it was drawn last. Those at
    the end of a line, before its newline, overwrite nothing and stay.
    """
    if "\r" not in text:
        return text
    return "\n".join(map(_last_version, text.split("\n")))


def _last_version(line: str) -> str:
    written = len(line.rstrip("\r"))
    return line[line.rfind("\r", 0, written) + 1 :]


class Shown:
    """All that one task showed so far."""

    __slots__ = ("_clears", "data", "outputs", "stderr", "stdout")

    def __init__(self) -> None:
        self.stdout = ""
        self.stderr = ""
        #: What it displayed: dicts of `data`, by mime type, and `metadata`.
        self.outputs: list[dict[str, Any]] = []
        #: What it published, by name.
        self.data: dict[str, Any] = {}
        self._clears = False

    def take(self, kind: str, value: dict[str, Any]) -> None:
        """Take what it published: `data`, a `display`, or to `clear` the displays.

        A display that has the id of one before takes its place.

        Raises
        ------
        ValueError
            That is of no known kind.
        """
        if kind == "data":
            self.data.update(value)
        elif kind == "clear":
            self._clears = True
            if not value.get("wait"):
                self._clear()
        elif kind == "display":
            self._clear()
            self._display(value)
        else:
            raise ValueError(f"a task published something of an unknown kind: {kind!r}")

    def _clear(self) -> None:
        if self._clears:
            self.outputs.clear()
        self._clears = False

    def _display(self, value: dict[str, Any]) -> None:
        wanted = _display_id(value)
        for i, before in enumerate(self.outputs):
            if wanted is not None and _display_id(before) == wanted:
                self.outputs[i] = value
                return
        self.outputs.append(value)


def _display_id(value: dict[str, Any]) -> Any:
    return (value.get("transient") or {}).get("display_id")

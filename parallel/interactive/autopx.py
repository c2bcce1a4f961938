"""`%autopx`: every cell goes to the engines, until it is said again."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["AutoPx"]


class AutoPx:
    """Makes each cell of a shell a `%%px` cell, while it is on.

    A transformer of input does that, as IPython has them in all its versions and
    front ends: the history keeps what was typed.

    Parameters
    ----------
    suffix
        Of the magics' names.
    """

    #: Who types looks ahead with the transformers, too, for whether a cell is complete.
    has_side_effects = True

    def __init__(self, shell: Any, suffix: str) -> None:
        self._transforms = shell.input_transformer_manager.cleanup_transforms
        self._suffix = suffix
        self._switch = re.compile(rf"\s*%?autopx{suffix}\s*(#.*)?")
        #: Cells that are this package's own magics stay here.
        self._own = re.compile(
            rf"\s*%{{1,2}}(px|pxresult|pxconfig|pxdebug|result){suffix}\b"
        )
        #: Whether a cell runs here meanwhile: of `%%px --local`.
        self.paused = False

    @property
    def is_on(self) -> bool:
        """Whether cells go to the engines."""
        return self in self._transforms

    def toggle(self) -> None:
        """Begin or end it."""
        if self.is_on:
            self._transforms.remove(self)
        else:
            self._transforms.append(self)

    def __call__(self, lines: list[str]) -> list[str]:
        """Return the lines of a cell as those of one for the engines."""
        first = next((line for line in lines if line.strip()), "")
        if self.paused or not first or self._own.match(first):
            return lines
        for i, line in enumerate(lines):
            if self._switch.fullmatch(line.rstrip("\n")):
                return [
                    *self._sent(lines[:i]),
                    f"%autopx{self._suffix}\n",
                    *lines[i + 1 :],
                ]
        return [f"%%px{self._suffix}\n", *lines]

    def _sent(self, lines: list[str]) -> list[str]:
        """Return a line that sends these to the engines, before others that stay."""
        code = "".join(lines)
        if not code.strip():
            return []
        magic = f"px{self._suffix}"
        return [f"get_ipython().run_cell_magic({magic!r}, '', {code!r})\n"]

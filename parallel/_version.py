"""The version of the package, in one place."""

from __future__ import annotations

__version__ = "0.1.0.dev0"

#: The same in parts, to be compared.
version_info: tuple[int | str, ...] = tuple(
    int(part) if part.isdigit() else part for part in __version__.split(".")
)

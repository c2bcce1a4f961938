"""What views and clients offer that is made above them: the doors put it here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import NotAvailable

__all__ = ["EXTENSIONS", "Extensions"]

#: What each of them needs, for the error.
_NAMES = {
    "joblib": "the joblib backend (parallel.joblib)",
    "dask": "Dask on the engines",
}


class Extensions:
    """Functions by name, filled in by the modules that define them."""

    def __init__(self) -> None:
        self._functions: dict[str, Callable[..., Any]] = {}

    def add(self, name: str, function: Callable[..., Any]) -> None:
        """Offer a function."""
        self._functions[name] = function

    def call(self, name: str, *args: Any) -> None:
        """Call a function, if there is one."""
        if name in self._functions:
            self._functions[name](*args)

    def find(self, name: str, asked: str) -> Callable[..., Any]:
        """Return a function.

        Parameters
        ----------
        asked
            What the user called, for the error.

        Raises
        ------
        NotAvailable
            This release has none.
        """
        function = self._functions.get(name)
        if function is None:
            raise NotAvailable(
                f"{asked} needs {_NAMES[name]}, which this release does not have yet"
            )
        return function


#: Those of this process.
EXTENSIONS = Extensions()

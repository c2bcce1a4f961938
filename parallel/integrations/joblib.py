"""joblib on a cluster: not there yet, and said so."""

from __future__ import annotations

from typing import Any

from ..client.extensions import EXTENSIONS

__all__ = ["register_joblib_backend"]


def register_joblib_backend(
    name: str = "ipyparallel", make_default: bool = False
) -> Any:
    """Make a cluster available to joblib under a name.

    Raises
    ------
    NotAvailable
        This release has no backend for joblib.
    """
    register = EXTENSIONS.find("joblib", "register_joblib_backend()")
    return register(name, make_default)

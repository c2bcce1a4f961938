"""joblib on a cluster: not there yet, and said so."""

from __future__ import annotations

from typing import NoReturn

from ..errors import NotAvailable

__all__ = ["register_joblib_backend"]


def register_joblib_backend(
    name: str = "parallel", make_default: bool = False
) -> NoReturn:
    """Make a cluster available to joblib under a name: not possible yet.

    Raises
    ------
    NotAvailable
        Always.
    """
    raise NotAvailable(
        f"there is no joblib backend {name!r} yet: until then, view.map runs functions "
        "on the engines, and view.executor is a concurrent.futures executor"
    )

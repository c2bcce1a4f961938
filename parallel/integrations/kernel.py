"""An IPython kernel in an engine: not there yet, and said so."""

from __future__ import annotations

from typing import Any

from ..client.extensions import EXTENSIONS

__all__ = ["bind_kernel"]


def bind_kernel(**kwargs: Any) -> None:
    """Let notebooks and consoles connect to the engine that this is called in.

    Parameters
    ----------
    **kwargs
        Options of the kernel.

    Raises
    ------
    NotAvailable
        This release has no kernels in engines.
    """
    EXTENSIONS.find("kernel", "bind_kernel()")(**kwargs)

"""An IPython kernel in an engine."""

from __future__ import annotations

from ..engine.binding import BoundKernel, bind_kernel

__all__ = ["BoundKernel", "bind_kernel"]

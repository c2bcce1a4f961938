"""Functions that run elsewhere, under the module's name by which users know them."""

from .remotefunctions import ParallelFunction, RemoteFunction, parallel, remote

__all__ = ["ParallelFunction", "RemoteFunction", "parallel", "remote"]

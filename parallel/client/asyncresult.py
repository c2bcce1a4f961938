"""The results, under the module's name by which users know them."""

from .mapresults import AsyncMapResult
from .results import AsyncResult

__all__ = ["AsyncMapResult", "AsyncResult"]

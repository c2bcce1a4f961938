"""The results, under the module's name by which users know them."""

from .hubresults import AsyncHubResult
from .mapresults import AsyncMapResult
from .results import AsyncResult

__all__ = ["AsyncHubResult", "AsyncMapResult", "AsyncResult"]

"""The exceptions, under the name by which users know the module: see `errors`."""

from . import errors
from .errors import *  # noqa: F403

#: What builds them is the package's own business.
_INNER = {"Failure", "parts_of", "remote_error", "without_init"}

__all__ = [each for each in errors.__all__ if each not in _INNER]

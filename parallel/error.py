"""The exceptions, under the name by which users know the module: see `errors`."""

from builtins import TimeoutError  # noqa: A004 - the one that results raise

from . import errors
from .errors import *  # noqa: F403

#: What builds them is the package's own business.
_INNER = {"Failure", "parts_of", "remote_error", "without_init"}

__all__ = ["TimeoutError", *(each for each in errors.__all__ if each not in _INNER)]

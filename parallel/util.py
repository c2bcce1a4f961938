"""`interactive`, under the module's name by which users know it."""

from .serialize.functions import interactive

__all__ = ["interactive"]

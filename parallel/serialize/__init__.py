"""Objects to bytes and buffers, and back."""

from .applies import (
    deserialize_object,
    pack_apply_message,
    serialize_object,
    unpack_apply_message,
)
from .canning import CannedObject, can, can_map, uncan, uncan_map
from .dependents import depend, dependent, require
from .names import interactive
from .prepickled import PrePickled
from .references import Reference
from .switches import use_cloudpickle, use_dill, use_pickle

__all__ = [
    "CannedObject",
    "PrePickled",
    "Reference",
    "can",
    "can_map",
    "depend",
    "dependent",
    "deserialize_object",
    "interactive",
    "pack_apply_message",
    "require",
    "serialize_object",
    "uncan",
    "uncan_map",
    "unpack_apply_message",
    "use_cloudpickle",
    "use_dill",
    "use_pickle",
]

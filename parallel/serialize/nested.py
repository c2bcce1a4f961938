"""One pickle inside another, its buffers beside the other's: `Nested`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pickle import PickleBuffer
from typing import Any

__all__ = ["Nested"]

#: A pickle larger than this is a buffer itself, rather than copied into the other.
BESIDE_NBYTES = 8 * 1024


class Nested:
    """An object that is packed already; what is unpickled is the object.

    Parameters
    ----------
    loads
        A module's function that takes the payload and the buffers.
    """

    def __init__(
        self, loads: Callable[..., Any], payload: bytes, buffers: Sequence[Any] = ()
    ) -> None:
        self._loads = loads
        self._payload = payload
        self._buffers = buffers

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        lend: Any = PickleBuffer if protocol >= 5 else bytes
        large = len(self._payload) >= BESIDE_NBYTES
        payload = lend(self._payload) if large else self._payload
        return self._loads, (payload, *map(lend, self._buffers))

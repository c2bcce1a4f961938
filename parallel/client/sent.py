"""The functions that a client has sent, kept to send them again."""

from __future__ import annotations

from collections.abc import Callable, Collection

from ..aliases import Digest
from ..serialize.callables import Function

__all__ = ["SentFunctions"]

#: So many functions are kept, of so many bytes.
KEPT, KEPT_NBYTES = 1024, 64 << 20


class SentFunctions:
    """Functions by digest, the older ones forgotten.

    Parameters
    ----------
    under_way
        Tells which of them unfinished tasks refer to: these may be asked for.
    """

    def __init__(
        self,
        under_way: Callable[[], Collection[Digest]],
        kept: int = KEPT,
        kept_nbytes: int = KEPT_NBYTES,
    ) -> None:
        self._under_way = under_way
        self._kept = kept
        self._kept_nbytes = kept_nbytes
        self._codes: dict[Digest, bytes] = {}
        self._nbytes = 0
        #: How long the codes are of those that no task was submitted with so far.
        self.fresh: dict[Digest, int] = {}

    def __contains__(self, digest: Digest) -> bool:
        return digest in self._codes

    def __len__(self) -> int:
        return len(self._codes)

    def code(self, digest: Digest) -> bytes | None:
        """Return the code of a function, or None if it is forgotten."""
        return self._codes.get(digest)

    def add(self, function: Function) -> None:
        """Keep a function that is sent now."""
        if function.digest in self._codes:
            return
        self._codes[function.digest] = function.code
        self.fresh[function.digest] = len(function.code)
        self._nbytes += len(function.code)
        if len(self._codes) > self._kept or self._nbytes > self._kept_nbytes:
            self._forget({function.digest, *self._under_way()})

    def _forget(self, needed: set[Digest]) -> None:
        """Forget half of them at once, for to find them takes a while."""
        for digest in [each for each in self._codes if each not in needed]:
            self._nbytes -= len(self._codes.pop(digest))
            self.fresh.pop(digest, None)
            few = len(self._codes) <= self._kept // 2
            if few and self._nbytes <= self._kept_nbytes // 2:
                return

"""The functions that tasks refer to by digest: kept while needed, bounded after."""

from __future__ import annotations

from collections import Counter, OrderedDict

from ..aliases import Digest

__all__ = ["FunctionStore"]

#: Functions that no unfinished task refers to are kept up to so many bytes.
KEPT_NBYTES = 64 << 20


class FunctionStore:
    """Packed functions by digest."""

    def __init__(self, kept_nbytes: int = KEPT_NBYTES) -> None:
        self._kept_nbytes = kept_nbytes
        self._codes: OrderedDict[Digest, bytes] = OrderedDict()
        self._users: Counter[Digest] = Counter()
        self._unused_nbytes = 0

    def __contains__(self, digest: Digest) -> bool:
        return not digest or digest in self._codes

    def code(self, digest: Digest) -> bytes:
        """Return the code of a function that some task refers to."""
        return self._codes[digest]

    def define(self, digest: Digest, code: bytes) -> None:
        """Keep a function: somebody is about to refer to it."""
        if digest not in self._codes:
            self._codes[digest] = code
            if digest not in self._users:
                self._unused_nbytes += len(code)

    def hold(self, digest: Digest) -> None:
        """Keep a function until `release`: a task refers to it."""
        if not digest:
            return
        if digest not in self._users and digest in self._codes:
            self._unused_nbytes -= len(self._codes[digest])
        self._users[digest] += 1

    def release(self, digest: Digest) -> None:
        """Undo one `hold`."""
        if not digest:
            return
        self._users[digest] -= 1
        if self._users[digest] > 0:
            return
        del self._users[digest]
        if digest in self._codes:
            self._codes.move_to_end(digest)
            self._unused_nbytes += len(self._codes[digest])
            self._trim()

    def _trim(self) -> None:
        if self._unused_nbytes <= self._kept_nbytes:
            return
        for digest in [d for d in self._codes if d not in self._users]:
            self._unused_nbytes -= len(self._codes.pop(digest))
            if self._unused_nbytes <= self._kept_nbytes:
                return

"""The functions that tasks refer to by digest: kept while needed, bounded after."""

from __future__ import annotations

from collections import OrderedDict

from ..aliases import Digest

__all__ = ["FunctionStore"]

#: Functions that no unfinished task refers to are kept up to so many bytes.
KEPT_NBYTES = 64 << 20
#: And so many of them, 1 KiB each at least: a client that makes one for each call has
#: forgotten its own after 1,024, and sends an older one again when asked.
KEPT = 1 << 12


class FunctionStore:
    """Packed functions by digest."""

    def __init__(self, kept_nbytes: int = KEPT_NBYTES) -> None:
        self._kept_nbytes = kept_nbytes
        self._codes: dict[Digest, bytes] = {}
        self._users: dict[Digest, int] = {}
        #: Those that nobody refers to, the one used last at the end.
        self._unused: OrderedDict[Digest, None] = OrderedDict()
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
                self._unused[digest] = None
                self._unused_nbytes += len(code)
                self._trim(but=1)

    def hold(self, digest: Digest) -> None:
        """Keep a function until `release`: a task refers to it."""
        if not digest:
            return
        if digest in self._unused:
            del self._unused[digest]
            self._unused_nbytes -= len(self._codes[digest])
        self._users[digest] = self._users.get(digest, 0) + 1

    def release(self, digest: Digest) -> None:
        """Undo one `hold`."""
        if not digest:
            return
        users = self._users[digest] - 1
        if users:
            self._users[digest] = users
            return
        del self._users[digest]
        if digest in self._codes:
            self._unused[digest] = None
            self._unused_nbytes += len(self._codes[digest])
            self._trim()

    def _trim(self, but: int = 0) -> None:
        """Let go of what was used longest ago, but for the last that is yet to be."""
        while len(self._unused) > but and (
            self._unused_nbytes > self._kept_nbytes or len(self._unused) > KEPT
        ):
            oldest, _ = self._unused.popitem(last=False)
            self._unused_nbytes -= len(self._codes.pop(oldest))

"""The functions an engine was told: unpacked once each, and the oldest forgotten."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ..aliases import Digest
from ..errors import CannotUnpack
from ..serialize.callables import unpack_function
from ..serialize.main import adopt, gathered
from ..serialize.modules import generation

__all__ = ["Functions"]

#: So many functions an engine remembers, of so many bytes; it asks again for an
#: older one.
REMEMBERED, REMEMBERED_NBYTES = 1024, 64 << 20


class Functions:
    """The functions an engine was told, unpacked once each."""

    def __init__(self) -> None:
        self._known: OrderedDict[Digest, Callable[..., Any] | CannotUnpack]
        self._known = OrderedDict()
        self._companions: dict[Digest, list[tuple[str, Any]]] = {}
        self._sizes: dict[Digest, int] = {}
        self._nbytes = 0
        #: The function whose companions are in the namespace.
        self.current: Digest = b""
        self._generation = generation()

    def __contains__(self, digest: Digest) -> bool:
        if self._generation != generation():  # modules came, or came anew
            self._generation = generation()
            self._known.clear()
            self._companions.clear()
            self._sizes.clear()
            self._nbytes = 0
            self.current = b""
        return not digest or digest in self._known

    def define(self, digest: Digest, code: bytes) -> None:
        """Remember a function; one that cannot be unpacked, with the reason."""
        with gathered() as companions:
            try:
                self._known[digest] = unpack_function(code)
            except CannotUnpack as error:
                self._known[digest] = error
        self._companions[digest] = companions
        self._nbytes += len(code) - self._sizes.get(digest, 0)
        self._sizes[digest] = len(code)
        while len(self._known) > 1 and (
            len(self._known) > REMEMBERED or self._nbytes > REMEMBERED_NBYTES
        ):
            oldest, _ = self._known.popitem(last=False)
            del self._companions[oldest]
            self._nbytes -= self._sizes.pop(oldest)

    def get(self, digest: Digest) -> Callable[..., Any]:
        """Return a function, the names that came along with it in their place.

        Raises
        ------
        CannotUnpack
            It came, and could not be unpacked here.
        """
        found = self._known[digest]
        if isinstance(found, CannotUnpack):
            raise CannotUnpack(*found.args) from found.__cause__
        if digest != self.current:
            # Another function may have brought other values under these names.
            self.restore(digest)
        return found

    def peek(self, digest: Digest) -> Any:
        """Return what there is under a digest, if only to speak of it."""
        return self._known.get(digest)

    def restore(self, digest: Digest) -> None:
        """Put the names that came along with a function in their place again."""
        self.current = digest
        for name, value in self._companions.get(digest, ()):
            adopt(name, value)

"""Records on their way into one answer, which is much: out of memory until then."""

from __future__ import annotations

import tempfile
from typing import Any, TypeAlias

import msgspec

__all__ = ["MOST_NBYTES", "Gathering", "Place"]

#: No answer of records is larger, bytes. A full record has half of that, but for what
#: its tasks were called with and returned.
MOST_NBYTES = 128 << 20
#: So much is gathered in memory, bytes.
IN_MEMORY = 4 << 20

#: Where a record begins, and how many bytes it has.
Place: TypeAlias = tuple[int, int]


class Gathering:
    """Packs records one by one, and then joins them in any order.

    A hundred thousand records are a quarter of a gigabyte while none is packed, and
    hundreds of thousands of pieces of memory, which are not used again as one.
    """

    def __init__(self) -> None:
        self._encode = msgspec.msgpack.Encoder().encode
        self._file = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - see `close`
            IN_MEMORY, prefix="parallel-"
        )
        self._end = 0

    def put(self, record: dict[str, Any]) -> Place:
        """Pack a record; return its place.

        Raises
        ------
        ValueError
            It is one too many.
        """
        packed = self._encode(record)
        begin, self._end = self._end, self._end + len(packed)
        if self._end > MOST_NBYTES:
            raise ValueError(
                f"the records that meet this query are more than {MOST_NBYTES:,} "
                "bytes: ask for fewer of them at a time, or for fewer keys of each"
            )
        self._file.write(packed)
        return begin, len(packed)

    def join(self, places: list[Place]) -> msgspec.Raw:
        """Return these records, packed as one list."""
        joined = bytearray(b"\xdd" + len(places).to_bytes(4, "big"))
        at = -1
        for begin, nbytes in places:
            if begin != at:
                self._file.seek(begin)
            joined += self._file.read(nbytes)
            at = begin + nbytes
        return msgspec.Raw(joined)

    def close(self) -> None:
        """Forget all."""
        self._file.close()

"""Type aliases that the whole package shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

#: The number that users see: counts up from 0, never reused in a cluster's life.
EngineId: TypeAlias = int
#: What identifies one process among its peers: 16 random bytes.
Uuid: TypeAlias = bytes
#: What names a packed function: the digest of its bytes.
Digest: TypeAlias = bytes
#: What a user may say to mean some engines.
Targets: TypeAlias = int | str | slice | Sequence[int] | None

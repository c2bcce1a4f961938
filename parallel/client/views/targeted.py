"""What views of given engines have in common: whom they mean, and how they send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...aliases import EngineId
from ...protocol.messages import Method
from ...protocol.terms import Terms
from ...serialize.calls import pack_value
from ...serialize.objects import Packed
from ..results import AsyncResult
from ..targets import is_id, nobody, resolve, resolve_all
from .base import View

__all__ = ["TargetedView"]

#: So much of its targets a view tells in its `repr`, characters.
SHOWN = 16


class TargetedView(View):
    """Engines by number.

    Parameters
    ----------
    targets
        A list of ids, one id (results are then bare values), or `all`: whoever is
        there when a call is made.
    """

    def __init__(self, client: Any, connection: Any, targets: Any) -> None:
        super().__init__(client, connection)
        self.targets = targets

    def _resolve(self, targets: Any = None) -> tuple[list[EngineId], bool]:
        """Return the ids meant, at least one, and whether one bare value is wanted."""
        ids, single = self._resolve_any(targets)
        if not ids:
            raise nobody(self)
        return ids, single

    def _resolve_any(self, targets: Any = None) -> tuple[list[EngineId], bool]:
        """Return the ids meant, none maybe, and whether one bare value is wanted."""
        targets = self.targets if targets is None else targets
        if is_id(targets):
            return resolve(self._connection, [targets]), True
        if isinstance(targets, str) and targets == "all":
            return resolve_all(self._connection), False
        return resolve(self._connection, targets), False

    def __len__(self) -> int:
        return len(self._resolve_any()[0])

    def _send(self, method: Method, value: Any, what: str, targets: Any) -> AsyncResult:
        """Send the same value to each target."""
        return self._send_packed(method, pack_value(value, what), what, targets)

    def _send_packed(
        self, method: Method, packed: Packed, what: str, targets: Any
    ) -> AsyncResult:
        ids, single = self._resolve(targets)
        terms = self._terms
        result = AsyncResult(
            self._connection, what, single=single, count=len(ids), terms=terms
        )
        self._submit(result, method, b"", packed, ids, terms=terms)
        return result

    def _send_parts(
        self, result: AsyncResult, method: Method, digest: bytes,
        ids: list[EngineId], parts: Sequence[Packed], terms: Terms | None,
    ) -> None:  # fmt: skip
        """Send a payload of its own to each target."""
        for i, (engine_id, own) in enumerate(zip(ids, parts, strict=True)):
            self._submit(result, method, digest, own, [engine_id], i, terms)

    def __repr__(self) -> str:
        targets = str(self.targets)
        if len(targets) > SHOWN:
            targets = f"{targets[: SHOWN - 4]}...]"
        return f"<{type(self).__name__} {targets}>"

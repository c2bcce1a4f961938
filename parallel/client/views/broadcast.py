"""`BroadcastView`: one message for many engines."""

from __future__ import annotations

from typing import Any

from ...aliases import EngineId
from ...protocol.messages import Method
from ...protocol.terms import Terms
from ...serialize.objects import Packed
from ..flags import Flag, switch
from ..results import AsyncResult
from ..targets import resolve
from .direct import DirectView

__all__ = ["BroadcastView"]


class BroadcastView(DirectView):
    """The engines that were there when it was made; results are always lists.

    Every call to several engines leaves here as one message, which the controller
    sends on, whatever the view: this one is for programs that ask for it by name.

    Parameters
    ----------
    targets
        The engines; they are looked up now.
    is_coalescing
        Whether one reply for all would do. Results are in the order of the targets
        either way, and `engine_id` is in the order of the results.
    """

    is_coalescing = Flag(switch, False, "Whether one reply for all would do.")

    def __init__(
        self, client: Any, connection: Any, targets: Any = "all",
        is_coalescing: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(client, connection, resolve(connection, targets))
        self.is_coalescing = is_coalescing

    def _submit(
        self, result: AsyncResult, method: Method, digest: bytes, packed: Packed,
        targets: list[EngineId], index: int = 0, terms: Terms | None = None,
    ) -> None:  # fmt: skip
        # What is mapped, gathered or executed has a result of a kind of its own, and
        # what is scattered goes to one engine at a time: users know none as coalescing.
        alike = type(result) is AsyncResult and len(targets) == len(result)
        coalesces = self.is_coalescing and alike
        result.tell(is_broadcast=True, is_coalescing=coalesces)
        super()._submit(result, method, digest, packed, targets, index, terms)

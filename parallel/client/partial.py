"""What has come of results that have not all come, by message id."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = ["Partial"]


class Partial(Mapping[str, Any]):
    """A dict that cannot be changed: an entry goes when the whole result is there.

    Parameters
    ----------
    under_way
        Returns the results that have not all come.
    facts
        Returns what is known by message id of one of them.
    """

    def __init__(
        self,
        under_way: Callable[[], list[Any]],
        facts: Callable[[Any], dict[str, Any]],
    ) -> None:
        self._under_way = under_way
        self._facts = facts

    def _all(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for result in self._under_way():
            found.update(self._facts(result))
        return found

    def __getitem__(self, msg_id: str) -> Any:
        found = self._all()
        if msg_id not in found:
            raise KeyError(
                f"there is no {msg_id!r}: here is what has come of results that this "
                "client still waits for. get_result(msg_id) asks the controller for "
                "others, also of other clients"
            )
        return found[msg_id]

    def __contains__(self, msg_id: object) -> bool:
        return msg_id in self._all()

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def clear(self) -> None:
        """Do nothing: no result is kept for this dict, and those that come are needed.

        Programs call it to free the memory of results that they have.
        """

    def __repr__(self) -> str:
        return repr(self._all())

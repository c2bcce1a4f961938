"""Which engines belong to which set."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from ..aliases import EngineId
from ..client.client import Client
from ..errors import TransportError

__all__ = ["ids_of", "leaving"]

#: A controller tells of engines that have ended within this, seconds.
NEWS = 5.0


def ids_of(client: Client, set_id: str) -> list[EngineId]:
    """Return the ids of a set's engines, as far as they are registered."""
    engines = client._connection.engines.values()
    return sorted(each.engine_id for each in engines if each.engine_set == set_id)


@contextlib.contextmanager
def leaving(connect: Callable[..., Client], set_id: str) -> Iterator[None]:
    """Have the controller tell of the end of a set's engines before the block ends.

    Else its clients would take them for those that are started next.
    """
    try:
        client = connect(timeout=NEWS)
    except TransportError:  # there is nobody to tell of it, nor to be told
        yield
        return
    with client:
        ids = set(ids_of(client, set_id))
        yield
        client._connection.wait(lambda: ids.isdisjoint(client.ids), None, NEWS)

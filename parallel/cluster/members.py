"""Which engines belong to which set."""

from __future__ import annotations

from ..aliases import EngineId
from ..client.client import Client

__all__ = ["ids_of"]


def ids_of(client: Client, set_id: str) -> list[EngineId]:
    """Return the ids of a set's engines, as far as they are registered."""
    engines = client._connection.engines.values()
    return sorted(each.engine_id for each in engines if each.engine_set == set_id)

"""A client in words: how many engines it has, and in a notebook which."""

from __future__ import annotations

from typing import Any

from ..aliases import EngineId
from .staffing import Staffing
from .tables import Table
from .tallies import counted

__all__ = ["Roster"]


class Roster(Staffing):
    """What a prompt and a notebook show of a client, as it is known here."""

    profile: str
    cluster: Any

    def _ids(self) -> list[EngineId]:
        """Return the ids of the engines that are there; of a closed client, none."""
        if self._connection.closed is not None:
            return []
        self._connection.look()
        return sorted(self._connection.engines)

    def _ipython_key_completions_(self) -> list[EngineId]:
        """Return the engines' ids, for IPython to complete `rc[…`."""
        return self._ids()

    def __repr__(self) -> str:
        if self._connection.closed is not None:
            return "<Client: closed>"
        return f"<Client: {len(self._ids())} engines>"

    def _repr_html_(self) -> str:
        if self._connection.closed is not None:
            return str(Table("Client", "closed"))
        known = self._connection.engines.copy()
        facts = [("profile", self.profile)]
        if self.cluster is not None:
            facts.append(("cluster", self.cluster.cluster_id))
        facts.append(("under way", counted(len(self._connection.outstanding))))
        engines = [known[each] for each in sorted(known)]
        rows = [(each.engine_id, each.host, each.pid) for each in engines]
        table = Table("Client", f"{len(rows)} engines").add_facts(facts)
        return str(table.add_grid(("engine", "host", "pid"), rows))

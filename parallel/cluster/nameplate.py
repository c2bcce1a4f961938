"""A cluster in words: which one it is, and what it has."""

from __future__ import annotations

from pathlib import Path

from ..client.tables import Table
from ..transport.locations import profile_dir
from .launchers.registry import name_of
from .sets import EngineSets

__all__ = ["Nameplate"]


class Nameplate(EngineSets):
    """What a prompt and a notebook show of a cluster, without asking any system."""

    def _place(self) -> tuple[str, str]:
        """Return how its profile is given, and as what."""
        folder = Path(self.profile_dir)
        name = folder.name.removeprefix("profile_")
        if folder == profile_dir(name):
            return "profile", name
        return "profile_dir", str(folder)

    def __repr__(self) -> str:
        place, where = self._place()
        parts = [f"cluster_id={self.cluster_id!r}", f"{place}={where!r}", f"n={self.n}"]
        there = self.controller is not None
        parts.append("controller=<running>" if there else "stopped")
        engines = vars(self).get("engines")  # it may be shown before it is made
        if engines:
            parts.append(f"engine_sets={list(engines)}")
        return f"<Cluster({', '.join(parts)})>"

    def _repr_html_(self) -> str:
        there = self.controller is not None
        facts = [("cluster_id", self.cluster_id or "''"), self._place()]
        if not there:
            facts.append(("n", str(self.n)))
        sets = vars(self).get("engines") or {}
        rows = [(name, name_of(each), each.n) for name, each in sets.items()]
        table = Table("Cluster", "running" if there else "stopped").add_facts(facts)
        return str(table.add_grid(("engine set", "launcher", "engines"), rows))

"""`ipcluster list`: the running clusters, as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from traitlets import Enum

from ..cluster.dicts import describe, dict_of
from ..cluster.launchers.registry import KINDS
from ..cluster.manager import records_there
from ..transport.holding import sweep
from .app import BaseApp
from .running import all_folders, name_of_profile
from .signals import Signals

__all__ = ["IPClusterList", "class_prefix", "table"]

HEADER = ("PROFILE", "CLUSTER-ID", "RUNNING", "ENGINES", "LAUNCHER")

#: What programs are told of a cluster, beside what `Cluster.from_dict` takes.
TOLD = (
    "cluster_id", "profile_dir", "runtime_dir", "host", "pid", "n", "launcher",
    "epoch", "urls",
)  # fmt: skip


class IPClusterList(BaseApp):
    """The command `ipcluster list`."""

    name = "ipcluster list"
    config_name = "ipcluster"
    needs_config = False
    description = "List the running clusters of all profiles, or of the one given."
    examples = """
ipcluster list
ipcluster list --profile=simulations -o json
"""
    output = Enum(
        ["text", "json"], "text", help="A table to read, or JSON for programs."
    ).tag(config=True)

    aliases = {
        "o": "IPClusterList.output",
        "output": "IPClusterList.output",
    } | BaseApp.aliases

    def run(self, signals: Signals) -> int:
        """Print the list; what dead processes have left is removed."""
        sweep()
        clusters = [
            {
                "profile": name_of_profile(folder, self.ipython_dir),
                **{name: getattr(record, name) for name in TOLD},
                "running": record.is_running(),
                "restarting": record.is_restarting(),
                "cluster_file": str(record.path),
                **dict_of(record, describe(record)),
            }
            for folder in self._folders()
            for record in records_there(folder)
        ]
        if self.output == "json":
            print(json.dumps(clusters, indent=2))
        else:
            rows = [
                (
                    str(each["profile"]),
                    each["cluster_id"] or "''",
                    "restarting" if each["restarting"] else str(each["running"]),
                    str(each["n"]),
                    class_prefix(each["launcher"]),
                )
                for each in clusters
            ]
            print("\n".join(table([HEADER, *rows])))
        return 0

    def _folders(self) -> list[Path]:
        if self.profile or self.profile_dir:
            return [self.folder]
        return all_folders(self.ipython_dir)


def class_prefix(launcher: str) -> str:
    """Return what the names of a launcher's classes begin with."""
    name, _ = KINDS.get(launcher.lower(), (launcher, ""))
    return name


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield lines in which each column is as wide as its longest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield "  ".join(cells).rstrip()

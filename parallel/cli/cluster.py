"""`ipcluster`: starts, stops and lists clusters."""

from __future__ import annotations

import sys

from .app import BaseApp
from .clean import IPClusterClean
from .engines import IPClusterEngines
from .listing import IPClusterList
from .profile import IPClusterProfile
from .scale import IPClusterScale
from .signals import Signals
from .start import IPClusterStart
from .status import IPClusterStatus
from .stop import IPClusterStop

__all__ = ["IPCluster", "main"]


class IPCluster(BaseApp):
    """The command `ipcluster`, which leaves the work to its subcommands."""

    name = "ipcluster"
    config_name = "ipcluster"
    takes_words = True
    description = (
        "Start, stop and list clusters: a controller and engines, of a profile and "
        "with an id.\n\n"
        "`ipcluster start --help` tells the options of start, and so on."
    )
    examples = """
ipcluster start -n 4                 # until Ctrl-C
ipcluster start -n 4 --daemonize     # returns once the engines are there
ipcluster list
ipcluster stop
"""
    subcommands = {  # noqa: RUF012
        "start": (IPClusterStart, "Start a cluster."),
        "engines": (IPClusterEngines, "Start engines for a running controller."),
        "scale": (IPClusterScale, "Have more engines, or fewer."),
        "stop": (IPClusterStop, "Stop clusters."),
        "list": (IPClusterList, "List the running clusters."),
        "status": (IPClusterStatus, "Tell how the engines of clusters fare."),
        "clean": (IPClusterClean, "Remove what clusters that have ended left."),
        "profile": (IPClusterProfile, "Make a profile, or list what there is to copy."),
    }

    def run(self, signals: Signals) -> int:
        """Say what there is, for no subcommand was given."""
        if self.extra_args:
            there = ", ".join(self.subcommands)
            self.log.critical(
                "no subcommand %r; there are %s", self.extra_args[0], there
            )
        else:
            words = [*self.emit_description(), *self.emit_subcommands_help()]
            print("\n".join(words), file=sys.stderr)
        return 1


def main(argv: list[str] | None = None) -> None:
    """Be `ipcluster`."""
    IPCluster.main(argv)

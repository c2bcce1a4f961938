"""`ipcluster clean`: removes what clusters that have ended left in their profiles."""

from __future__ import annotations

from traitlets import Bool

from ..cluster.cleaning import clean_cluster_files
from ..cluster.records import profile_folders
from .app import BaseApp
from .signals import Signals

__all__ = ["IPClusterClean"]


class IPClusterClean(BaseApp):
    """The command `ipcluster clean`."""

    name = "ipcluster clean"
    config_name = "ipcluster"
    needs_config = False
    description = (
        "Remove the cluster files, connection files and logs of a profile's clusters, "
        "which must have ended."
    )
    examples = """
ipcluster clean
ipcluster clean --all
"""
    force = Bool(help="Remove those of running clusters, too.").tag(config=True)
    all_profiles = Bool(help="Clean all profiles.").tag(config=True)

    flags = {
        "force": (
            {"IPClusterClean": {"force": True}},
            "Remove those of running clusters, too: nobody finds them any more.",
        ),
        "all": ({"IPClusterClean": {"all_profiles": True}}, "Clean all profiles."),
    } | BaseApp.flags

    def run(self, signals: Signals) -> int:
        """Remove the files."""
        folders = [self.folder]
        if self.all_profiles:
            folders = profile_folders(self.ipython_dir)
        try:
            clean_cluster_files(folders, log=self.log, force=self.force)
        except ValueError as error:
            return self.fail(error)
        return 0

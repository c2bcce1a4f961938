"""`ipcluster profile`: profiles made from those that come with the package."""

from __future__ import annotations

from traitlets import Unicode

from ..cluster.profiles import create_profile, shipped_profiles
from ..errors import LauncherError
from ..transport.locations import profile_dir
from .app import BaseApp
from .signals import Signals

__all__ = ["IPClusterProfile"]


class IPClusterProfile(BaseApp):
    """The command `ipcluster profile`."""

    name = "ipcluster profile"
    config_name = "ipcluster"
    needs_config = False
    takes_words = True
    description = (
        "Make a profile from one that comes with the package, or list those.\n\n"
        "`create NAME --from=slurm` copies a configuration to be filled in."
    )
    examples = """
ipcluster profile list
ipcluster profile create cluster --from=slurm
ipcluster start -n 16 --profile=cluster
"""
    like = Unicode("local", help="The profile to begin with.").tag(config=True)

    aliases = {"from": "IPClusterProfile.like"} | BaseApp.aliases

    def run(self, signals: Signals) -> int:
        """Do what the first word says."""
        verb, *names = self.extra_args or ["list"]
        if verb == "list" and not names:
            print("\n".join(shipped_profiles()))
            return 0
        if verb != "create" or len(names) != 1:
            raise LauncherError(
                f"{' '.join(self.extra_args)}: it is `create NAME`, or `list`"
            )
        folder = profile_dir(names[0], ipython=self.ipython_dir)
        for path in create_profile(folder, self.like):
            print(path)
        return 0

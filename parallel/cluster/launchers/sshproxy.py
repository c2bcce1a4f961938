"""`SSHProxyLauncher`: engines that one host starts, in its own way."""

from __future__ import annotations

from typing import ClassVar

from traitlets import List, Unicode

from .ssh import SSHLauncher

__all__ = ["SSHProxyLauncher"]


class SSHProxyLauncher(SSHLauncher):
    """On one host that one can log in to, which starts the engines in its own way."""

    kind = "sshproxy"
    sends_file: ClassVar[bool] = True

    ipcluster_cmd = List(
        Unicode(), help="The command there; by default that of the package."
    ).tag(config=True)
    ipcluster_args = List(
        Unicode(), help="More arguments for it, such as --engines=slurm."
    ).tag(config=True)

    def most(self) -> dict[str, int | None]:
        """Return the one host, which may have any number."""
        return {self.one_host(): None}

    def words_for(self, words: list[str]) -> list[str]:
        """Return the command of a cluster there."""
        begin = words.index("engines")
        command = self.ipcluster_cmd or words[:begin]
        return [*command, *words[begin:], *self.ipcluster_args]

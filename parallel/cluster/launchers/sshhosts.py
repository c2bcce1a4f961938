"""The hosts of an ssh launcher: which they are, and how many engines each has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from traitlets import Dict, Int, List, Unicode

from ...errors import LauncherError
from ...transport.ssh import Destination
from .launcher import Launcher
from .program import CONTROLLER
from .remote import Remote
from .spreading import filled, limits, spread

__all__ = ["SSHHosts"]


class SSHHosts(Launcher):
    """What is said of the hosts that one logs in to."""

    without: ClassVar[frozenset[str]] = frozenset(
        {"queue", "account", "walltime", "cores", "memory"}
    )

    hosts = List(
        Unicode(),
        help="The hosts, user@host:port or what ~/.ssh/config calls them; the engines "
        "are spread over them evenly.",
    ).tag(config=True)
    engines = Dict(
        help="How many engines each host has at most: {'node1': 4, 'me@node2:22': 2}, "
        "or {'node1': {'n': 4, 'python': '/opt/bin/python'}} for options of its own."
    ).tag(config=True)
    hostname = Unicode(help="The one host; for a controller, say.").tag(config=True)
    ssh_cmd = List(
        Unicode(), help="The ssh command; by default what $PARALLEL_SSH says, or ssh."
    ).tag(config=True)
    ssh_args = List(Unicode(), help="More arguments for it.").tag(config=True)
    sshkey = Unicode(help="The file of a private key, if ssh needs it.").tag(
        config=True
    )
    remote_python = Unicode(help="The same as python.").tag(config=True)
    remote_profile_dir = Unicode(
        help="The profile's folder over there; by default the one here, seen from the "
        "home folder."
    ).tag(config=True)
    logins_at_once = Int(
        8,
        min=1,
        help="So many logins are under way at a time; sshd drops more than 10.",
    ).tag(config=True)

    @property
    def engine_count(self) -> int | None:
        """How many engines the options come to, where they say so."""
        if not (self.engines or self.hosts or self.hostname):
            return None
        most = list(self.most().values())
        return None if None in most else sum(each or 0 for each in most)

    def shares(self, n: int | None) -> dict[str, int | None]:
        """Return how many engines each host is to have.

        Raises
        ------
        LauncherError
            No hosts are named, or they take fewer.
        """
        if self.program.role == CONTROLLER:
            return {self.one_host(): None}
        most = self.most()
        if n is None:
            return dict(most)
        if None in most.values() and not self.engines:
            return dict(spread(n, list(most)))
        return dict(filled(n, most))

    def one_host(self) -> str:
        """Return the host of what runs on one."""
        for host in [self.hostname, *self.hosts, *self.engines]:
            if host:
                return str(host)
        raise LauncherError(f"no host to log in to: set {type(self).__name__}.hostname")

    def most(self) -> dict[str, int | None]:
        """Return how many engines each host may have; None for any number."""
        if self.engines:
            return limits(self.engines)
        hosts = self.hosts[: self.nodes] or ([self.hostname] if self.hostname else [])
        if not hosts or (self.nodes or 0) > len(hosts):
            raise LauncherError(
                f"{self.nodes or 'some'} hosts are asked for, and {len(hosts)} are "
                f"named: {type(self).__name__}.hosts names them, or .engines"
            )
        return dict.fromkeys(hosts, self.engines_per_node)

    def remote(self, host: str, n: int | None) -> Remote:
        """Return what is to be one host's part."""
        words = Destination.read(host, self.sshkey).words(
            "-T", *self.ssh_args, command=self.ssh_cmd
        )
        return Remote(host, n, words, self.output_limit)

    def options_of(self, host: str) -> Callable[[str], Any]:
        """Return what tells the options of a host, its own or those of all."""
        own = self.engines.get(host)
        own = own if isinstance(own, dict) else {}

        def option(name: str) -> Any:
            common = getattr(self, name)
            if name == "python":
                common = common or self.remote_python
            return own.get(name, common)

        return option

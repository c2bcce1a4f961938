"""The ways by which who is outside comes to a cluster, and how each can be cut."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tests.relay import CUTS, Relay
from tests.system.hosts import Hosts

__all__ = ["OverCable", "OverRelay", "Way"]


class Way(Protocol):
    """Leads from outside to a cluster, until it is cut."""

    #: How it can be cut.
    cuts: Sequence[str]

    def words(self, command: list[str]) -> list[str]:
        """Return the arguments of a process that is at its outer end."""
        ...

    def file(self, file: Path, copy: Path) -> Path:
        """Return a connection file that leads over it: this one, or the copy."""
        ...

    def cut(self, how: str) -> None:
        """Cut it, until it is healed."""
        ...

    def heal(self) -> None:
        """Let everything pass again."""
        ...

    def close(self) -> None:
        """Remove it."""
        ...


class OverRelay:
    """Leads through a process that carries connections, or does not."""

    cuts: Sequence[str] = CUTS

    def __init__(self, url: str) -> None:
        relay = Relay(url)
        self.cut, self.heal, self.close = relay.cut, relay.heal, relay.close
        self.file = relay.lead_over

    def words(self, command: list[str]) -> list[str]:
        """Return a command as it is: it runs here."""
        return command


class OverCable:
    """Leads from another host, in a network namespace, over its cable.

    - `unplugged`: nothing reaches or leaves the host, and nobody is told;
    - `lossy`: a third of the packets that reach it are lost;
    - `rejected`: a firewall answers for the host that there are no such connections.
    """

    cuts: Sequence[str] = ("unplugged", "lossy", "rejected")

    def __init__(self, hosts: Hosts, name: str) -> None:
        self._hosts = hosts
        self._name = name

    def words(self, command: list[str]) -> list[str]:
        """Return the arguments of a process on that host."""
        return self._hosts.words(self._name, command)

    def file(self, file: Path, copy: Path) -> Path:
        """Return the same file: it has an address that leads there."""
        return file

    def cut(self, how: str) -> None:
        """Cut it in one of its ways."""
        if how == "unplugged":
            self._hosts.cut(self._name)
        elif how == "lossy":
            self._hosts.lose(self._name, 33)
        else:
            self._hosts.reject(self._name)

    def heal(self) -> None:
        """Plug it in, without a firewall."""
        self._hosts.heal(self._name)
        self._hosts.open_all(self._name)

    def close(self) -> None:
        """Leave it: the hosts are removed by who made them."""

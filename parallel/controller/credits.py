"""How much each client may have under way: what the controller holds, shared out."""

from __future__ import annotations

from ..aliases import Uuid
from ..protocol.messages import FREE, Credit
from .limits import Holdings
from .peers import Peers

__all__ = ["Credits"]


class Credits:
    """Shares out the holdings among the clients that ask for a part of them."""

    def __init__(self, peers: Peers, holdings: Holdings) -> None:
        self._peers = peers
        self._holdings = holdings
        #: Who has asked.
        self._clients: dict[Uuid, None] = {}
        self._told: Credit | None = None

    def want(self, client: Uuid) -> None:
        """Give a client its share, and the others less if need be."""
        self._clients[client] = None
        if not self._share():
            self._tell(client)

    def leave(self, client: Uuid) -> None:
        """Share out among the others what a client that has left may have had."""
        if client in self._clients:
            del self._clients[client]
            self._share()

    def _share(self) -> bool:
        """Tell all what they may have if that has changed; tell whether it has.

        All have as if there were the next power of two of them: what comes or goes
        seldom changes it.
        """
        shares = 1 << max(0, len(self._clients) - 1).bit_length()
        credit = Credit(
            max(FREE.tasks, self._holdings.tasks // shares),
            max(FREE.nbytes, self._holdings.nbytes // shares),
        )
        if credit == self._told:
            return False
        self._told = credit
        for client in self._clients:
            self._tell(client)
        return True

    def _tell(self, client: Uuid) -> None:
        peer = self._peers.work.get(client)
        if peer is not None and self._told is not None:
            self._peers.say(peer, self._told)

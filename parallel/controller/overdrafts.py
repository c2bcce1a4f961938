"""Clients that have far more under way than they may: told so, and let go.

Clients keep to their credit by themselves. Some may exceed it, and do so by little:
callbacks are not held up, nor is who waits for itself. One that goes on without an end
would fill up the controller, whatever it is made for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized

from ..aliases import Uuid
from ..errors import ProtocolError
from ..protocol.messages import FREE, Trouble
from ..protocol.wire import frames_nbytes
from ..state.naming import TaskKey
from ..state.tasks import Task
from .functions import FunctionStore
from .limits import Holdings
from .peer import Peer
from .peers import Peers
from .work import Work

__all__ = ["Overdrafts"]

#: What one client may have under way, and all together, in terms of what the controller
#: holds by agreement; at half of that it is told.
TIMES = 4
#: While there is too much in all, so many times its credit may be a client's.
SLACK = 2
#: So many arguments for each engine, and for as many more, may be as large as they are.
SPARED = 8
#: It is looked what a client has after so many bytes that it has sent, and, when there
#: is too much in all, this often, seconds.
STEP_NBYTES, EVERY = 16 << 20, 0.25
MIB = 1 << 20


class Overdrafts:
    """Looks now and then how much clients have under way.

    Parameters
    ----------
    tasks, kept
        Those that the machine has; and all else that is kept for a client: what waits
        for a function, or for engines to come back, and its setups.
    give_up
        Gives up tasks of a client that have not started.
    engines
        Those that are there.
    """

    def __init__(
        self,
        peers: Peers,
        holdings: Holdings,
        tasks: Mapping[TaskKey, Task],
        kept: Callable[[Uuid], Iterable[Work]],
        functions: FunctionStore,
        give_up: Callable[[Uuid, list[int], float], None],
        engines: Sized = (),
    ) -> None:
        self._peers = peers
        self._tasks = tasks
        self._kept = kept
        self._functions = functions
        self._give_up = give_up
        self._engines = engines
        #: Each client has that much without asking.
        self._agreed = max(holdings.tasks, FREE.tasks)
        self._most = Holdings(
            tasks=TIMES * self._agreed, nbytes=TIMES * max(holdings.nbytes, FREE.nbytes)
        )
        self._tolerated = self._most.tasks // 2
        #: Who was told that it is too much.
        self._told: set[Uuid] = set()
        self._looked = 0.0
        #: How many tasks there were in all when it was looked.
        self._seen = 0

    @property
    def is_due(self) -> bool:
        """Tell whether there is so much in all that somebody is to be told."""
        return len(self._tasks) > self._tolerated

    def hear(self, peer: Peer, nbytes: int, now: float) -> None:
        """Take note that a client has sent so much; look what it has now and then.

        Raises
        ------
        ProtocolError
            It has too much under way.
        """
        peer.heard += nbytes
        if peer.heard > STEP_NBYTES:
            self.judge(peer, now)

    def look(self, peer: Peer, now: float) -> None:
        """Look whether a client is to be blamed if there is too much in all.

        Raises
        ------
        ProtocolError
            It is.
        """
        if not self.is_due:
            return
        count = len(self._tasks)
        # Who has sent it all within a moment says nothing more by which to look.
        if now > self._looked + EVERY or abs(count - self._seen) > self._agreed:
            self._looked, self._seen = now, count
            self.judge(peer, now)

    def forget(self, client: Uuid) -> None:
        """Forget a client that has left."""
        self._told.discard(client)

    def room(self, client: Uuid) -> Holdings:
        """Return how much more may be under way for one."""
        (count, nbytes), most = self.held(client), self._most
        return Holdings(
            tasks=max(0, most.tasks - count), nbytes=max(0, most.nbytes - nbytes)
        )

    def check_open(self, count: int) -> None:
        """See that a client which is back has no more under way than it may.

        Raises
        ------
        ProtocolError
            It says that it has.
        """
        if count > self._most.tasks:
            raise ProtocolError(
                f"it says that {count:,} of its tasks have not ended, and may have "
                f"{self._most.tasks:,} at most"
            )

    def judge(self, peer: Peer, now: float) -> None:
        """Look what a client has under way.

        Raises
        ------
        ProtocolError
            It is too much: what had not started is given up.
        """
        peer.counted_nbytes += peer.heard
        peer.heard = 0
        most = self._most
        if peer.uuid not in self._told and self._has_little(peer):
            return
        count, nbytes = self.held(peer.uuid)
        peer.counted = count - peer.submitted
        peer.counted_nbytes = nbytes
        has_too_much = count > most.tasks or nbytes > most.nbytes
        if len(self._tasks) > most.tasks:  # others have left that had
            has_too_much |= count > SLACK * self._agreed
        words = f"it has {_say(count, nbytes)} under way"
        limit = _say(most.tasks, most.nbytes)
        if has_too_much:
            self._give_up(peer.uuid, self._seqs(peer.uuid), now)
            raise ProtocolError(
                f"{words}, and may have {limit} at most: what had not started is given "
                "up"
            )
        if 2 * count > most.tasks or 2 * nbytes > most.nbytes:
            if peer.uuid not in self._told:
                self._told.add(peer.uuid)
                text = f"this client submits too much: {words}. At {limit} it is let go"
                self._peers.say(peer, Trouble(text, hinders=False))
        elif 4 * count < most.tasks and 4 * nbytes < most.nbytes:
            self._told.discard(peer.uuid)

    def _has_little(self, peer: Peer) -> bool:
        """Tell whether a client cannot have so much that all tasks are to be looked at.

        It has no more than when they were last, and what it has submitted since.
        """
        if peer.counted is None:
            return False
        count, most = peer.counted + peer.submitted, self._most
        return 2 * count <= most.tasks and 2 * peer.counted_nbytes <= most.nbytes

    def held(self, client: Uuid) -> tuple[int, int]:
        """Return how many tasks are held for a client, and how many bytes.

        The largest arguments do not count: a part of an array for each engine is not
        held up, however large it is, nor is a map that has two for each under way.
        """
        count = 0
        sizes: list[int] = []
        digests = set()
        seen: set[int] = set()
        for work, times in self._works(client):
            count += times
            if id(work) in seen:  # one of several targets
                continue
            seen.add(id(work))
            digests.add(work.submit.digest)
            sizes.append(len(work.submit.payload) + frames_nbytes(work.frames))
        known = [digest for digest in digests if digest and digest in self._functions]
        sizes += [len(self._functions.code(each)) for each in known]
        sizes.sort()
        spared = SPARED * (len(self._engines) + SPARED)
        return count, sum(sizes[: max(0, len(sizes) - spared)])

    def _works(self, client: Uuid) -> Iterator[tuple[Work, int]]:
        tasks = self._tasks.items()
        yield from [(task.body, 1) for key, task in tasks if key[0] == client]
        for work in self._kept(client):
            yield work, len(work.submit.targets or (None,))

    def _seqs(self, client: Uuid) -> list[int]:
        seqs = [key.seq for key in self._tasks if key[0] == client]
        for work in self._kept(client):
            submit = work.submit
            last = submit.seq + len(submit.targets or (None,))
            seqs += range(submit.seq, last) if work.setup is None else ()
        return seqs


def _say(tasks: int, nbytes: int) -> str:
    return f"{tasks:,} tasks with {nbytes / MIB:,.0f} MiB"

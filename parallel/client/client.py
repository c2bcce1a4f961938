"""`Client`: connects a session to a cluster, and hands out views of its engines."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, NoReturn, overload

import msgspec

from ..aliases import EngineId, Targets
from ..errors import EngineError, NoEnginesRegistered
from ..protocol.connection import ConnectionInfo, from_json
from ..protocol.messages import Stop
from ..serialize.functions import refuse_pickling
from ..transport.locations import connection_file, profile_dir, read_connection_file
from .connection import Connection
from .views.balanced import LoadBalancedView
from .views.direct import DirectView
from .waiting import wait_for

__all__ = ["Client"]

_open: weakref.WeakSet[Client] = weakref.WeakSet()


class Client:
    """A connection to a running cluster.

    Parameters
    ----------
    connection_info
        The path of a connection file, or its content as a dict; by default the
        file that the cluster of this profile and cluster id wrote.
    profile, profile_dir, ipython_dir
        Where to look for it: a profile's name, or its folder outright.
    cluster_id
        Which cluster of the profile; '' is the one that `ipcluster start` makes.
    cluster
        The `Cluster` that this client belongs to, if this process made it.
    timeout
        Seconds to wait for the file, and for the controller to answer.

    Raises
    ------
    ControllerUnreachable
        There is no such file, or nobody answers; an `OSError` and a `TimeoutError`.
    ConnectionRefused
        The file is not one of this package, or the controller said no.
    """

    def __init__(
        self,
        connection_info: str | Path | Mapping[str, Any] | ConnectionInfo | None = None,
        *,
        profile: str | None = None,
        profile_dir: str | Path | None = None,
        ipython_dir: str | Path | None = None,
        cluster_id: str | None = None,
        cluster: Any = None,
        timeout: float = 10,
    ) -> None:
        #: Whether the views made from now on wait for results.
        self.block = False
        #: The cluster that made this client, or None.
        self.cluster = cluster
        start = monotonic()
        if connection_info is None:
            connection_info = _find(profile, profile_dir, ipython_dir, cluster_id)
        info = _as_info(connection_info, timeout)
        left = max(0.1, timeout - (monotonic() - start))
        self._connection = Connection(info, left)
        _open.add(self)
        # Whoever drops a client without closing it leaves no thread or socket behind.
        weakref.finalize(self, _close_soon, self._connection).atexit = False

    # Engines

    @property
    def ids(self) -> list[EngineId]:
        """The ids of the engines that are there, in order."""
        self._connection.look()
        return sorted(self._connection.engines)

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[DirectView]:
        for engine_id in self.ids:
            yield self.direct_view(engine_id)

    def __getitem__(self, key: int | slice | Sequence[int]) -> DirectView:
        if not isinstance(key, (int, slice, list, tuple, range)):
            raise TypeError(
                f"engines are chosen by int, slice or list, not {type(key).__name__}"
            )
        return self.direct_view(key)

    def resolve(self, targets: Targets) -> list[EngineId]:
        """Return the ids that some targets mean.

        Negative numbers and slices count in the list of ids.

        Raises
        ------
        IndexError
            There is no such engine; the error tells how it died, if it did.
        NoEnginesRegistered
            There is none at all.
        TypeError
            They are no targets.
        """
        engines = self._connection.engines
        if (
            targets
            and isinstance(targets, list)
            and all(type(each) is int and each in engines for each in targets)
        ):
            return targets
        ids = self.ids
        if not ids:
            raise NoEnginesRegistered(
                "no engine is registered: wait_for_engines(n) waits for them"
            )
        if targets is None or targets == "all":
            return ids
        if isinstance(targets, slice):
            return ids[targets]
        if isinstance(targets, int):
            targets = [targets]
        if isinstance(targets, str):
            raise TypeError(
                f"targets are ids, a slice of them or 'all', not {targets!r}"
            )
        return [self._one(t, ids) for t in targets]

    def _one(self, target: Any, ids: list[EngineId]) -> EngineId:
        if not isinstance(target, int) or isinstance(target, bool):
            raise TypeError(f"an engine's id is an int, not {target!r}")
        if target < 0 and -target <= len(ids):
            return ids[target]
        if target in ids:
            return target
        died = self._connection.departed.get(target)
        more, story = (" any more", f". It {died}") if died else ("", "")
        raise IndexError(f"there is no engine {target}{more}; engines are {ids}{story}")

    def wait_for_engines(
        self, n: int | None = None, *, timeout: float | None = -1
    ) -> None:
        """Wait until `n` engines are there.

        Parameters
        ----------
        n
            By default as many as the cluster was started with.
        timeout
            Seconds; a negative number or None waits for ever.

        Raises
        ------
        TypeError
            `n` is not given, and the cluster is not known.
        TimeoutError
            They were not there in time; the error says how many were.
        EngineError
            Engines cannot come: the cluster says why.
        """
        if n is None:
            n = getattr(self.cluster, "n", None)
        if n is None:
            raise TypeError("wait_for_engines(n): how many?")
        known = len(self._connection.troubles)
        connection = self._connection

        def decided() -> bool:
            return (
                len(connection.engines) >= n
                or len(connection.troubles) > known
                or connection.closed is not None
            )

        forever = timeout is None or timeout < 0
        connection.wait(decided, None, None if forever else timeout)
        if len(connection.engines) >= n:
            return
        if connection.closed is not None:
            raise connection.closed
        if len(connection.troubles) > known:
            raise EngineError("\n".join(connection.troubles[known:]))
        there = len(connection.engines)
        raise TimeoutError(f"{there} of {n} engines registered within {timeout:g} s")

    # Views

    def direct_view(self, targets: Any = "all") -> DirectView:
        """Return a view of these engines: ids, a slice of them, or 'all'.

        'all' means whoever is there when a call is made; everything else is
        resolved now.
        """
        if isinstance(targets, int) and not isinstance(targets, bool):
            targets = self.resolve([targets])[0]
        elif targets != "all":
            targets = self.resolve(targets)
        view = DirectView(self, self._connection, targets)
        view.block = self.block
        return view

    def load_balanced_view(self) -> LoadBalancedView:
        """Return a view of any engine."""
        view = LoadBalancedView(self, self._connection)
        view.block = self.block
        return view

    # The rest

    def wait(self, jobs: Any = None, timeout: float | None = -1) -> bool:
        """Wait for results; tell whether all of them have come.

        Parameters
        ----------
        jobs
            A result or future, or several; None for all that is outstanding.
        timeout
            Seconds; a negative number or None waits for ever.
        """
        return wait_for(self._connection, jobs, timeout)

    def queue_status(self, targets: Any = "all", verbose: bool = False) -> Any:
        """Return what engines have to do.

        Returns
        -------
        dict
            By engine id: `queue` (direct tasks in hand), `tasks` (balanced ones) and
            `completed`, and under `unassigned` what waits for an engine. For one id,
            that engine's alone.
        """
        found = self._connection.ask("queue_status", verbose=verbose)
        status = {
            key if key == "unassigned" else int(key): v for key, v in found.items()
        }
        if targets == "all" or targets is None:
            return status
        if isinstance(targets, int):
            return status[self.resolve([targets])[0]]
        wanted = {*self.resolve(targets), "unassigned"}
        return {key: value for key, value in status.items() if key in wanted}

    def shutdown(self, targets: Any = "all", *, hub: bool = False) -> None:
        """Stop engines; with `hub`, all of them, the controller, and this client."""
        ids = None if hub or targets == "all" else self.resolve(targets)
        self._connection.order(Stop(ids, hub))
        if hub:
            self._connection.wait(
                lambda: self._connection.closed is not None, None, 10.0
            )
            self.close()

    def close(self) -> None:
        """Disconnect; the cluster goes on."""
        _open.discard(self)
        self._connection.close()

    def abandon(self) -> None:
        """Let go of a connection that belongs to the process that forked this one."""
        _open.discard(self)
        self._connection.abandon()

    def __enter__(self) -> Client:
        return self

    @overload
    def __exit__(self, kind: None, error: None, traceback: None) -> None: ...
    @overload
    def __exit__(
        self,
        kind: type[BaseException],
        error: BaseException,
        traceback: TracebackType | None,
    ) -> None: ...
    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        refuse_pickling("Client")

    def __repr__(self) -> str:
        if self._connection.closed is not None:
            return "<Client: closed>"
        return f"<Client: {len(self)} engines>"


def _find(
    profile: str | None,
    folder: str | Path | None,
    ipython: str | Path | None,
    cluster_id: str | None,
) -> Path:
    where = profile_dir(profile, folder=folder, ipython=ipython)
    if cluster_id is None:  # on an engine: its own cluster
        cluster_id = os.environ.get("IPP_CLUSTER_ID", "")
    return connection_file(where, cluster_id, "client")


def _as_info(given: Any, timeout: float) -> ConnectionInfo:
    if isinstance(given, ConnectionInfo):
        return given
    if isinstance(given, Mapping):
        return from_json(msgspec.json.encode(dict(given)), "the dict given")
    if isinstance(given, str) and "://" in given:
        raise ValueError(
            f"{given!r} is an address: a client needs a connection file, with its keys"
        )
    return read_connection_file(Path(given), timeout)


def _close_soon(connection: Connection) -> None:
    """Close a connection whose client was collected, by whatever thread that was."""
    if connection.closed is None:
        threading.Thread(target=connection.close, daemon=True).start()


def _abandon_all() -> None:
    for client in list(_open):
        client.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)


@atexit.register
def _close_all() -> None:
    for client in list(_open):
        client.close()

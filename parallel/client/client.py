"""`Client`: connects a session to a cluster, and hands out views of its engines."""

from __future__ import annotations

import atexit
import os
import signal
import threading
import warnings
import weakref
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, NoReturn, overload

from ..aliases import EngineId, Targets
from ..errors import TimeoutError
from ..protocol.connection import ConnectionInfo, curve_keys
from ..protocol.messages import Signal, Stop
from ..serialize.functions import refuse_pickling
from .absence import RECONNECT_TIMEOUT
from .arrivals import Arrivals
from .classic import ClassicClient
from .connection import Connection
from .executor import ViewExecutor
from .jobs import futures_and_ids
from .locating import check_options, find, read, warn_of_loopback
from .progress import new_bar, watch_progress
from .records import Records
from .targets import is_id, resolve
from .views.balanced import LoadBalancedView
from .views.broadcast import BroadcastView
from .views.direct import DirectView
from .waiting import wait_for

__all__ = ["Client"]

_open: weakref.WeakSet[Client] = weakref.WeakSet()

#: Engines that were told to end are gone within this, seconds, or something is wrong.
LEAVING = 10.0


class Client(Records, ClassicClient):
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
    reconnect_timeout
        Seconds that the controller is waited for if it cannot be reached any more;
        None for ever. Meanwhile calls wait, and what is under way is kept.
    debug
        Kept as an attribute; nothing else depends on it.
    url_file
        An old name of `connection_info`.
    context
        Of no effect: each client has a zmq context of its own.
    sshserver, sshkey, password, paramiko
        For tunnels.
    **session_kwargs
        What other packages' sessions take is left out; anything else is an error.

    Raises
    ------
    ControllerUnreachable
        There is no such file, or nobody answers; an `OSError` and a `TimeoutError`.
    ConnectionRefused
        The file is not one of this package, or the controller said no.
    ValueError
        An address is given instead of a file.
    """

    def __init__(
        self,
        connection_info: str | Path | Mapping[str, Any] | ConnectionInfo | None = None,
        *,
        url_file: str | Path | None = None,
        profile: str | None = None,
        profile_dir: str | Path | None = None,
        ipython_dir: str | Path | None = None,
        context: Any = None, debug: bool = False,
        sshserver: str | None = None, sshkey: str | None = None,
        password: str | None = None, paramiko: bool | None = None,
        timeout: float = 10, cluster_id: str | None = None, cluster: Any = None,
        reconnect_timeout: float | None = RECONNECT_TIMEOUT,
        **session_kwargs: Any,
    ) -> None:  # fmt: skip
        ssh = {"sshserver": sshserver, "sshkey": sshkey, "password": password}
        check_options(session_kwargs, ssh)
        if url_file is not None:
            warnings.warn(
                "Client(url_file=…) is called connection_info now",
                DeprecationWarning,
                stacklevel=2,
            )
            connection_info = connection_info or url_file
        #: Whether the views made from now on wait for results.
        self.block = False
        self.debug = debug
        #: The cluster that made this client, or None.
        self.cluster = cluster
        #: The name of its profile.
        self.profile = profile or getattr(cluster, "profile", None) or "default"
        start = monotonic()
        if connection_info is None:
            connection_info = find(profile, profile_dir, ipython_dir, cluster_id)
        info = read(connection_info, timeout)
        warn_of_loopback(info)
        left = max(0.1, timeout - (monotonic() - start))
        super().__init__(Connection(info, left), info.secret)
        self.reconnect_timeout = reconnect_timeout
        #: The keys of an encrypted connection, as bytes; None without one.
        keys = curve_keys(info)
        self.curve_serverkey, self.curve_publickey, self.curve_secretkey = keys
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
        if not (is_id(key) or isinstance(key, (slice, list, tuple, range))):
            raise TypeError(
                f"engines are chosen by int, slice or list, not {type(key).__name__}"
            )
        return self.direct_view(key)

    def resolve(self, targets: Targets) -> list[EngineId]:
        """Return the ids that some targets mean: see `client.targets.resolve`."""
        self._connection.look()
        return resolve(self._connection, targets)

    @overload
    def wait_for_engines(
        self, n: int | None = None, *, timeout: float | None = -1,
        interactive: bool | None = None, widget: Any = None,
    ) -> None: ...  # fmt: skip
    @overload
    def wait_for_engines(
        self, n: int | None = None, *, timeout: float | None = -1, block: bool,
        interactive: bool | None = None, widget: Any = None,
    ) -> Future[None] | None: ...  # fmt: skip
    def wait_for_engines(
        self,
        n: int | None = None,
        *,
        timeout: float | None = -1,
        block: bool = True,
        interactive: bool | None = None,
        widget: Any = None,
    ) -> Future[None] | None:
        """Wait until `n` engines are there.

        Parameters
        ----------
        n
            By default as many as the cluster was started with.
        timeout
            Seconds; a negative number or None waits for ever.
        block
            Wait here; otherwise return a future that is resolved with None then.
        interactive
            Show how many are there; by default in IPython only.
        widget
            What draws the progress; see `AsyncResult.wait_interactive`.

        Raises
        ------
        TypeError
            `n` is not given, and the cluster is not known.
        TimeoutError
            They were not there in time; the error says how many were.
        EngineError
            One has left meanwhile, or engines cannot come: the cluster says why.
        """
        if n is None:
            n = getattr(self.cluster, "n", None)
        if n is None:
            raise TypeError("wait_for_engines(n): how many?")
        arrivals = Arrivals(self._connection, n)
        if not block:
            return arrivals.future(timeout)
        arrivals.wait(timeout, interactive=interactive, widget=widget)
        return None

    # Views

    def direct_view(self, targets: Any = "all", **flags: Any) -> DirectView:
        """Return a view of these engines: ids, a slice of them, or 'all'.

        'all' means whoever is there when a call is made; everything else is
        resolved now.

        Parameters
        ----------
        **flags
            To set on the view.
        """
        if is_id(targets):
            targets = self.resolve([targets])[0]
        elif targets is None:
            targets = "all"
        elif not isinstance(targets, str):
            targets = self.resolve(targets)
        view = DirectView(self, self._connection, targets)
        return view.set_flags(**{"block": self.block, **flags})

    def load_balanced_view(self, targets: Any = None, **flags: Any) -> LoadBalancedView:
        """Return a view of any engine, or of any of these, which are resolved now.

        Parameters
        ----------
        **flags
            To set on the view.
        """
        every = targets is None or (isinstance(targets, str) and targets == "all")
        targets = None if every else self.resolve(targets)
        view = LoadBalancedView(self, self._connection, targets)
        return view.set_flags(**{"block": self.block, **flags})

    def broadcast_view(
        self, targets: Any = "all", is_coalescing: bool = False, **flags: Any
    ) -> BroadcastView:
        """Return a view of the engines that are there now, for calls to all of them.

        Parameters
        ----------
        is_coalescing
            Whether one reply for all would do.
        **flags
            To set on the view.
        """
        view = BroadcastView(self, self._connection, targets, is_coalescing)
        return view.set_flags(**{"block": self.block, **flags})

    def executor(self, targets: Any = None) -> ViewExecutor:
        """Return a `concurrent.futures.Executor` of any engine, or of any of these."""
        return self.load_balanced_view(targets).executor

    def activate(self, targets: Any = "all", suffix: str = "") -> DirectView:
        """Make IPython's magics work on engines; return a blocking view of them.

        Raises
        ------
        NotAvailable
            The magics are not there.
        """
        view = self.direct_view(targets, block=True)
        view.activate(suffix)
        return view

    # Waiting

    def wait(self, jobs: Any = None, timeout: float | None = -1) -> bool:
        """Wait for results; tell whether all of them have come.

        Parameters
        ----------
        jobs
            Results, futures, message ids, places in the history, or several of
            these; None for all that is outstanding.
        timeout
            Seconds; a negative number or None waits for ever.

        Raises
        ------
        TypeError
            A job is none of these.
        ValueError
            An id is not of a message that this client sent.
        """
        return wait_for(self._connection, jobs, timeout, self.history)

    def wait_interactive(
        self, jobs: Any = None, interval: float = 1.0, timeout: float = -1.0
    ) -> bool:
        """Wait for results, and show how many have come; tell whether all have.

        Parameters
        ----------
        jobs
            As for `wait`.
        interval
            A bar is drawn anew so often, seconds.
        timeout
            Seconds; a negative number waits for ever.
        """
        jobs = list(self.outstanding) if jobs is None else jobs
        futures, ids = futures_and_ids(jobs, self.history)

        def come() -> int:
            left = self.outstanding
            done = sum(future.done() for future in futures)
            return done + len(ids) - len(left & set(ids))

        return watch_progress(
            self._connection.waits,
            new_bar(len(futures) + len(ids), "results"),
            come,
            lambda seconds: self.wait([*futures, *ids], seconds),
            interval, None if timeout < 0 else timeout,
        )  # fmt: skip

    # Orders

    def clear(self, targets: Any = None, block: bool | None = None) -> Any:
        """Empty engines' namespaces, by default all engines'."""
        view = self.direct_view("all" if targets is None else targets)
        return view.clear(block=block)

    def send_signal(
        self, sig: int | str, targets: Any = None, block: bool | None = None
    ) -> None:
        """Have engines send themselves a signal, also while they work.

        Parameters
        ----------
        sig
            A number, or a name such as 'SIGINT', which means what it means there.
        targets
            By default all engines.
        block
            Of no effect: nobody answers a signal.

        Raises
        ------
        ValueError
            There is no signal of that name.
        """
        if isinstance(sig, bool) or not isinstance(sig, (int, str)):
            raise TypeError(f"a signal is a number or a name, not {sig!r}")
        if isinstance(sig, str) and sig not in signal.Signals.__members__:
            raise ValueError(f"there is no signal {sig!r}: names are as 'SIGINT'")
        number = sig if isinstance(sig, str) else int(sig)
        self._connection.order(Signal(number, self.resolve(targets)))

    def shutdown(
        self,
        targets: Any = "all",
        restart: bool = False,
        hub: bool = False,
        block: bool | None = None,
    ) -> None:
        """Stop engines; with `hub`, all of them, the controller, and this client.

        Parameters
        ----------
        restart
            Not possible this way: see `Cluster.restart_engines`.
        block
            Wait until they are gone; by default as the client's `block` says.

        Raises
        ------
        NotImplementedError
            A restart is asked for.
        TimeoutError
            They were not gone within ten seconds.
        """
        if restart:
            raise NotImplementedError(
                "engines are restarted by their cluster: Cluster.restart_engines()"
            )
        connection = self._connection
        every = targets is None or (isinstance(targets, str) and targets == "all")
        ids = None if hub or every else self.resolve(targets)
        leaving = self.ids if ids is None else ids
        connection.order(Stop(ids, hub))
        if hub:
            connection.wait(lambda: connection.closed is not None, None, LEAVING)
            self.close()
            return
        if not (self.block if block is None else block):
            return
        gone = connection.wait(
            lambda: connection.engines.keys().isdisjoint(leaving), None, LEAVING
        )
        if not gone:
            left = sorted(connection.engines.keys() & set(leaving))
            raise TimeoutError(f"engines {left} are still there after {LEAVING:g} s")

    def close(self, linger: float | None = None) -> None:
        """Disconnect; the cluster goes on.

        Parameters
        ----------
        linger
            Of no effect: what was submitted is sent.
        """
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

"""`Client`: connects a session to a cluster, and hands out views of its engines."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, NoReturn, overload

from ..errors import TimeoutError
from ..protocol.connection import ConnectionInfo, curve_keys
from ..protocol.messages import Signal, Stop
from .absence import RECONNECT_TIMEOUT
from .classic import ClassicClient
from .engines import Engines
from .extensions import EXTENSIONS
from .jobs import futures_and_ids
from .locating import check_options, find, read
from .openclients import note_closed, note_open
from .pickling import refuse_pickling
from .progress import new_bar, watch_progress
from .waiting import wait_for
from .ways import connect

__all__ = ["Client"]

#: Engines that were told to end are gone within this, seconds, or something is wrong.
LEAVING = 10.0


class Client(Engines, ClassicClient):
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
    sshserver, sshkey
        A host to go through by ssh, `user@host:port`, and the file of a private key.
    password, paramiko
        Refused: the system's ssh logs in, with a key.
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
        check_options(session_kwargs, password, paramiko)
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
        connection = connect(info, start + timeout, sshserver, sshkey)
        super().__init__(connection, info.secret)
        self.reconnect_timeout = reconnect_timeout
        #: The keys of an encrypted connection, as bytes; None without one.
        keys = curve_keys(info)
        self.curve_serverkey, self.curve_publickey, self.curve_secretkey = keys
        note_open(self, self._connection)
        EXTENSIONS.call("session", self)

    # Waiting

    def wait(self, jobs: Any = None, timeout: float | None = -1) -> bool:
        """Wait for results; tell whether all of them have come.

        Parameters
        ----------
        jobs
            Results, futures, message ids, places in the history, or several of
            these; None for all that is outstanding, and for all of a map of which
            some is.
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
        if jobs is None:
            jobs = [*self._connection.tasks.unfinished_maps(), *self.outstanding]
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
        note_closed(self)
        self._connection.close()

    def abandon(self) -> None:
        """Let go of a connection that belongs to the process that forked this one."""
        note_closed(self)
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

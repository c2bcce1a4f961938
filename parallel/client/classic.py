"""What programs of ipyparallel still call, and nobody needs any more."""

from __future__ import annotations

import warnings
from typing import Any

from ..errors import NotAvailable
from .extensions import EXTENSIONS

__all__ = ["ClassicClient"]


class ClassicClient:
    """Methods of a client that have become a matter of course, or of other modules."""

    def direct_view(self, targets: Any = "all", **flags: Any) -> Any:
        """Return a view of some engines."""
        raise NotImplementedError

    def spin(self) -> None:
        """Do nothing: results come by themselves."""
        _warn("spin()")

    def spin_thread(self, interval: float = 1) -> None:
        """Do nothing: results come by themselves."""
        _warn("spin_thread()")

    def stop_spin_thread(self) -> None:
        """Do nothing: no such thread is needed."""
        _warn("stop_spin_thread()")

    def send_apply_request(
        self,
        socket: Any,
        f: Any,
        args: Any = None,
        kwargs: Any = None,
        metadata: Any = None,
        track: bool = False,
        ident: Any = None,
    ) -> Any:
        """Call a function on an engine; return its AsyncResult.

        Parameters
        ----------
        socket, metadata, track
            Of no effect.
        ident
            The engine's id; None for any engine.
        """
        return self._view_of(ident).apply_async(f, *(args or ()), **(kwargs or {}))

    def send_execute_request(
        self,
        socket: Any,
        code: str,
        silent: bool = True,
        metadata: Any = None,
        ident: Any = None,
    ) -> Any:
        """Run source text on an engine; return its AsyncResult.

        Parameters
        ----------
        socket, metadata
            Of no effect.
        ident
            The engine's id.

        Raises
        ------
        ValueError
            No engine is given: source text is for one in particular.
        """
        if ident is None:
            raise ValueError("send_execute_request(ident=…): which engine?")
        view = self.direct_view(ident)
        return view.execute(code, silent=silent, block=False)

    def create_message_futures(
        self, msg_id: str, header: Any, async_result: bool = False,
        track: bool = False, label: str | None = None,
    ) -> Any:  # fmt: skip
        """Await a message that was sent by hand: there are none.

        Raises
        ------
        NotAvailable
            Always; the error says what to use.
        """
        raise NotAvailable(
            "client.create_message_futures() awaits what client.session sent: here "
            "only views send. view.apply_async() returns a future, and "
            "client.get_result(msg_id) the one of a message"
        )

    def load_balanced_view(self, targets: Any = None, **flags: Any) -> Any:
        """Return a view of any engine."""
        raise NotImplementedError

    def _view_of(self, ident: Any) -> Any:
        return self.load_balanced_view() if ident is None else self.direct_view(ident)

    def become_dask(
        self,
        targets: Any = "all",
        port: int = 0,
        nanny: bool = False,
        scheduler_args: dict[str, Any] | None = None,
        **worker_args: Any,
    ) -> Any:
        """Make engines the workers of a Dask cluster; return its client.

        Raises
        ------
        NotAvailable
            This release cannot.
        """
        become = EXTENSIONS.find("dask", "client.become_dask()")
        return become(self, targets, port, nanny, scheduler_args, **worker_args)

    def stop_dask(self, targets: Any = "all") -> None:
        """Undo `become_dask`.

        Raises
        ------
        NotAvailable
            This release cannot.
        """
        EXTENSIONS.find("dask", "client.stop_dask()")(self, targets, stop=True)

    become_distributed = become_dask
    stop_distributed = stop_dask


def _warn(what: str) -> None:
    warnings.warn(
        f"Client.{what} does nothing: results come in by themselves",
        DeprecationWarning,
        stacklevel=3,
    )

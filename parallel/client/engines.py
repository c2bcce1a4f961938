"""The engines of a client's cluster: counted, chosen, waited for, and viewed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any, overload

from ..aliases import EngineId, Targets
from .arrivals import Arrivals
from .executor import ViewExecutor
from .roster import Roster
from .targets import is_id, resolve
from .views.balanced import LoadBalancedView
from .views.broadcast import BroadcastView
from .views.direct import DirectView

__all__ = ["Engines"]


class Engines(Roster):
    """A collection of engines, by their ids; an item of it is a view of some."""

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
        arrivals = Arrivals(self._connection, n, self.cluster)
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
        """Have IPython's magics work on engines; return a blocking view of them.

        Their names end with the suffix: see `DirectView.activate`.
        """
        view = self.direct_view(targets, block=True)
        view.activate(suffix)
        return view

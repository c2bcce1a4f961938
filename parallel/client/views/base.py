"""What every view can do."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from ...aliases import EngineId
from ...protocol.messages import Define, Method, Setup
from ...protocol.terms import Terms
from ...protocol.wire import stow
from ...serialize.callables import Callee
from ...serialize.calls import pack_call
from ...serialize.objects import Packed
from ...transport import nesting
from ..executor import ViewExecutor
from ..flags import Flag, Flagged, duration, reaction, switch, terms_of, text
from ..frontend import ipython
from ..history import MsgIds, Outstanding, Spans
from ..pickling import refuse_pickling
from ..progress import is_wanted
from ..remotefunctions import ParallelFunction, RemoteFunction, parallel, remote
from ..results import AsyncResult
from ..tables import Table
from ..tallies import counted
from ..targets import checked_targets

__all__ = ["View"]

if TYPE_CHECKING:
    from ..connection import Connection

V = TypeVar("V", bound="View")
#: A map that somebody waits for has a bar after so long, seconds, unasked.
BAR_AFTER = 1.0


class View(Flagged):
    """Some engines, seen through one client."""

    block = Flag(switch, False, "Whether calls wait for their result.")
    track = Flag(switch, False, "Of no effect: every result can tell what was sent.")
    targets = Flag(checked_targets, None, "The engines: ids, or 'all'.")
    label = Flag(text, None, "What to call the tasks in their metadata.")
    time_limit = Flag(duration, None, "A task is stopped after so many seconds.")
    when_full = Flag(
        reaction, "wait", "Wait, or raise, when its client may submit no more for now."
    )
    #: The client that made this view.
    client: Any = None

    def __init__(self, client: Any, connection: Connection) -> None:
        super().__init__()
        self.client = client
        self._connection = connection
        self._spans = Spans()
        self._executor: ViewExecutor | None = None
        #: What tasks ask for: None for nothing.
        self._terms: Terms | None = None

    # Flags

    def set_flags(self: V, **flags: Any) -> V:
        """Set attributes by name; return the view.

        Raises
        ------
        KeyError
            The view has no such flag; nothing was set.
        TypeError, ValueError
            A value cannot be: nothing was set.
        """
        self._change_flags(flags)
        return self

    @contextmanager
    def temp_flags(self: V, **flags: Any) -> Iterator[V]:
        """Set attributes for the length of a `with` block."""
        before = self._flags
        self._change_flags(flags)
        try:
            yield self
        finally:
            self._restore_flags(before)

    def _flags_changed(self) -> None:
        self._terms = terms_of(self._flags)

    # Calls

    def _apply(
        self, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AsyncResult:
        raise NotImplementedError

    def apply(self, f: Callee, /, *args: Any, **kwargs: Any) -> Any:
        """Call `f(*args, **kwargs)` there: the result if `block`, else an AsyncResult.

        Raises
        ------
        CannotPack
            An argument cannot travel; the error names it, and nothing was sent.
        TypeError
            `f` cannot be called.
        """
        result = self._apply(f, args, kwargs)
        return self._maybe_wait(result, self.block)

    def apply_async(self, f: Callee, /, *args: Any, **kwargs: Any) -> AsyncResult:
        """Call `f(*args, **kwargs)` there; return an AsyncResult at once."""
        return self._set_off(self._apply(f, args, kwargs))

    def apply_sync(self, f: Callee, /, *args: Any, **kwargs: Any) -> Any:
        """Call `f(*args, **kwargs)` there and wait; return the result."""
        return self._maybe_wait(self._apply(f, args, kwargs), True)

    def map(self, f: Callee, /, *sequences: Any, **options: Any) -> Any:
        """Call `f` with each element: the results if `block`, else an AsyncMapResult.

        Further sequences give further arguments; the shortest ends the map, as in
        the built-in `map`.
        """
        raise NotImplementedError

    def map_async(self, f: Callee, /, *sequences: Iterable[Any], **options: Any) -> Any:
        """Call `f` with each element; return an AsyncMapResult at once."""
        if "block" in options:
            raise TypeError("map_async does not wait: it takes no block=")
        return self.map(f, *sequences, block=False, **options)

    def map_sync(self, f: Callee, /, *sequences: Iterable[Any], **options: Any) -> Any:
        """Call `f` with each element and wait; return the list of results."""
        if "block" in options:
            raise TypeError("map_sync waits: it takes no block=")
        return self.map(f, *sequences, block=True, **options)

    def imap(self, f: Callee, /, *sequences: Any, **options: Any) -> Iterator[Any]:
        """Call `f` with each element; return an iterator of the results."""
        return iter(self.map_async(f, *sequences, **options))

    def remote(
        self, block: bool | None = None, **flags: Any
    ) -> Callable[[Callee], RemoteFunction]:
        """Return a decorator: to call the function is to apply it here."""
        return remote(self, block=block, **flags)

    def parallel(
        self, dist: str = "b", block: bool | None = None, **flags: Any
    ) -> Callable[[Callee], ParallelFunction]:
        """Return a decorator: to call the function is to split its sequences here."""
        return parallel(self, dist=dist, block=block, **flags)

    def setup(self, f: Callee, /, *args: Any, **kwargs: Any) -> AsyncResult:
        """Call `f(*args, **kwargs)` on all engines that are there, and on all to come.

        An engine that joins later makes the call before any other work. If it fails
        there, that is logged as a warning, and `wait_for_engines` raises it while it
        waits; the engine works nevertheless. A later setup with a function of the same
        name takes the place of the earlier one.

        Returns
        -------
        AsyncResult
            The results of the engines that are there.
        """
        connection = self._connection
        connection.look()
        known = sorted(connection.engines)
        function = connection.pack_function(f)
        packed = pack_call(function.name, args, kwargs)
        name = function.name
        if not name.isidentifier():  # two lambdas are two setups
            name = f"{name} {function.digest.hex()[:8]}"
        payload, frames = stow(packed.payload, packed.buffers)
        # The function may have been forgotten where no task refers to it.
        setup = Setup(name, function.digest, payload, len(frames), known)
        connection.tell(Define(function.digest, function.code))
        connection.tell(setup, frames)
        connection.reopening.set_up(function, setup, frames)
        terms = self._terms
        result = AsyncResult(
            connection, function.name, single=False, count=len(known), terms=terms
        )
        if known:
            method = Method.APPLY
            self._submit(result, method, function.digest, packed, known, terms=terms)
        else:
            result.set_result(None)
        return self._set_off(result)

    def _submit(
        self, result: AsyncResult, method: Method, digest: bytes, packed: Packed,
        targets: list[EngineId], index: int = 0, terms: Terms | None = None,
    ) -> None:  # fmt: skip
        """Send the same payload to each target."""
        if not index:  # of several parts, all go together
            self._connection.pace(self)
        seq = self._connection.submit(
            result, method, digest, packed, targets, index, terms
        )
        result.number(seq, targets)
        self._spans.add(seq, len(targets))

    # What was submitted

    @property
    def history(self) -> MsgIds:
        """The ids of the messages that this view has sent, in their order."""
        return MsgIds(self._connection.session, self._spans)

    @history.setter
    def history(self, ids: Sequence[str]) -> None:
        under_way = sorted(self.outstanding.seqs())
        self.history.become(ids)
        for seq in under_way:  # what `wait` waits for
            self._spans.add(seq)

    @property
    def outstanding(self) -> Outstanding:
        """The ids of those that have not come back."""
        connection = self._connection
        connection.look()
        return Outstanding(
            connection.session, lambda: connection.outstanding, self._spans
        )

    @property
    def results(self) -> Any:
        """What has come of results that have not all come: see `Client.results`."""
        return self.client.results

    def wait(self, jobs: Any = None, timeout: float | None = -1) -> bool:
        """Wait for results, by default for all of this view: see `Client.wait`."""
        jobs = self._unfinished() if jobs is None else self._named(jobs)
        return bool(self.client.wait(jobs, timeout))

    def _unfinished(self) -> list[Any]:
        """Return what `wait` waits for by default."""
        return list(self.outstanding)

    def abort(self, jobs: Any = None, targets: Any = None, block: Any = None) -> None:
        """Give up what has not started, by default all of this view's.

        See `Client.abort`.
        """
        jobs = list(self.outstanding) if jobs is None else self._named(jobs)
        self.client.abort(jobs, targets=targets, block=block)

    def get_result(
        self, indices_or_msg_ids: Any = None, block: bool | None = None,
        owner: bool = False,
    ) -> Any:  # fmt: skip
        """Return results by id, or by their place in this view's history.

        See `Client.get_result`; None means the last one.
        """
        jobs = -1 if indices_or_msg_ids is None else indices_or_msg_ids
        block = self.block if block is None else block
        return self.client.get_result(self._named(jobs), block=block, owner=owner)

    def _named(self, jobs: Any) -> Any:
        """Return jobs with an id in the place of each index into our history."""
        if isinstance(jobs, int) and not isinstance(jobs, bool):
            return self.history[jobs]
        if isinstance(jobs, slice):
            return self.history[jobs]
        if isinstance(jobs, (list, tuple, set, range)):
            return [self._named(job) for job in jobs]
        return jobs

    # The engines

    def queue_status(self, targets: Any = None, verbose: bool = False) -> Any:
        """Return what this view's engines have to do: see `Client.queue_status`."""
        return self.client.queue_status(self._or_mine(targets), verbose=verbose)

    def purge_results(self, jobs: Any = (), targets: Any = ()) -> Any:
        """Have the controller forget results: see `Client.purge_results`."""
        return self.client.purge_results(jobs=self._named(jobs), targets=targets)

    def shutdown(
        self, targets: Any = None, restart: bool = False, hub: bool = False,
        block: bool | None = None,
    ) -> None:  # fmt: skip
        """Stop this view's engines: see `Client.shutdown`."""
        block = self.block if block is None else block
        targets = self._or_mine(targets)
        self.client.shutdown(targets, restart=restart, hub=hub, block=block)

    def _or_mine(self, targets: Any) -> Any:
        targets = self.targets if targets is None else targets
        return "all" if targets is None else targets

    @property
    def executor(self) -> ViewExecutor:
        """A `concurrent.futures.Executor` on this view; once shut down, a new one."""
        if self._executor is None or self._executor.is_shut_down:
            self._executor = ViewExecutor(self)
        return self._executor

    def spin(self) -> None:
        """Do nothing: results come by themselves."""
        self.client.spin()

    # Results

    def _set_off(self, result: AsyncResult) -> AsyncResult:
        """Let a result's tasks leave, and return it, to be waited for by the user."""
        result.belong_to(self.client)
        self._connection.set_off()
        return result

    def _wait_for_map(
        self, result: AsyncResult, block: bool | None, progress: bool | None
    ) -> Any:
        """Return a map's value as `_maybe_wait` does, with a bar if one is wanted."""
        blocks = self.block if block is None else block
        if is_wanted(progress, waits=blocks):
            delay = 0.0 if progress else BAR_AFTER
            if blocks:  # the bar moves though nothing comes, and ends with the wait
                wait = partial(result.wait_with_bar, delay)
                return self._maybe_wait(result, blocks, wait)
            result.show_progress(delay=delay)
        return self._maybe_wait(result, blocks)

    def _maybe_wait(
        self, result: AsyncResult, block: bool | None,
        wait: Callable[[], object] = lambda: None,
    ) -> Any:  # fmt: skip
        """Return a result's value if this view, or the call, is to block."""
        if not (self.block if block is None else block):
            return self._set_off(result)
        try:
            wait()
            return result.get()
        except KeyboardInterrupt:
            if nesting.current is not None:  # in a task, which is to end
                raise
            result.belong_to(self.client)
            if ipython() is not None:  # a prompt, or a cell that seems to have ended
                _tell_interrupted(result)
            return result  # the work goes on: the user keeps the handle on it

    def _repr_html_(self) -> str:
        facts = [("engines", "any" if self.targets is None else self.targets)]
        facts += [
            (name, value)
            for name, value in self._flags.items()
            if name == "block" or (name != "targets" and self._is_set(name))
        ]
        facts.append(("under way", counted(len(self.outstanding))))
        return str(Table(type(self).__name__).add_facts(facts))

    def _is_set(self, name: str) -> bool:
        """Tell whether a flag has another value than that of a new view."""
        return bool(self._flags[name] != self.flags[name].default)

    def __reduce__(self) -> NoReturn:
        refuse_pickling(type(self).__name__)


def _tell_interrupted(result: AsyncResult) -> None:
    kind = type(result).__name__
    told = f"what was submitted goes on. The value is its {kind}: cancel() gives it up"
    print(f"Interrupted: not waiting any more; {told}", file=sys.stderr, flush=True)

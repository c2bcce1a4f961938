"""`LoadBalancedView`: any engine, whichever is free."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from weakref import WeakValueDictionary

from ...protocol.messages import Method
from ...protocol.terms import ENGINE_RETRIES, Terms
from ...serialize.callables import Callee
from ...serialize.calls import pack_call
from ..extensions import EXTENSIONS
from ..flags import (
    Flag,
    amounts,
    count,
    dependency,
    labelled,
    number,
    seconds,
    terms_of,
    words,
)
from ..lazymaps import LazyMapIterator
from ..maps import check_chunksize, start_map
from ..partition import BLOCK, sized
from ..parts import PartsResult, parts_of
from ..results import AsyncResult
from ..targets import nobody, resolve
from .base import View

__all__ = ["LoadBalancedView"]


class LoadBalancedView(View):
    """Any engine: each call is made once, where there is least to do.

    Parameters
    ----------
    targets
        The engines that may be chosen: ids, or None for any.
    """

    after = Flag(dependency, None, "Start once these tasks have ended.")
    follow = Flag(dependency, None, "Run where these tasks ran, once they have ended.")
    timeout = Flag(seconds, None, "Fail if not begun after so many seconds.")
    retries = Flag(count, 0, "Try again so often after an exception, elsewhere.")
    engine_retries = Flag(
        count, ENGINE_RETRIES, "Survive so many deaths of engines; 0 is none."
    )
    priority = Flag(number, 0, "What has a higher one goes first.")
    resources = Flag(amounts, None, "So much of each is taken while the task runs.")
    labels = Flag(words, None, "Run on engines that carry all of these.")

    #: What the engines were chosen by: not looked at again with each other flag, for
    #: some may have died since.
    _chosen_by: Any = None
    _ids: list[int] | None = None

    def __init__(self, client: Any, connection: Any, targets: Any = None) -> None:
        self._maps: WeakValueDictionary[int, AsyncResult] = WeakValueDictionary()
        super().__init__(client, connection)
        self.targets = targets

    # Terms

    def _flags_changed(self) -> None:
        targets = self._flags["targets"]
        if targets is not self._chosen_by:
            self._ids, self._chosen_by = self._chosen(targets), targets
        #: Whether `_terms` are those of the flags as they are now.
        self._are_settled = False

    def _chosen(self, targets: Any) -> list[int] | None:
        if targets is None or isinstance(targets, str):  # 'all': see checked_targets
            return None
        return resolve(self._connection, targets)

    def _terms_now(self) -> Terms | None:
        if not self._are_settled:
            if self._ids == []:
                raise nobody(self)
            flags = self._flags
            self._terms = terms_of(flags, self._ids)
            # To these users may add: they are looked at with each task.
            self._are_settled = flags["after"] is None and flags["follow"] is None
        return self._terms

    # Calls

    def _apply(
        self, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AsyncResult:
        connection = self._connection
        function = connection.pack_function(f)
        packed = pack_call(function.name, args, kwargs)
        terms = self._terms if self._are_settled else self._terms_now()
        result = AsyncResult(connection, function.name, single=True, terms=terms)
        connection.pace(self)
        seq = connection.submit(
            result, Method.APPLY, function.digest, packed, terms=terms
        )
        result.number(seq)
        self._spans.add(seq)
        return result

    def map(
        self,
        f: Callee,
        /,
        *sequences: Iterable[Any],
        block: bool | None = None,
        chunksize: int | None = None,
        ordered: bool = True,
        return_exceptions: bool = False,
        label: str | None = None,
        progress: bool | None = None,
    ) -> Any:
        """Call `f` with each element, wherever there is an engine free.

        Parameters
        ----------
        block
            Whether to wait; the view's own `block` if None.
        chunksize
            So many elements a task; by default what the calls' own times suggest.
        ordered
            Iterate in the order of the elements, or as results come.
        return_exceptions
            Put an exception in the place of its element's result rather than raise.
        label
            What to call the tasks in their metadata.
        progress
            Show a bar; by default in IPython, when this waits and it takes a while.

        Raises
        ------
        AssertionError
            There is no sequence.
        ValueError
            A chunksize below 1.
        """
        self._connection.pace(self)
        result = start_map(
            self._connection,
            self._connection.pack_function(f),
            sequences,
            chunksize=chunksize,
            ordered=ordered,
            return_exceptions=return_exceptions,
            terms=labelled(self._terms_now(), label),
            submitted=self._spans.add,
        )
        if isinstance(result, list):  # a map of nothing
            return result
        self._maps[id(result)] = result
        return self._wait_for_map(result, block, progress)

    def _unfinished(self) -> list[Any]:
        maps = [reference() for reference in self._maps.valuerefs()]
        # Some of a map may not be submitted yet, and so be no task that is outstanding.
        return [*filter(None, maps), *super()._unfinished()]

    def imap(
        self,
        f: Callee,
        /,
        *sequences: Iterable[Any],
        ordered: bool = True,
        max_outstanding: int | str = "auto",
        return_exceptions: bool = False,
        progress: bool = False,
    ) -> LazyMapIterator:
        """Call `f` with each element of sequences that may be without end.

        They are read as engines become free, from now on.

        Parameters
        ----------
        ordered
            Yield results in the order of the elements, or as they come.
        max_outstanding
            At most so many calls are under way; 0 for no limit, 'auto' for what
            keeps the engines busy.
        return_exceptions
            Yield an exception in the place of its result rather than raise it.
        progress
            Show a bar.
        """
        return LazyMapIterator(
            self,
            f,
            sequences,
            ordered=ordered,
            max_outstanding=max_outstanding,
            return_exceptions=return_exceptions,
            progress=progress,
        )

    def call_with_parts(
        self,
        f: Callee,
        sequences: Sequence[Any],
        dist: str = BLOCK,
        *,
        chunksize: int | None = None,
        return_exceptions: bool = False,
    ) -> Any:
        """Call `f` with parts of the sequences, wherever there is an engine free.

        As many parts as engines, or such of `chunksize` elements: see `parallel`.
        """
        check_chunksize(chunksize)
        columns = [sized(sequence) for sequence in sequences]
        total = len(columns[0]) if columns else 0
        wanted = -(-total // chunksize) if chunksize else max(1, len(self))
        parts = parts_of(columns, wanted, dist)
        if not parts:
            return []
        connection = self._connection
        function = connection.pack_function(f)
        terms = self._terms_now()
        result = PartsResult(
            connection, function.name, dist, len(parts), terms,
            return_exceptions=return_exceptions,
        )  # fmt: skip
        for i, part in enumerate(parts):
            packed = pack_call(function.name, part, {})
            connection.pace(self)
            seq = connection.submit(
                result, Method.APPLY, function.digest, packed, index=i, terms=terms
            )
            result.number(seq)
            self._spans.add(seq)
        return self._maybe_wait(result, None)

    def register_joblib_backend(
        self, name: str = "ipyparallel", make_default: bool = False
    ) -> None:
        """Make joblib run on this view.

        Parameters
        ----------
        name
            Of the backend, for `joblib.parallel_config`.
        make_default
            Whether joblib takes it unless told otherwise.

        Raises
        ------
        NotAvailable
            The backend is not there.
        """
        register = EXTENSIONS.find("joblib", "view.register_joblib_backend()")
        register(name=name, make_default=make_default, view=self)

    def __len__(self) -> int:
        ids = self._ids
        return len(self._connection.engines) if ids is None else len(ids)

    def __repr__(self) -> str:
        who = "any" if self._ids is None else self._ids
        return f"<{type(self).__name__} {who}>"

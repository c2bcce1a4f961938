"""What a client has asked its controller, and the answers that are to come."""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any

import msgspec

from ..errors import Failure, TransportError, remote_error
from ..protocol.messages import Answer, Query
from ..protocol.wire import NO_SESSION, encode
from ..transport.sockets import as_buffers

__all__ = ["Questions"]

#: What would be done twice if it were asked twice.
ONCE = frozenset({"resubmit"})


class Questions:
    """Open questions by number; each has a future.

    Parameters
    ----------
    order
        Sends a message, `behind` all that was submitted or not.
    wait
        Waits until something is so, while another thread follows by other means, at
        most so many seconds.
    """

    def __init__(self, order: Callable[..., None], wait: Callable[..., object]) -> None:
        self._order = order
        self._wait = wait
        self._seqs = itertools.count()
        self._open: dict[int, tuple[Query, bool, Future[Any]]] = {}

    def ask(
        self, name: str, timeout: float = 10.0, *, behind: bool = False,
        **arguments: Any,
    ) -> Any:  # fmt: skip
        """Return the controller's answer to a question.

        Parameters
        ----------
        behind
            Ask after all that was submitted; else it may overtake that.

        Raises
        ------
        TransportError
            It did not answer in time.
        LookupError, ValueError
            So did the controller; it is a `RemoteError` too.
        """
        seq, asked = self._put(name, arguments, behind=behind)
        self._wait(asked.done, lambda seconds: wait([asked], seconds), timeout)
        self._open.pop(seq, None)
        if not asked.done():
            raise TransportError(
                f"the controller did not answer {name!r} within {timeout:g} s"
            )
        return asked.result()

    def request(self, name: str, **arguments: Any) -> Future[Any]:
        """Ask the controller behind all that was submitted; return what it will answer.

        Callbacks of the future run in the thread that reads the connection.
        """
        return self._put(name, arguments, behind=True)[1]

    def _put(
        self, name: str, arguments: dict[str, Any], *, behind: bool
    ) -> tuple[int, Future[Any]]:
        seq = next(self._seqs)
        query = Query(seq, name, arguments)
        _check(query)
        future: Future[Any] = Future()
        self._open[seq] = query, behind, future
        try:
            self._order(query, behind=behind)
        except BaseException:
            self._open.pop(seq, None)
            raise
        return seq, future

    def on_answer(self, answer: Answer, frames: Sequence[Any] = ()) -> None:
        """Take an answer in."""
        asked = self._open.pop(answer.seq, None)
        if asked is None or not asked[2].set_running_or_notify_cancel():
            return
        query, _, future = asked
        if answer.error:
            future.set_exception(_error_of(query.name, answer.error))
        elif frames:
            (packed,) = as_buffers(frames)
            future.set_result(msgspec.msgpack.decode(packed))
        else:
            future.set_result(answer.value)

    def again(self, unsent: Collection[int], *, behind: bool) -> list[Query]:
        """Return what a controller that was started again is to be asked.

        What cannot be asked twice is not: it may have been heard. It gets an error.

        Parameters
        ----------
        unsent
            The numbers of those that nobody has heard so far.
        behind
            Those that were asked behind all that was submitted, or the others.
        """
        queries: list[Query] = []
        for seq, (query, was_behind, future) in sorted(self._open.copy().items()):
            if was_behind is not behind:
                continue
            if query.name not in ONCE or seq in unsent:
                queries.append(query)
            elif self._open.pop(seq, None) and future.set_running_or_notify_cancel():
                future.set_exception(TransportError(_say_unheard(query.name)))
        return queries

    def give_up(self, error: Exception) -> None:
        """Tell all who wait that no answer will come."""
        while self._open:
            with suppress(KeyError):  # nobody wants to know any more
                _, (*_, future) = self._open.popitem()
                if future.set_running_or_notify_cancel():
                    future.set_exception(error)


def _check(query: Query) -> None:
    """Raise if a question cannot travel, here and not where it would be sent."""
    try:
        encode(NO_SESSION, [query])
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(
            f"{query.name}: cannot ask the controller about {query.arguments}: {error}"
        ) from error


def _say_unheard(name: str) -> str:
    return (
        f"the controller was killed before it answered {name!r}, and another one has "
        "taken its place: whether it had been done is not known. Look into "
        "hub_history(), or ask for the tasks by their label"
    )


def _error_of(name: str, text: str) -> Exception:
    """Return the exception that the controller raised, if it is a built-in one."""
    kind, _, message = text.partition(": ")
    found = getattr(builtins, kind, None)
    if isinstance(found, type) and issubclass(found, (LookupError, ValueError)):
        # Who knows ipyparallel catches a RemoteError; who does not, what it is.
        return remote_error(Failure(kind, message, "", {}), found(message))
    if kind == "Omitted":
        return ValueError(message)
    return TransportError(f"{name}: {text}")

"""The result of a call as a whole: its value, or what it raised, all at once."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator
from concurrent.futures import ALL_COMPLETED, FIRST_EXCEPTION, Future
from typing import Any

from ..errors import TimeoutError
from ..protocol.messages import Status
from .awaited import patience
from .described import Described

__all__ = ["Whole"]


class Whole(Described):
    """A result that is got: in this thread, by a callback, or by `await`."""

    def get(
        self,
        timeout: float | None = None,
        return_exceptions: bool | None = None,
        return_when: str | None = None,
    ) -> Any:
        """Return the result: a bare value, or a list with one for each engine.

        Parameters
        ----------
        timeout
            Seconds to wait; None or a negative number for ever.
        return_exceptions
            Put exceptions in the place of values rather than raise them.
        return_when
            With `FIRST_EXCEPTION`, the first failure is raised when it comes.

        Raises
        ------
        TimeoutError
            It was not there in time; the error says what is missing.
        RemoteError
            The call raised; the error is also of the original type where that can be
            imported here. So is what ends a task in other ways, such as an
            `EngineError` for an engine that died.
        CompositeError
            Several calls were made, and some of them raised.
        TaskAborted, CancelledError
            It was given up.
        """
        if return_exceptions is None:
            return_exceptions = self._return_exceptions
        left = timeout
        if return_when == FIRST_EXCEPTION and not return_exceptions:
            self._wait_for_first(FIRST_EXCEPTION, patience(timeout))
            self._raise_first()
            left = 0
        elif return_when not in (None, ALL_COMPLETED, FIRST_EXCEPTION):
            warnings.warn(
                f"get() gives the whole, and ignores return_when={return_when!r}",
                UserWarning,
                stacklevel=2,
            )
        if not self.wait(left):
            raise TimeoutError(self._say_what_is_missing(timeout or 0.0))
        if self._failure is not None:
            raise self._why()
        return self._collect(return_exceptions)

    def _raise_first(self) -> None:
        for i, delivered in enumerate(self._delivered):
            if delivered is not None and delivered.outcome.status != Status.OK:
                raise self._value(i)

    def result(self, timeout: float | None = None) -> Any:
        """Return what `get` returns: the name that futures have for it."""
        return self.get(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the exception that `get` would raise, or None.

        Raises
        ------
        CancelledError
            It was cancelled.
        TimeoutError
            It was not there in time.
        """
        try:
            self.get(timeout)
        except TimeoutError as error:
            if not self.ready():
                raise
            return error
        except Exception as error:
            if self.cancelled():
                raise
            return error
        return None

    def _get_snapshot(self) -> tuple[bool, bool, Any, BaseException | None]:
        """Return what futures keep; asyncio asks for it from Python 3.14 on."""
        if not Future.done(self) or self.cancelled():
            return Future.done(self), self.cancelled(), None, None
        error = self.exception()
        return True, False, None if error else self.get(), error

    @property
    def r(self) -> Any:
        """The result, waited for."""
        return self.get()

    def get_dict(self, timeout: float | None = -1) -> dict[int, Any]:
        """Return the results by engine id, waiting for them as `get` does.

        Of a map or `gather`, these are the parts that the engines had.

        Raises
        ------
        ValueError
            An engine has several of them.
        """
        self.get(timeout)
        engines = [facts.engine_id for facts in self._facts_of_all()]
        for engine_id in engines:
            if (count := engines.count(engine_id)) > 1:
                raise ValueError(
                    f"{self._fname}: no dict by engine, for {count} tasks ran on "
                    f"engine {engine_id}"
                )
        return {engine_id: self._value(i) for i, engine_id in enumerate(engines)}

    @property
    def result_dict(self) -> dict[int, Any]:
        """The results by engine id, waited for."""
        return self.get_dict()

    def successful(self) -> bool:
        """Tell whether nothing was raised.

        Raises
        ------
        RuntimeError
            It has not all come yet.
        """
        if not self.ready():
            raise RuntimeError(f"{self!r} has not finished")
        return not self.cancelled() and self.exception() is None

    def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
        """Call `fn` with this result once it has all come."""
        super().add_done_callback(fn)
        self._connection.attend()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._awaited().__await__()

    async def _awaited(self) -> Any:
        import asyncio

        with self._connection.waits.awaiting():
            return await asyncio.wrap_future(self)

    def _say_what_is_missing(self, waited: float) -> str:
        missing = [i for i, d in enumerate(self._delivered) if d is None]
        there = len(self._connection.engines)
        return (
            f"{self._fname}: {len(missing)} of {len(self._delivered)} results have not "
            f"come after {waited:g} s; {there} engines are there"
        )

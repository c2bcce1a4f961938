"""What every view can do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

from ...serialize.functions import refuse_pickling
from ..results import AsyncResult
from ..waiting import wait_for

__all__ = ["View"]

if TYPE_CHECKING:
    from ..connection import Connection

V = TypeVar("V", bound="View")


class View:
    """Some engines, seen through one client."""

    #: The names that `set_flags` and `temp_flags` take.
    flag_names: ClassVar[tuple[str, ...]] = ("block",)

    def __init__(self, client: Any, connection: Connection) -> None:
        #: The client that made this view.
        self.client = client
        self._connection = connection
        #: Whether calls wait for their result.
        self.block = False

    def set_flags(self: V, **flags: Any) -> V:
        """Set attributes by name; return the view.

        Raises
        ------
        KeyError
            The view has no such flag; nothing was set.
        """
        unknown = sorted(set(flags) - set(self.flag_names))
        if unknown:
            raise KeyError(f"no flag {unknown[0]!r}: flags are {self.flag_names}")
        for name, value in flags.items():
            setattr(self, name, value)
        return self

    @contextmanager
    def temp_flags(self: V, **flags: Any) -> Iterator[V]:
        """Set attributes for the length of a `with` block."""
        before = {name: getattr(self, name) for name in self.flag_names}
        self.set_flags(**flags)
        try:
            yield self
        finally:
            self.set_flags(**before)

    # Calls

    def _apply(
        self, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AsyncResult:
        raise NotImplementedError

    def apply(self, f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call `f(*args, **kwargs)` there: the result if `block`, else an AsyncResult.

        Raises
        ------
        CannotPack
            An argument cannot travel; the error names it, and nothing was sent.
        """
        result = self._apply(f, args, kwargs)
        return self._maybe_wait(result, self.block)

    def apply_async(
        self, f: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> AsyncResult:
        """Call `f(*args, **kwargs)` there; return an AsyncResult at once."""
        return self._set_off(self._apply(f, args, kwargs))

    def apply_sync(self, f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call `f(*args, **kwargs)` there and wait; return the result."""
        return self._maybe_wait(self._apply(f, args, kwargs), True)

    def map(self, f: Callable[..., Any], /, *sequences: Any, **options: Any) -> Any:
        """Call `f` with each element: the results if `block`, else an AsyncMapResult.

        Further sequences give further arguments; the shortest ends the map, as in
        the built-in `map`.
        """
        raise NotImplementedError

    def map_async(
        self, f: Callable[..., Any], /, *sequences: Iterable[Any], **options: Any
    ) -> Any:
        """Call `f` with each element; return an AsyncMapResult at once."""
        if "block" in options:
            raise TypeError("map_async does not wait: it takes no block=")
        return self.map(f, *sequences, block=False, **options)

    def map_sync(
        self, f: Callable[..., Any], /, *sequences: Iterable[Any], **options: Any
    ) -> Any:
        """Call `f` with each element and wait; return the list of results."""
        if "block" in options:
            raise TypeError("map_sync waits: it takes no block=")
        return self.map(f, *sequences, block=True, **options)

    def wait(self, jobs: Any = None, timeout: float = -1) -> bool:
        """Wait for results: see `Client.wait`."""
        return wait_for(self._connection, jobs, timeout)

    def _set_off(self, result: AsyncResult) -> AsyncResult:
        """Let a result's tasks leave, and return it, to be waited for by the user."""
        result.belong_to(self.client)
        self._connection.set_off()
        return result

    def _maybe_wait(self, result: AsyncResult, block: bool | None) -> Any:
        """Return a result's value if this view, or the call, is to block."""
        if not (self.block if block is None else block):
            return self._set_off(result)
        try:
            return result.get()
        except KeyboardInterrupt:
            return result  # the work goes on: the user keeps the handle on it

    def __reduce__(self) -> NoReturn:
        refuse_pickling(type(self).__name__)

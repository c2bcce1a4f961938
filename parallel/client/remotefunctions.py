"""Functions that run elsewhere when they are called: `remote` and `parallel`."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from typing import Any

from ..serialize.callables import Callee
from .mapresults import AsyncMapResult
from .partition import BLOCK

__all__ = ["ParallelFunction", "RemoteFunction", "parallel", "remote"]


class RemoteFunction:
    """A function that is applied to a view when it is called.

    Parameters
    ----------
    view
        Where it runs.
    f
        What runs there.
    block
        Whether a call waits; as the view does if None.
    **flags
        Of the view, for each call.
    """

    def __init__(
        self, view: Any, f: Callee, block: bool | None = None, **flags: Any
    ) -> None:
        self.view = view
        self.func = f
        self.block = block
        self.flags = flags
        self.__name__ = getattr(f, "__name__", type(f).__name__)
        self.__doc__ = f"{type(self).__name__} wrapping:\n{inspect.getdoc(f) or ''}"
        with contextlib.suppress(TypeError, ValueError):  # builtins that do not tell
            if callable(f):
                self.__signature__ = inspect.signature(f)

    def _blocks(self) -> bool:
        return bool(self.view.block if self.block is None else self.block)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Apply the function to the view: the result if it blocks."""
        with self.view.temp_flags(block=self._blocks(), **self.flags):
            return self.view.apply(self.func, *args, **kwargs)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.__name__} on {self.view!r}>"


class ParallelFunction(RemoteFunction):
    """A function that is called with parts of its sequences, one on each engine.

    Parameters
    ----------
    dist
        'b' for contiguous parts, 'r' for round robin.
    chunksize
        So many elements a part, where the view balances.
    ordered
        Whether to iterate in the order of the elements, or as results come.
    return_exceptions
        Put an exception in the place of its part's results rather than raise.
    """

    def __init__(
        self,
        view: Any,
        f: Callee,
        dist: str = BLOCK,
        block: bool | None = None,
        chunksize: int | None = None,
        ordered: bool = True,
        return_exceptions: bool = False,
        **flags: Any,
    ) -> None:
        super().__init__(view, f, block, **flags)
        self.dist = dist
        self.chunksize = chunksize
        self.ordered = ordered
        self.return_exceptions = return_exceptions

    def __call__(self, *sequences: Any, **kwargs: Any) -> Any:
        """Call the function with each part of the sequences, and join what it returns.

        Raises
        ------
        TypeError
            There are keyword arguments: they could not be split.
        ValueError
            The sequences are not of one length.
        """
        if kwargs:
            raise TypeError(
                f"{self.__name__} takes sequences only, for each is split among "
                f"engines: {', '.join(kwargs)} cannot be"
            )
        return self._submit(self.view.call_with_parts, sequences, self.dist)

    def map(self, *sequences: Any) -> Any:
        """Call the function with each element, as the view's own `map` does."""
        return self._submit(self.view.map, *sequences)

    def _submit(self, method: Callable[..., Any], *args: Any) -> Any:
        with self.view.temp_flags(block=self._blocks(), **self.flags):
            result = method(
                self.func,
                *args,
                chunksize=self.chunksize,
                return_exceptions=self.return_exceptions,
            )
        if isinstance(result, AsyncMapResult):  # a direct view's map is not told
            result.ordered = self.ordered
        return result


def remote(
    view: Any, block: bool | None = None, **flags: Any
) -> Callable[[Callee], RemoteFunction]:
    """Return a decorator that makes a function run on a view when it is called.

    Parameters
    ----------
    block
        Whether a call waits; as the view does if None.
    **flags
        Of the view, for each call.
    """
    return lambda f: RemoteFunction(view, f, block=block, **flags)


def parallel(
    view: Any,
    dist: str = BLOCK,
    block: bool | None = None,
    ordered: bool = True,
    **flags: Any,
) -> Callable[[Callee], ParallelFunction]:
    """Return a decorator that makes a function run on parts of its sequences.

    Parameters
    ----------
    dist
        'b' for contiguous parts, 'r' for round robin.
    block
        Whether a call waits; as the view does if None.
    ordered
        Whether to iterate in the order of the elements, or as results come.
    **flags
        `chunksize`, `return_exceptions`, and flags of the view.
    """
    return lambda f: ParallelFunction(
        view, f, dist=dist, block=block, ordered=ordered, **flags
    )

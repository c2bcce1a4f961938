"""What moves names and values between here and the engines' namespaces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from ...errors import ParallelError
from ...protocol.messages import Method
from ...serialize.calls import pack_call, pack_value
from ..completion import names_on
from ..importing import mirrored_imports
from ..mapresults import GatherResult
from ..partition import BLOCK, by_place, is_sized, sized, split
from ..results import AsyncResult
from .targeted import TargetedView

__all__ = ["NamespaceView"]


class NamespaceView(TargetedView):
    """Engines as places where names have values."""

    def execute(
        self,
        code: str,
        silent: bool = True,
        targets: Any = None,
        block: bool | None = None,
        label: str | None = None,
    ) -> Any:
        """Run source text there."""
        raise NotImplementedError

    def push(
        self,
        ns: Mapping[str, Any],
        targets: Any = None,
        block: bool | None = None,
        track: bool | None = None,
    ) -> Any:
        """Bind names to values on the engines; `a.b` assigns to an attribute.

        Parameters
        ----------
        track
            Of no effect: every result can tell what was sent.

        Raises
        ------
        TypeError
            It is no mapping of names.
        """
        if not isinstance(ns, Mapping) or not all(isinstance(k, str) for k in ns):
            raise TypeError(f"push takes a dict of names and values, not {ns!r}")
        packed = pack_call("push", (), dict(ns))
        result = self._send_packed(Method.PUSH, packed, "push", targets)
        return self._maybe_wait(result, block)

    def update(self, ns: Mapping[str, Any]) -> Any:
        """Bind names to values on the engines: `push` under a dict's name."""
        return self.push(ns, block=self.block)

    def pull(
        self,
        names: str | Iterable[str],
        targets: Any = None,
        block: bool | None = None,
    ) -> Any:
        """Return the values of names or expressions on the engines.

        Raises
        ------
        TypeError
            A name is no string.
        """
        wanted = list(names) if isinstance(names, (list, tuple, set)) else names
        if not isinstance(wanted, (str, list)) or not all(
            isinstance(name, str) for name in wanted
        ):
            raise TypeError(f"names are a string or a list of strings, not {names!r}")
        return self._maybe_wait(self._send(Method.PULL, wanted, "pull", targets), block)

    def get(self, names: str | Iterable[str]) -> Any:
        """Return the values of names on the engines, waiting for them."""
        return self.pull(names, block=True)

    def __getitem__(self, names: str | Iterable[str]) -> Any:
        return self.get(names)

    def _ipython_key_completions_(self) -> list[str]:
        """Return the names on idle engines, for IPython to complete `view["…`."""
        try:
            engines, _ = self._resolve()
        except (ParallelError, LookupError):  # one is not there any more, or none
            return []
        return names_on(self._connection, engines)

    def __setitem__(self, name: str, value: Any) -> None:
        self.push({name: value}, block=True)

    def scatter(
        self,
        key: str,
        seq: Any,
        dist: str = BLOCK,
        flatten: bool = False,
        targets: Any = None,
        block: bool | None = None,
        track: bool | None = None,
    ) -> Any:
        """Bind a name to another part of a sequence on each engine.

        Parameters
        ----------
        dist
            'b' for contiguous parts, 'r' for round robin.
        flatten
            Push the element itself where a part has only one.
        track
            Of no effect: every result can tell what was sent.

        Raises
        ------
        TypeError
            It is a dict, whose values would be lost, or nothing that has parts.
        """
        if isinstance(seq, Mapping) or not (is_sized(seq) or hasattr(seq, "__iter__")):
            raise TypeError(_no_parts(seq))
        ids, single = self._resolve(targets)
        parts = split(sized(seq), len(ids), dist)
        values = [
            by_place(part)[0] if flatten and len(part) == 1 else part for part in parts
        ]
        packed = [pack_call("scatter", (), {key: value}) for value in values]
        terms = self._terms
        result = AsyncResult(
            self._connection, "scatter", single=single, count=len(ids), terms=terms
        )
        self._send_parts(result, Method.PUSH, b"", ids, packed, terms)
        return self._maybe_wait_for_nothing(result, block)

    def gather(
        self,
        key: str,
        dist: str = BLOCK,
        targets: Any = None,
        block: bool | None = None,
    ) -> Any:
        """Return the whole that the engines' parts under a name make.

        An iterator there becomes a list, and stays one.

        Raises
        ------
        TypeError
            The name is no string.
        """
        if not isinstance(key, str):
            raise TypeError(f"gather takes a name, not {key!r}")
        ids, _ = self._resolve(targets)
        packed = pack_value(_listed(key), "gather")
        result = GatherResult(self._connection, dist, len(ids))
        self._submit(result, Method.PULL, b"", packed, ids, terms=self._terms)
        return self._maybe_wait(result, block)

    def clear(self, targets: Any = None, block: bool | None = None) -> Any:
        """Empty the engines' namespaces."""
        result = self._send(Method.CLEAR, None, "clear", targets)
        return self._maybe_wait_for_nothing(result, block)

    def _maybe_wait_for_nothing(self, result: AsyncResult, block: bool | None) -> Any:
        """Return the result, or None if it was waited for: it has no values."""
        found = self._maybe_wait(result, block)
        return result if found is result else None

    @contextmanager
    def sync_imports(self, local: bool = True, quiet: bool = False) -> Iterator[None]:
        """Make the imports of a `with` block on the engines too.

        Parameters
        ----------
        quiet
            Do not print what is imported.

        Raises
        ------
        RemoteError
            An engine could not import something; it is an ImportError too.
        """
        if not local:
            raise NotImplementedError("imports are made here too: local=False is not")
        with mirrored_imports(self, quiet):
            yield

    @property
    def importer(self) -> AbstractContextManager[None]:
        """What makes the imports of a `with` block on the engines too."""
        return self.sync_imports(True)


def _listed(key: str) -> str:
    """Return an expression for what a name means, an iterator made a list.

    The builtins may have other names there.
    """
    if not key.isidentifier():
        test = "__import__('builtins').hasattr(part, '__next__')"
        return f"(lambda part: [*part] if {test} else part)({key})"
    test = f"__import__('builtins').hasattr({key}, '__next__')"
    keep = f"__import__('builtins').globals().update({{{key!r}: [*{key}]}})"
    return f"({keep} or {key}) if {test} else {key}"


def _no_parts(value: Any) -> str:
    """Say why something cannot be scattered, and what can be done instead."""
    instead = "push() gives all engines the same value"
    if isinstance(value, Mapping):
        instead = "list(d.items()) is one"
    return f"scatter splits a sequence, and no {type(value).__name__}: {instead}"

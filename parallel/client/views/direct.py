"""`DirectView`: these engines, each of them, by number."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...aliases import EngineId
from ...errors import NoEnginesRegistered
from ...protocol.messages import Method
from ...serialize.calls import pack_call, pack_elements, pack_value
from ...serialize.objects import Packed
from ..importing import mirrored_imports
from ..mapresults import AsyncMapResult, GatherResult
from ..partition import BLOCK, sized, split
from ..results import AsyncResult
from .base import View

__all__ = ["DirectView"]


class DirectView(View):
    """Engines by number: each call is made on every one of them.

    Parameters
    ----------
    targets
        A list of ids, one id (results are then bare values), or `all`: whoever is
        there when a call is made.
    """

    flag_names = ("block", "targets")

    def __init__(self, client: Any, connection: Any, targets: Any) -> None:
        super().__init__(client, connection)
        #: An id, a list of ids, or 'all'.
        self.targets = targets

    # Who

    def _resolve(self, targets: Any = None) -> tuple[list[EngineId], bool]:
        """Return the ids meant, and whether one bare value is wanted."""
        targets = self.targets if targets is None else targets
        if isinstance(targets, int) and not isinstance(targets, bool):
            return self.client.resolve([targets]), True
        if targets == "all":
            ids = sorted(self._connection.engines)
            if not ids:
                self._connection.look()
                ids = sorted(self._connection.engines)
            if not ids:
                raise NoEnginesRegistered(
                    "no engine is registered: wait_for_engines(n) waits for them"
                )
            return ids, False
        return self.client.resolve(targets), False

    def __len__(self) -> int:
        return len(self._resolve()[0])

    def _send(self, method: Method, value: Any, what: str, targets: Any) -> AsyncResult:
        """Send the same payload to each target."""
        ids, single = self._resolve(targets)
        packed = pack_value(value, what)
        result = AsyncResult(self._connection, what, single=single, count=len(ids))
        seq = self._connection.submit(result, method, b"", packed, ids)
        result.number(seq, ids)
        return result

    def _send_parts(
        self, result: AsyncResult, method: Method, digest: bytes,
        ids: list[EngineId], parts: Sequence[Packed],
    ) -> None:  # fmt: skip
        """Send a payload of its own to each target."""
        for i, (engine_id, own) in enumerate(zip(ids, parts, strict=True)):
            seq = self._connection.submit(
                result, method, digest, own, [engine_id], index=i
            )
            result.number(seq, [engine_id])

    # Calls

    def _apply(
        self, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AsyncResult:
        ids, single = self._resolve()
        function = self._connection.pack_function(f)
        packed = pack_call(function.name, args, kwargs)
        result = AsyncResult(
            self._connection, function.name, single=single, count=len(ids)
        )
        seq = self._connection.submit(
            result, Method.APPLY, function.digest, packed, ids
        )
        result.number(seq, ids)
        return result

    def map(
        self,
        f: Callable[..., Any],
        /,
        *sequences: Iterable[Any],
        block: bool | None = None,
        return_exceptions: bool = False,
        chunksize: int | None = None,
    ) -> Any:
        """Call `f` with each element, a contiguous part of them on each engine.

        Parameters
        ----------
        block
            Whether to wait; the view's own `block` if None.
        return_exceptions
            Put an exception in the place of its part's results rather than raise.
        chunksize
            Has no meaning here, and warns: each engine gets one part.
        """
        if chunksize is not None:
            warnings.warn(
                "a direct map gives each engine one part: chunksize is ignored",
                UserWarning,
                stacklevel=2,
            )
        columns = [sized(sequence) for sequence in sequences]
        if not columns:
            raise AssertionError("map needs at least one sequence")
        total = min(len(column) for column in columns)
        if not total:
            return []
        ids, _ = self._resolve()
        ids = ids[:total]
        function = self._connection.pack_function(f)
        split_columns = [split(column[:total], len(ids)) for column in columns]
        parts = list(zip(*split_columns, strict=True))
        result = AsyncMapResult(
            self._connection,
            function.name,
            total=total,
            sizes=[len(part[0]) for part in parts],
            return_exceptions=return_exceptions,
        )
        packed = [pack_elements(part, function.name) for part in parts]
        self._send_parts(result, Method.MAP, function.digest, ids, packed)
        return self._maybe_wait(result, block)

    def execute(
        self,
        code: str,
        silent: bool = True,
        targets: Any = None,
        block: bool | None = None,
    ) -> AsyncResult:
        """Run source text in the engines' namespaces; return an AsyncResult.

        It is one even when this blocks; errors are raised then.
        """
        result = self._send(Method.EXECUTE, code, "execute", targets)
        self._maybe_wait(result, block)
        return result

    def run(
        self, filename: str, targets: Any = None, block: bool | None = None
    ) -> AsyncResult:
        """Run a file of this host in the engines' namespaces.

        Raises
        ------
        FileNotFoundError
            There is no such file here.
        """
        code = Path(filename).read_text(encoding="utf-8") + "\n"
        return self.execute(code, targets=targets, block=block)

    # Names

    def push(
        self, ns: Mapping[str, Any], targets: Any = None, block: bool | None = None
    ) -> Any:
        """Bind names to values on the engines.

        Raises
        ------
        TypeError
            It is no mapping of names.
        """
        if not isinstance(ns, Mapping) or not all(isinstance(k, str) for k in ns):
            raise TypeError(f"push takes a dict of names and values, not {ns!r}")
        ids, single = self._resolve(targets)
        packed = pack_call("push", (), dict(ns))
        result = AsyncResult(self._connection, "push", single=single, count=len(ids))
        seq = self._connection.submit(result, Method.PUSH, b"", packed, ids)
        result.number(seq, ids)
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
    ) -> Any:
        """Bind a name to another part of a sequence on each engine.

        Parameters
        ----------
        dist
            'b' for contiguous parts, 'r' for round robin.
        flatten
            Push the element itself where a part has only one.
        """
        ids, single = self._resolve(targets)
        parts = split(sized(seq), len(ids), dist)
        values = [part[0] if flatten and len(part) == 1 else part for part in parts]
        packed = [pack_call("scatter", (), {key: value}) for value in values]
        result = AsyncResult(self._connection, "scatter", single=single, count=len(ids))
        self._send_parts(result, Method.PUSH, b"", ids, packed)
        return self._maybe_wait(result, block)

    def gather(
        self,
        key: str,
        dist: str = BLOCK,
        targets: Any = None,
        block: bool | None = None,
    ) -> Any:
        """Return the whole that the engines' parts under a name make."""
        ids, _ = self._resolve(targets)
        result = GatherResult(self._connection, dist, len(ids))
        seq = self._connection.submit(
            result, Method.PULL, b"", pack_value(key, "gather"), ids
        )
        result.number(seq, ids)
        return self._maybe_wait(result, block)

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

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.targets}>"

"""`DirectView`: these engines, each of them, by number."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from ...aliases import EngineId
from ...protocol.messages import Method
from ...protocol.terms import Terms
from ...serialize import switches
from ...serialize.callables import Callee, Function
from ...serialize.calls import pack_call, pack_elements, pack_value
from ...serialize.modules import Installer, pack_module
from ..extensions import EXTENSIONS
from ..flags import labelled
from ..mapresults import AsyncMapResult
from ..partition import BLOCK, bounds, elements, split
from ..parts import PartsResult, parts_of
from ..replies import ExecuteResult
from ..results import AsyncResult
from ..submitter import method_of_map
from .namespace import NamespaceView

__all__ = ["DirectView"]


class DirectView(NamespaceView):
    """Engines by number: each call is made on every one of them.

    Parameters
    ----------
    targets
        A list of ids, one id (results are then bare values), or `all`: whoever is
        there when a call is made.
    """

    # Calls

    def _apply(
        self, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AsyncResult:
        ids, single = self._resolve()
        function = self._connection.pack_function(f)
        packed = pack_call(function.name, args, kwargs)
        terms = self._terms
        result = AsyncResult(
            self._connection, function.name, single=single, count=len(ids), terms=terms
        )
        self._submit(result, Method.APPLY, function.digest, packed, ids, terms=terms)
        return result

    def map(
        self,
        f: Callee,
        /,
        *sequences: Iterable[Any],
        block: bool | None = None,
        track: bool = False,
        return_exceptions: bool = False,
        label: str | None = None,
        chunksize: int | None = None,
        progress: bool | None = None,
    ) -> Any:
        """Call `f` with each element, a contiguous part of them on each engine.

        Parameters
        ----------
        block
            Whether to wait; the view's own `block` if None.
        track
            Of no effect: every result can tell what was sent.
        return_exceptions
            Put an exception in the place of its element's result rather than raise.
        label
            What to call the tasks in their metadata.
        chunksize
            Has no meaning here, and warns: each engine gets one part.
        progress
            Show a bar; by default in IPython, when this waits and it takes a while.

        Raises
        ------
        AssertionError
            There is no sequence.
        """
        _warn_of(chunksize)
        columns = [elements(sequence) for sequence in sequences]
        if not columns:
            raise AssertionError("map needs at least one sequence")
        total = min(len(column) for column in columns)
        if not total:
            return []
        ids = self._resolve()[0][:total]
        function = self._connection.pack_function(f)
        split_columns = [split(column[:total], len(ids)) for column in columns]
        parts = list(zip(*split_columns, strict=True))
        terms = labelled(self._terms, label)
        result = self._map_result(function, parts, return_exceptions, terms)
        packed = [
            pack_elements(part, function.name, begin)
            for part, (begin, _) in zip(parts, bounds(total, len(ids)), strict=True)
        ]
        method = method_of_map(return_exceptions, terms)
        self._send_parts(result, method, function.digest, ids, packed, terms)
        return self._wait_for_map(result, block, progress)

    def _map_result(
        self, function: Function, parts: Sequence[Any], return_exceptions: bool,
        terms: Terms | None,
    ) -> AsyncMapResult:  # fmt: skip
        sizes = [len(part[0]) for part in parts]
        return AsyncMapResult(
            self._connection,
            function.name,
            total=sum(sizes),
            sizes=sizes,
            return_exceptions=return_exceptions,
            terms=terms,
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
        """Call `f` with a part of each sequence on each engine: see `parallel`."""
        _warn_of(chunksize)
        everyone: list[EngineId] = self._resolve()[0]
        parts = parts_of(sequences, len(everyone), dist)
        if not parts:
            return []
        ids = everyone[: len(parts)]
        function = self._connection.pack_function(f)
        terms = self._terms
        result = PartsResult(
            self._connection, function.name, dist, len(parts), terms,
            return_exceptions=return_exceptions,
        )  # fmt: skip
        packed = [pack_call(function.name, part, {}) for part in parts]
        self._send_parts(result, Method.APPLY, function.digest, ids, packed, terms)
        return self._maybe_wait(result, None)

    def execute(
        self,
        code: str,
        silent: bool = True,
        targets: Any = None,
        block: bool | None = None,
        label: str | None = None,
    ) -> AsyncResult:
        """Run source text in the engines' namespaces; return an AsyncResult.

        It is one even when this blocks; errors are raised then.

        Parameters
        ----------
        silent
            Give no value. Otherwise the result tells what a session would show, and
            an error takes what is queued behind it on the same engine along.
        label
            What to call the tasks in their metadata.

        Raises
        ------
        TypeError
            It is no text.
        """
        if not isinstance(code, str):
            raise TypeError(f"execute takes source text, not {code!r}")
        return self._send_source((code, bool(silent)), targets, block, label)

    def _send_source(
        self, source: tuple[str, bool] | tuple[str, bool, str], targets: Any,
        block: bool | None, label: str | None,
    ) -> AsyncResult:  # fmt: skip
        """Send source text, whether it is silent, and the name of its file if any."""
        ids, single = self._resolve(targets)
        packed = pack_value(source, "execute")
        terms = labelled(self._terms, label)
        result = ExecuteResult(
            self._connection, "execute", single=single, count=len(ids), terms=terms,
            code=source[0],
        )  # fmt: skip
        self._submit(result, Method.EXECUTE, b"", packed, ids, terms=terms)
        self._maybe_wait(result, block)
        return result

    def run(
        self,
        filename: str | os.PathLike[str],
        targets: Any = None,
        block: bool | None = None,
        label: str | None = None,
    ) -> AsyncResult:
        """Run a file of this host in the engines' namespaces.

        Tracebacks name it, and show its lines.

        Raises
        ------
        FileNotFoundError
            There is no such file here.
        """
        path = Path(filename)
        code = path.read_text(encoding="utf-8") + "\n"
        source = (code, True, str(path.absolute()))
        return self._send_source(source, targets, block, label)

    # Ways to pickle

    def use_dill(self) -> Any:
        """Pickle with dill, here and on the engines.

        Raises
        ------
        ImportError
            It is not installed here.
        RemoteError
            It is not installed there.
        """
        switches.use_dill()
        return self.apply(switches.use_dill)

    def use_cloudpickle(self) -> Any:
        """Pickle with cloudpickle, here and on the engines."""
        switches.use_cloudpickle()
        return self.apply(switches.use_cloudpickle)

    def use_pickle(self) -> Any:
        """Pickle in the package's own way again, here and on the engines."""
        switches.use_pickle()
        return self.apply(switches.use_pickle)

    def push_module(self, module: ModuleType | str, block: bool | None = None) -> Any:
        """Send a module of yours, or the package that it is in, and import it there.

        Functions and classes travel by the names of their modules, which engines on
        another host, or in another folder, may lack or have in another version. Its
        source files are sent, and imported from memory. A view of all engines sends
        them also to those that join later.

        Parameters
        ----------
        module
            A module, or its name.
        block
            Whether to wait; the view's own `block` if None.

        Raises
        ------
        ModuleNotFoundError
            There is none of this name here.
        CannotPack
            It has compiled parts, or is larger than 64 MiB.
        """
        shipment = pack_module(module)
        installer = Installer(shipment[0])
        ids, single = self._resolve()
        if single or set(ids) != set(self._connection.engines):
            result = self._apply(installer, (shipment,), {})
        else:
            result = self.setup(installer, shipment)
        return self._maybe_wait(result, block)

    def activate(self, suffix: str = "") -> Any:
        """Have the magics `%px`, `%autopx` … of IPython work on this view.

        Outside of IPython this warns, and does nothing.

        Parameters
        ----------
        suffix
            Of the magics' names, where several views have them.
        """
        return EXTENSIONS.find("magics", "view.activate()")(self, suffix)


def _warn_of(chunksize: int | None) -> None:
    """Warn who asks for chunks of a size."""
    if chunksize is not None:
        warnings.warn(
            "a direct map gives each engine one part: chunksize is ignored",
            UserWarning,
            stacklevel=3,
        )

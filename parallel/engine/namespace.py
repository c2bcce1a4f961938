"""The user's names on an engine: the globals of its `__main__`."""

from __future__ import annotations

import ast
import builtins
import keyword
import linecache
import sys
import types
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["Namespace"]

#: The sources of so many executed texts are kept for tracebacks.
REMEMBERED = 256
#: The name that a value has while it is assigned to what is more than a name.
PUSHED = "__pushed__"


class Namespace:
    """A fresh `__main__`, in which users' code runs.

    Parameters
    ----------
    basics
        What is there from the beginning, and again after `clear`.
    """

    def __init__(self, basics: Mapping[str, Any] | None = None) -> None:
        self._module = types.ModuleType("__main__", "The namespace of an engine.")
        self._module.__dict__["__builtins__"] = builtins
        sys.modules["__main__"] = self._module
        self.names.update(basics or {})
        self._basics = dict(self.names)
        self._executed = 0
        #: The files whose lines are kept for tracebacks, the newest last.
        self._remembered: dict[str, None] = {}

    @property
    def names(self) -> dict[str, Any]:
        """The names and their values."""
        return self._module.__dict__

    @property
    def module(self) -> types.ModuleType:
        """The module that the names are the globals of."""
        return self._module

    def clear(self) -> None:
        """Forget all that users have put there."""
        self.names.clear()
        self.names.update(self._basics)

    def execute(self, code: str) -> None:
        """Run source text."""
        self.run(self.compiled(code))

    def run(self, code: types.CodeType) -> None:
        """Run compiled source text."""
        exec(code, self.names)

    def compiled(self, code: str, filename: str | None = None) -> types.CodeType:
        """Return source text compiled, so that tracebacks show its lines.

        Parameters
        ----------
        filename
            Where it stands; None for nowhere.
        """
        filename = self._remember(code, filename)
        # The user's own __future__ imports count, and not those of this file.
        return compile(code, filename, "exec", dont_inherit=True)

    def show(self, code: str) -> Any:
        """Run source text and return the value of its last expression, or None."""
        filename = self._remember(code)
        tree = ast.parse(code, filename)
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr):
            tree.body.pop()
        self.run(compile(tree, filename, "exec", dont_inherit=True))
        if not isinstance(last, ast.Expr):
            return None
        expression = ast.Expression(last.value)
        return eval(
            compile(expression, filename, "eval", dont_inherit=True), self.names
        )

    def _remember(self, code: str, filename: str | None = None) -> str:
        """Return the name of the file that source text has in tracebacks."""
        if filename is None:
            self._executed += 1
            filename = f"<execute {self._executed}>"
        lines = code.splitlines(keepends=True)
        linecache.cache[filename] = (len(code), None, lines, filename)
        self._remembered.pop(filename, None)
        self._remembered[filename] = None  # the newest comes last
        if len(self._remembered) > REMEMBERED:
            oldest = next(iter(self._remembered))
            del self._remembered[oldest]
            linecache.cache.pop(oldest, None)
        return filename

    def push(self, values: Mapping[str, Any]) -> None:
        """Bind names; what is more than a name, as `a.b` or `a["k"]`, is assigned to.

        Raises
        ------
        NameError
            There is nothing under the first name of such a one.
        SyntaxError
            Nothing can be assigned to it.
        """
        for name, value in values.items():
            if name.isidentifier() and not keyword.iskeyword(name):
                self.names[name] = value
            else:
                self._assign(name, value)

    def _assign(self, target: str, value: Any) -> None:
        """Do as the statement would: `target = value`."""
        try:
            code = compile(f"({target}) = {PUSHED}", "<push>", "exec", 0, True)
        except SyntaxError as error:
            raise SyntaxError(f"cannot push to {target!r}: {error.msg}") from None
        self.names[PUSHED] = value
        try:
            self.run(code)
        finally:
            del self.names[PUSHED]

    def pull(self, names: str | Iterable[str]) -> Any:
        """Return the value of a name or expression, or a list of such values.

        Raises
        ------
        NameError
            There is no such name.
        """
        if isinstance(names, str):
            return eval(names, self.names)
        return [eval(name, self.names) for name in names]

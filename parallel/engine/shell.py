"""IPython in an engine: made when something is executed that only it can run."""

from __future__ import annotations

import ast
from types import CodeType
from typing import Any

from .cellcode import CellCode
from .ipython import make_ipython, users_part
from .namespace import Namespace

__all__ = ["Shell"]


class Shell:
    """An IPython shell whose names are those of a namespace.

    It writes no files: there is no profile and no history on disk. What is displayed
    is published, and errors are raised.

    Raises
    ------
    ImportError
        IPython is not installed.
    """

    def __init__(self, namespace: Namespace) -> None:
        self._shown: dict[str, Any] | None = None
        #: IPython's own.
        self.ipython = make_ipython(namespace)
        self._names, self._hidden = namespace.names, self.ipython.user_ns_hidden
        self._codes = CellCode()
        self._history = self.ipython.history_manager
        #: The cells so far: these lists stay the same ones.
        self._inputs = self._history.input_hist_parsed, self._history.input_hist_raw
        self._logger = self.ipython.logger
        # The result of a cell is kept for the reply.
        self.ipython.displayhook.write_format_data = self._keep

    def _keep(self, data: dict[str, Any], metadata: dict[str, Any] | None) -> None:
        self.ipython.engine_widgets.tell_model(data)
        self._shown = {"data": data, "metadata": metadata or {}}

    def run(self, code: str, silent: bool) -> dict[str, Any]:
        """Run source text in IPython's syntax; see `Sources.execute`.

        Whatever it raises comes through.
        """
        # IPython itself takes ten times as long for a cell.
        plain = None if silent else self._compiled(code)
        if plain is not None:
            return self._run_plain(code, plain)
        outer, self._shown = self._shown, None  # this may run within another
        try:
            # What is silent neither counts nor has a result.
            ran = self.ipython.run_cell(code, store_history=not silent, silent=silent)
            shown = self._shown
        finally:
            self._shown = outer
        error = ran.error_before_exec or ran.error_in_exec
        if error is not None:
            raise error.with_traceback(users_part(error.__traceback__))
        count = ran.execution_count or self.ipython.execution_count
        return {"execution_count": count, "execute_result": shown}

    def _compiled(self, code: str) -> CodeType | None:
        """Return a cell compiled that is for Python alone, or None.

        Such a one has no last value to show, and nothing in IPython waits for cells.
        """
        ipython = self.ipython
        events = ipython.events.callbacks
        if (
            events["pre_run_cell"]
            or events["post_run_cell"]
            or ipython.ast_transformers
            or ipython.input_transformers_post
            or ipython.custom_exceptions
            or self._logger.log_active
            or ipython.ast_node_interactivity != "last_expr"
        ):
            return None
        compiler = ipython.compile
        flags, count = compiler.flags, ipython.execution_count
        known = self._codes.get(code, flags)
        if known is not None:
            return known.replace(co_filename=compiler.cache(code, count))
        try:
            tree = compiler.ast_parse(code)
            if not tree.body or isinstance(tree.body[-1], ast.Expr):
                return None
            name = compiler.cache(code, count)
            if "__future__" in code:  # which counts for all cells that follow
                future: CodeType = compiler(tree, name, "exec")
                return future
            found: CodeType = compile(tree, name, "exec", flags, True)
        except (SyntaxError, ValueError):  # IPython may understand it, or says why not
            return None
        self._codes.keep(code, flags, tree, found)
        return found

    def _run_plain(self, code: str, compiled: CodeType) -> dict[str, Any]:
        """Run a cell as IPython would, and count and keep it."""
        ipython = self.ipython
        count = ipython.execution_count
        ipython.execution_count += 1
        ipython.events.trigger("pre_execute")
        self._keep_input(count, code)
        try:
            exec(compiled, self._names)
        finally:
            self.executed()
        return {"execution_count": count, "execute_result": None}

    def _keep_input(self, count: int, code: str) -> None:
        """Keep a cell as IPython's history does, of which there is none on disk."""
        history, code = self._history, code.rstrip("\n")
        for kept in self._inputs:
            kept.append(code)
        history._iii, history._ii = history._ii, history._i
        history._i, history._i00 = history._i00, code
        inputs = {
            "_i": history._i, "_ii": history._ii, "_iii": history._iii,
            f"_i{count}": code,
        }  # fmt: skip
        self._names.update(inputs)
        self._hidden.update(inputs)

    def executed(self) -> None:
        """Do what is due after code that was no cell, such as to show its figures."""
        self.ipython.events.trigger("post_execute")

    def settle(self) -> None:
        """Put IPython's own names into the namespace."""
        self.ipython.init_user_ns()

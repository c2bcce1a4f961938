"""Source text that an engine executes: plain Python, or what IPython understands.

Plain text that is to be silent takes the short way, without IPython: to import that
takes longer than most of such texts run.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any

from ..errors import NotAvailable
from .namespace import Namespace
from .shell import Shell

__all__ = ["Sources"]

#: What is no Python and may be IPython's: magics, commands, help, quoted calls, and
#: to wait outside of a function.
_IPYTHONS = re.compile(
    r"^\s*[%!?,;/]|\?\s*$|=\s*[%!]|\bawait\b|\basync\s+(for|with)\b", re.MULTILINE
)


class Sources:
    """Executes texts in a namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        #: IPython's shell, once something has needed it.
        self.shell: Shell | None = None
        self._making = False
        self._shown = 0

    def execute(
        self, code: str, silent: bool = True, filename: str | None = None
    ) -> dict[str, Any] | None:
        """Run source text; unless it is `silent`, return what its last line gave.

        Parameters
        ----------
        filename
            Where a silent text stands, for tracebacks; None for nowhere.

        Returns
        -------
        dict or None
            `execution_count`, and `execute_result` with its `data` by mime type and
            its `metadata`, or None for no result. None where plain text is silent.

        Raises
        ------
        NotAvailable
            It needs IPython, which is not installed here.
        """
        if silent:
            try:
                compiled = self._namespace.compiled(code, filename)
            except SyntaxError:
                if not _IPYTHONS.search(code):
                    raise
            else:
                try:
                    self._namespace.run(compiled)
                finally:
                    if self.shell is not None:
                        self.shell.executed()
                return None
        if self.shell is None:
            self.make_shell()
        if self.shell is not None:
            return self.shell.run(code, silent)
        return self._show(code)

    def settle(self) -> None:
        """Put IPython's names back into a namespace that was emptied."""
        if self.shell is not None:
            self.shell.settle()

    def make_shell(self) -> None:
        """Make IPython's shell, where IPython is installed; once."""
        if self.shell is None and not self._making and find_spec("IPython"):
            self._making = True
            try:
                self.shell = Shell(self._namespace)
            finally:
                self._making = False

    def _show(self, code: str) -> dict[str, Any]:
        """Run a text that is not silent, or not Python, without IPython."""
        self._shown += 1
        try:
            value = self._namespace.show(code)
        except SyntaxError as error:
            if error.filename is None or not _IPYTHONS.search(code):
                raise
            raise NotAvailable(
                f"this text is not Python, and may be IPython's ({error}): for magics, "
                "!commands, help? and await install IPython where the engines run"
            ) from error
        result = None
        if value is not None:
            result = {"data": {"text/plain": repr(value)}, "metadata": {}}
        return {"execution_count": self._shown, "execute_result": result}

"""What can be told of a cell before it is sent: that it can be no code."""

from __future__ import annotations

import ast
import keyword
import re
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from ..errors import ParallelError

__all__ = ["WrongSyntax", "check_syntax"]

#: A line that begins with a name and goes on: a magic without its percent sign?
_AUTOMAGIC = re.compile(r"\s*([A-Za-z_]\w*)\s+(?!=)(.)")
#: A line that begins as options do.
_OPTION = re.compile(r"\s*--?[A-Za-z]")
#: What goes on with a Python expression, if the name is of no magic.
_OPERATORS = "!()<>,+-*/%^&|@:.;"


class WrongSyntax(ParallelError):
    """Raised for a cell that no engine could run; IPython shows it and no more.

    It is no `SyntaxError`, of which IPython would show the steps to here as well.
    """

    def __init__(self, message: str, lines: list[str]) -> None:
        super().__init__(message)
        self._lines = lines

    def _render_traceback_(self) -> list[str]:
        return self._lines


def check_syntax(code: str, shell: Any) -> None:
    """See that a cell is code that IPython can run.

    Raises
    ------
    WrongSyntax
        It is none, wherever it may be run.
    """
    try:
        python = TransformerManager().transform_cell(code)
        flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        compile(python, "<cell>", "exec", flags, dont_inherit=True)
    except SyntaxError as error:
        if _may_be_automagic(code, shell):
            return
        lines = shell.SyntaxTB.structured_traceback(type(error), error, [])
        if _OPTION.match(code):
            lines.append(
                "If that is an option: %px takes none. %%px does, in the first line of "
                "a cell, and %pxconfig, for all that follow"
            )
        raise WrongSyntax(str(error), lines) from None
    except ValueError:  # null bytes and the like: engines say so
        return


def _may_be_automagic(code: str, shell: Any) -> bool:
    """Tell whether a line may be a magic, if only of an engine's IPython."""
    found = _AUTOMAGIC.match(code)
    if found is None or len(code.strip().splitlines()) > 1:
        return False
    if shell.find_line_magic(found[1]) is not None:
        return True
    return not keyword.iskeyword(found[1]) and found[2] not in _OPERATORS

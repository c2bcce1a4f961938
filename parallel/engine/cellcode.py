"""The code of cells that may come again, as in a loop or from one who tries.

To parse and compile even a short cell takes a fifth of what an engine does for it.
"""

from __future__ import annotations

import ast
from types import CodeType

__all__ = ["CellCode"]

#: So many cells are remembered, of up to so many characters each.
KEPT, SHORT = 64, 4096
#: What cells are kept that consist of: it defines nothing, whose code would have the
#: first one's file name, and Python's compiler has no warnings of it, which are to come
#: each time.
_SIMPLE = frozenset(
    {
        ast.Module, ast.Pass, ast.Expr, ast.Assign, ast.AugAssign, ast.Delete,
        ast.Import, ast.ImportFrom, ast.alias, ast.Name, ast.Attribute, ast.Constant,
        ast.Call, ast.keyword, ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.Dict,
        ast.Starred, ast.BinOp, ast.UnaryOp, ast.Load, ast.Store, ast.Del,
        ast.USub, ast.Not, *ast.operator.__subclasses__(),
    }
)  # fmt: skip
#: It warns of other things that are called, or looked into.
_VARIABLE = frozenset({ast.Name, ast.Attribute, ast.Call, ast.Subscript})


class CellCode:
    """Cells' code, by their text and the flags that it was compiled with."""

    def __init__(self) -> None:
        #: None for those that came once: to look through one takes as long as to
        #: compile it.
        self._kept: dict[tuple[str, int], CodeType | None] = {}

    def get(self, text: str, flags: int) -> CodeType | None:
        """Return the code of a cell, if it is kept: that of an earlier one's file."""
        return self._kept.get((text, flags))

    def keep(self, text: str, flags: int, tree: ast.AST, code: CodeType) -> None:
        """Keep a cell's code that has come before, if it is simple and short."""
        if len(text) > SHORT or "\\" in text:
            return
        if (text, flags) in self._kept:
            self._kept[text, flags] = code if _is_simple(tree) else None
            return
        if len(self._kept) >= KEPT:
            self._kept.clear()
        self._kept[text, flags] = None


def _is_simple(tree: ast.AST) -> bool:
    for node in ast.walk(tree):
        if type(node) not in _SIMPLE:
            return False
        if isinstance(node, ast.Call) and type(node.func) not in _VARIABLE:
            return False
        if isinstance(node, ast.Subscript) and type(node.value) not in _VARIABLE:
            return False
    return True

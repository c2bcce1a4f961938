"""The lines of functions that were typed: they stand in a session, and in no file.

They come along, so that an engine's tracebacks show them as the session's own do. Only
what IPython has named is known by its name, which has a digest of the cell in it.
"""

from __future__ import annotations

import linecache
import re
from collections import OrderedDict
from types import CodeType
from typing import TypeAlias

__all__ = ["Lines", "keep_lines", "lines_of"]

#: The names that IPython gives to cells, in a terminal and in a kernel.
_CELL = re.compile(r"<ipython-input-\d+-|[/\\]ipykernel_\d+[/\\]")
#: The lines of so many cells are kept for tracebacks …
REMEMBERED = 256
#: … and so many characters travel with one function at most.
MOST = 16 << 10


#: A cell's name, the number of the first of some lines of it, and these. A plain tuple,
#: for it is pickled with each function.
Lines: TypeAlias = tuple[str, int, list[str]]

#: What came along of cells, those with the newest functions last.
_kept: OrderedDict[str, list[str]] = OrderedDict()


def lines_of(code: CodeType) -> Lines | None:
    """Return the lines of a function that was typed, or None if a file has them."""
    cell = code.co_filename
    known = linecache.cache.get(cell)
    if known is None or len(known) != 4 or not _CELL.search(cell):
        return None
    lines = known[2][code.co_firstlineno - 1 : _last_line(code)]
    if sum(map(len, lines)) > MOST:
        return None
    return cell, code.co_firstlineno, lines


def _last_line(code: CodeType) -> int:
    positions = getattr(code, "co_positions", None)  # of Python 3.11
    ends = [each[-1] for each in code.co_lines()]
    if positions is not None:
        ends += [each[1] for each in positions()]
    inner = [_last_line(each) for each in code.co_consts if isinstance(each, CodeType)]
    return max([code.co_firstlineno, *inner, *(end for end in ends if end)])


def keep_lines(told: Lines) -> None:
    """Let tracebacks show lines that came along with a function."""
    cell, first, lines = told
    if cell in linecache.cache and cell not in _kept:  # of this session itself
        return
    kept = _kept.setdefault(cell, [])
    _kept.move_to_end(cell)
    end = first - 1 + len(lines)
    kept += ["\n"] * (end - len(kept))
    kept[first - 1 : end] = lines
    linecache.cache[cell] = (sum(map(len, kept)), None, kept, cell)
    if len(_kept) > REMEMBERED:
        oldest, _ = _kept.popitem(last=False)
        linecache.cache.pop(oldest, None)

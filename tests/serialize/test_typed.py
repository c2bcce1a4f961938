"""Functions that were typed bring their lines along, for tracebacks."""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest

from parallel.serialize import typed
from parallel.serialize.typed import REMEMBERED, keep_lines, lines_of

CELL = """\
x = 1

@decorate
def f(n):
    def inner(m):
        return (
            m
            / 0
        )
    return inner(n)

g = lambda n: 1 / n
"""
NAMES = ["<ipython-input-7-0123456789ab>", "/tmp/ipykernel_12/345.py"]


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Begin with nothing, and leave nothing."""
    monkeypatch.setattr(typed, "_kept", type(typed._kept)())
    monkeypatch.setattr(linecache, "cache", {})
    return linecache.cache


def run(name: str) -> dict[str, FunctionType]:
    """Run the cell as IPython does: its lines are known."""
    lines = CELL.splitlines(keepends=True)
    linecache.cache[name] = (len(CELL), None, lines, name)
    names: dict[str, Any] = {"decorate": lambda f: f}
    exec(compile(CELL, name, "exec"), names)
    return names


@pytest.mark.parametrize("name", NAMES)
def test_a_function_has_all_of_its_lines_and_no_others(name: str) -> None:
    names = run(name)
    told = lines_of(names["f"].__code__)
    assert told is not None
    assert told[:2] == (name, 3)
    assert "".join(told[2]) == CELL[CELL.index("@") : CELL.index("\ng")]
    told = lines_of(names["g"].__code__)
    assert told is not None
    assert told[2] == ["g = lambda n: 1 / n\n"]


@pytest.mark.parametrize("name", ["<stdin>", "<execute 3>", "/home/me/script.py"])
def test_what_a_file_has_or_another_may_call_so_stays(name: str) -> None:
    assert lines_of(run(name)["f"].__code__) is None


def test_what_is_not_known_or_long_stays(cache: dict[str, Any]) -> None:
    f = run(NAMES[0])["f"]
    cache[NAMES[0]][2][4] = "#" * typed.MOST
    assert lines_of(f.__code__) is None
    cache.clear()
    assert lines_of(f.__code__) is None


def test_tracebacks_show_what_came_whatever_comes_first(cache: dict[str, Any]) -> None:
    names = run(NAMES[0])
    told = [lines_of(names[each].__code__) for each in "gf"]
    cache.clear()
    for each in told:
        assert each is not None
        keep_lines(each)
    assert "return inner(n)" in steps(lambda: names["f"](1))
    assert "g = lambda n: 1 / n" in steps(lambda: names["g"](0))
    assert linecache.getline(NAMES[0], 1) == "\n"


def test_a_sessions_own_cell_stays_whole() -> None:
    told = lines_of(run(NAMES[0])["g"].__code__)
    assert told is not None
    keep_lines(told)
    assert linecache.getlines(NAMES[0]) == CELL.splitlines(keepends=True)


def test_only_so_many_cells_are_kept(cache: dict[str, Any]) -> None:
    for each in range(REMEMBERED + 5):
        keep_lines((f"<ipython-input-{each}-x>", 1, ["1 / 0\n"]))
    assert len(cache) == len(typed._kept) == REMEMBERED
    assert "<ipython-input-4-x>" not in cache


def steps(call: Callable[[], object]) -> str:
    """Return the traceback of what a call raises."""
    with pytest.raises(ZeroDivisionError) as raised:
        call()
    return "".join(traceback.format_tb(raised.value.__traceback__))

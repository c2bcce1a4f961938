"""Which cells' code is kept, for those that come again."""

from __future__ import annotations

import ast

import pytest

from parallel.engine.cellcode import KEPT, SHORT, CellCode


def is_kept(codes: CellCode, text: str) -> bool:
    """Tell whether a cell's code is kept once it has come twice."""
    tree = ast.parse(text)
    for _ in range(2):
        assert codes.get(text, 0) is None
        codes.keep(text, 0, tree, compile(tree, "<cell>", "exec"))
    return codes.get(text, 0) is not None


@pytest.mark.parametrize(
    "text",
    [
        "pass",
        "import os.path as p; from a import b",
        "x = f(1, *a, k=-2)[0].y['z':] + [{}, ()]",
        "x += 1.5",
        "del x.y, x[1:2]",
        "f(x)(y)[0](z)",
    ],
)
def test_simple_cells_are_kept(text: str) -> None:
    assert is_kept(CellCode(), text)


@pytest.mark.parametrize(
    "text",
    [
        "def f(): pass",
        "x = lambda: 1",
        "x = [i for i in a]",
        "class A: pass",
        "x: int = 1",
        "x = [" + "1, " * SHORT + "1]",
    ],
)
def test_others_are_not(text: str) -> None:
    assert not is_kept(CellCode(), text)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "text",
    [
        "x = 1 is 1",
        "assert (x, 'told')",
        "x = 1()",
        "x = 'a'[1, 2]",
        "x = [1]['a']",
        "x = '\\d'",
        "x = 1if x else 2",
    ],
)
def test_what_python_warns_of_is_compiled_anew(text: str) -> None:
    assert not is_kept(CellCode(), text)


def test_only_so_many_are_kept() -> None:
    codes = CellCode()
    texts = [f"x = {i}" for i in range(2 * KEPT)]
    assert all(is_kept(codes, text) for text in texts)
    assert sum(codes.get(text, 0) is not None for text in texts) <= KEPT
    assert codes.get(texts[-1], 1) is None

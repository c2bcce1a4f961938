"""A fingerprint tells whether a packed function may be used once more."""

from __future__ import annotations

from pathlib import Path

import pytest

from parallel.serialize.fingerprints import fingerprint
from tests.serialize.session import Session


@pytest.mark.parametrize(
    ("source", "known"),
    [
        ("f = lambda: 1", True),
        ("def f(x=1): return x", True),
        ("def f(x=[]): return x", False),
        ("def f(*, x=1): return x", False),
        ("def f(x: int): return x", True),
        ("def f(x: tuple[int, ...] | None): return x", True),
        ("import typing\ndef f(x: typing.Optional[list[str]]): return x", True),
        ("class A: pass\ndef f(x: A): return x", False),
        ("class A: pass\ndef f(x: list[A] | None): return x", False),
        ("k = 1\ndef f(): return k", True),
        ("k = [1]\ndef f(): return k", False),
        ("import math\ndef f(): return math", True),
        ("import types\nm = types.ModuleType('m')\ndef f(): return m", False),
        ("def g(): return f()\ndef f(): return g()", True),
        ("f = (lambda x: lambda: x)(1)", True),
        ("f = (lambda x: lambda: x)([])", False),
        ("class f: pass", False),
        ("f = len", True),
        ("f = dict", True),
        ("import os.path; f = os.path.join", True),
        ("f = [1].count", False),
        ("import functools; f = functools.partial(len)", False),
    ],
)
def test_what_sees_nothing_that_can_change_is_packed_once(
    source: str, known: bool
) -> None:
    with Session() as session:
        session.run(source)
        assert (fingerprint(session.value("f")) is not None) == known


def test_a_class_of_a_function_is_packed_each_time() -> None:
    class Local:
        n = 1

    assert fingerprint(Local) is None
    assert fingerprint(Path) is not None


def test_many_helpers_are_looked_at_once_each() -> None:
    layers, width = 6, 8
    lines = [
        f"def f_{layer}_{i}(): return "
        + ", ".join(f"f_{layer + 1}_{j}" for j in range(width))
        for layer in range(layers)
        for i in range(width)
    ]
    lines += [f"def f_{layers}_{i}(): return {i}" for i in range(width)]
    with Session() as session:
        session.run("\n".join(lines))
        parts = fingerprint(session.value("f_0_0"))
    assert parts is not None
    assert len(repr(parts)) < 100_000

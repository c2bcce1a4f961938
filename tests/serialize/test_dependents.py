"""A function runs where its engine suits it, and nowhere else."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from parallel.errors import UnmetDependency
from parallel.serialize.callables import pack_function, unpack_function
from parallel.serialize.dependents import depend, dependent, require
from parallel.serialize.main import main_namespace
from tests.serialize.processes import Process, Raised
from tests.serialize.session import Session


def double(x: float) -> float:
    """Return twice as much."""
    return 2 * x


@pytest.mark.parametrize("met", [True, None, 0, "", []])
def test_all_but_false_is_met(met: Any) -> None:
    f = depend(lambda: met)(double)
    assert f(3) == 6


def test_false_is_unmet() -> None:
    def suits(size: int, *, kind: str) -> bool:
        return size > 3 and kind == "gpu"

    f = depend(suits, 3, kind="gpu")(double)
    with pytest.raises(UnmetDependency) as caught:
        f(1)
    assert str(caught.value) == "this engine does not suit double: suits says no"
    assert dependent(double, suits, 4, kind="gpu")(1) == 2


def test_a_check_may_raise() -> None:
    def refuses() -> None:
        raise UnmetDependency("not here")

    def fails() -> None:
        raise KeyError("a bug")

    with pytest.raises(UnmetDependency, match="not here"):
        depend(refuses)(double)(1)
    with pytest.raises(KeyError, match="a bug"):
        depend(fails)(double)(1)


def test_it_looks_like_the_function() -> None:
    f = depend(lambda: True)(double)
    assert (f.__name__, f.func_name, f.__doc__) == ("double",) * 2 + (double.__doc__,)
    assert inspect.signature(f) == inspect.signature(double)
    assert f.f is double


def test_it_travels_with_both_functions(session: Process, engine: Process) -> None:
    session.run(
        """
        from parallel.serialize.dependents import depend
        k = 10
        def suits(limit): return have > limit
        @depend(suits, 3)
        def f(x): return x + k
        """
    )
    packed = session.pack("f")
    engine.run("have = 4")
    assert engine.call(packed, 1) == 11
    engine.run("have = 3")
    with pytest.raises(Raised, match="UnmetDependency: this engine does not suit f"):
        engine.call(packed, 1)


def test_what_is_required_is_brought(session: Process, engine: Process) -> None:
    session.run(
        """
        import json
        from parallel.serialize.dependents import require
        def helper(x): return x + 1
        class Kind: pass
        @require(json, "os.path", helper, Kind, limit=5)
        def f(x):
            return json.dumps(helper(x)), os.path.sep, limit, Kind.__name__
        """
    )
    assert engine.call(session.pack("f"), 1) == ("2", "/", 5, "Kind")
    assert engine.value("limit, helper(1), json.__name__, os.__name__") == (
        *(5, 2, "json"),
        "os",
    )


def test_what_the_session_lacks_is_brought_too(
    session: Process, engine: Process
) -> None:
    session.run(
        """
        from parallel.serialize.dependents import require
        def made():
            def helper(x): return x + 1
            return helper
        @require("json", made(), limit=5)
        def f(x):
            return json.dumps(helper(x)), limit
        """
    )
    assert engine.call(session.pack("f"), 1) == ("2", 5)


def test_what_a_modules_function_requires_is_bound_in_the_namespace() -> None:
    with Session():
        require("json", double, limit=5)(abs)(1)
        names = main_namespace()
        assert (names["json"].__name__, names["double"], names["limit"]) == (
            "json", double, 5,
        )  # fmt: skip


@pytest.mark.parametrize("module", ["no_such.module", ModuleType("no_such")])
def test_a_module_that_is_missing_is_unmet(module: str | ModuleType) -> None:
    f = require(module)(double)
    with Session(), pytest.raises(UnmetDependency, match="cannot import 'no_such"):
        unpack_function(pack_function(f).code)(1)


@pytest.mark.parametrize("obj", [3, 2.5, [1], object()])
def test_what_has_no_name_is_refused(obj: Any) -> None:
    with pytest.raises(TypeError, match=r"give it one, as in require\(name=...\)"):
        require(obj)


def test_they_can_be_combined() -> None:
    seen: list[str] = []

    def noting(what: str) -> Callable[[], None]:
        return lambda: seen.append(what)

    f = depend(noting("first"))(depend(noting("second"))(require(sys)(double)))
    with Session():
        assert f(2) == 4
    assert seen == ["first", "second"]

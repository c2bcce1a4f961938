"""Which functions travel by name, and which run in the engine's namespace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from parallel.serialize.names import interactive, runs_in_namespace
from tests.serialize.processes import Process, Raised


def function_of(module: str | None) -> Any:
    """Return a function as a module of this name would define it, or of none."""
    names: dict[str, Any] = {"__name__": module} if module else {}
    exec("def f(x):\n    return a * x\n", names)
    return names["f"]


@pytest.mark.parametrize("name", ["__main__", "__console__", "__mp_main__", None])
def test_a_sessions_function_sees_the_engines_names(name: str | None) -> None:
    assert runs_in_namespace(function_of(name))


@pytest.mark.parametrize("name", ["json", "analysis.__main__", "_private"])
def test_a_modules_function_does_not(name: str) -> None:
    assert not runs_in_namespace(function_of(name))


# Functions of modules


def test_a_modules_function_travels_by_name(session: Process, engine: Process) -> None:
    session.run("import os.path")
    packed = session.pack("os.path.join")
    assert len(packed) < 60
    assert engine.call(packed, "a", "b") == "a/b"


@pytest.fixture
def module(tmp_path: Path, session: Process) -> None:
    """Make a module that the session can import, and an engine cannot."""
    (tmp_path / "mine.py").write_text(
        "from parallel import interactive\n"
        "k = 3\n"
        "def by_name(x): return x\n"
        "@interactive\n"
        "def by_value(x): return x * k\n"
    )
    session.run(
        f"import sys; sys.modules.pop('mine', None); sys.path[0] = {str(tmp_path)!r}"
    )


@pytest.mark.usefixtures("module")
def test_a_module_that_the_engine_lacks_is_named(
    session: Process, engine: Process
) -> None:
    session.run("from mine import by_name")
    with pytest.raises(Raised) as caught:
        engine.call(session.pack("by_name"), 1)
    assert str(caught.value) == (
        "CannotUnpack: the function cannot be unpacked here: the module 'mine' cannot "
        "be imported on this engine. If it is a file of yours, "
        "rc[:].push_module('mine') sends it to the engines; a library has to be "
        "installed where they run, or found by their PYTHONPATH. What you define in "
        "your session, or mark with @interactive, travels by value"
    )


@pytest.mark.usefixtures("module")
def test_an_interactive_function_runs_in_the_engines_namespace(
    session: Process, engine: Process
) -> None:
    session.run("from mine import by_value")
    packed = session.pack("by_value")
    assert engine.call(packed, 2) == 6
    engine.run("k = 10")
    assert engine.call(packed, 2) == 20


def test_interactive_marks_the_function_itself() -> None:
    def f() -> None: ...

    assert interactive(f) is f

"""Whose functions run in the engine's namespace: those of every kind of session."""

from __future__ import annotations

from typing import Any

import pytest

from parallel.serialize.functions import runs_in_namespace


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

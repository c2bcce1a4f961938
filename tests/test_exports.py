"""What the package exports is there, documented, and what its files export."""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType

import pytest

from tests import PACKAGE
from tests.architecture import module_name

#: The folders whose modules may need a library that is not installed.
DOORS = ("parallel.dashboard", "parallel.integrations", "parallel.interactive")

MODULES = sorted(
    module_name(path, PACKAGE)
    for path in PACKAGE.rglob("*.py")
    if path.name != "__main__.py"
)


@pytest.fixture(scope="module")
def facade() -> ModuleType:
    return importlib.import_module("parallel")


def imported(name: str) -> ModuleType:
    """Import a module, or skip the test where a door's library is missing."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if name.startswith(DOORS) and not str(error.name).startswith("parallel"):
            pytest.skip(f"{error.name} is not installed")
        raise


def in_order(name: str) -> tuple[int, str]:
    """Sort constants first, then classes, then the rest: as ruff does."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def test_the_list_is_sorted_and_has_no_twins(facade: ModuleType) -> None:
    assert facade.__all__ == sorted(set(facade.__all__), key=in_order)


def test_the_list_is_whole(facade: ModuleType) -> None:
    public = {
        name
        for name, value in vars(facade).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert public - {"annotations"} <= set(facade.__all__)


def test_each_name_is_there_and_documented(facade: ModuleType) -> None:
    values = [getattr(facade, name) for name in facade.__all__]
    assert not [value for value in values if not inspect.getdoc(value)]


def test_each_name_is_exported_by_its_file(facade: ModuleType) -> None:
    hidden = [
        f"{value.__module__}.{name}"
        for name in facade.__all__
        if inspect.isclass(value := getattr(facade, name)) or inspect.isroutine(value)
        if value.__module__ != "builtins"
        if name not in imported(value.__module__).__all__
    ]
    assert not hidden


@pytest.mark.parametrize("name", MODULES)
def test_each_module_has_what_it_exports(name: str) -> None:
    module = imported(name)
    exported = getattr(module, "__all__", [])
    assert not [each for each in exported if not hasattr(module, each)]

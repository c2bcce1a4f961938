"""Modules travel as text, and are imported from memory."""

from __future__ import annotations

import inspect
import json
import linecache
import math
import pickle
import pkgutil
import sys
import traceback
import types
from collections.abc import Callable, Iterator
from importlib import import_module, reload
from pathlib import Path

import numpy as np
import pytest

from parallel.errors import CannotPack, CannotUnpack
from parallel.serialize import modules
from parallel.serialize.calls import unpack_value
from parallel.serialize.modules import generation, install, pack_module

Made = Callable[..., modules.Shipment]


@pytest.fixture
def ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    """Return a function that packs files; where they arrive, they are not found."""

    def forget() -> None:
        for name in [name for name in sys.modules if name.startswith("shipped")]:
            del sys.modules[name]

    def make(name: str = "shipped", **files: str) -> modules.Shipment:
        for path, text in files.items():
            file = tmp_path / path.replace("__", "/").replace("_dot_", ".")
            file.parent.mkdir(exist_ok=True, parents=True)
            file.write_text(text)
        with monkeypatch.context() as patch:
            patch.syspath_prepend(tmp_path)
            shipment = pack_module(name)
        forget()
        return pickle.loads(pickle.dumps(shipment))

    before = list(sys.meta_path)
    yield make
    sys.meta_path[:] = before
    forget()
    linecache.clearcache()


def test_a_module_is_imported_from_memory(ship: Made) -> None:
    shipment = ship(shipped_dot_py="def f():\n    return 1 / 0\n")
    with pytest.raises(ModuleNotFoundError):
        import_module("shipped")
    before = generation()
    install(shipment)
    assert generation() == before + 1
    shipped = import_module("shipped")
    assert inspect.getsource(shipped.f) == "def f():\n    return 1 / 0\n"
    with pytest.raises(ZeroDivisionError) as caught:
        shipped.f()
    assert "return 1 / 0" in "".join(traceback.format_tb(caught.tb))
    assert reload(shipped) is shipped


def test_a_package_comes_whole(ship: Made, tmp_path: Path) -> None:
    shipment = _package(ship, tmp_path)
    install(shipment)
    assert import_module("shipped.deep.leaf").value == ("top", "leaf")
    assert pkgutil.get_data("shipped", "data.json") == json.dumps([1]).encode()
    with pytest.raises(FileNotFoundError, match="did not come along"):
        pkgutil.get_data("shipped", "nowhere.json")
    assert [name for name in sys.modules if name.startswith("shipped")] == [
        "shipped",
        "shipped.deep",
        "shipped.deep.leaf",
    ]


def _package(ship: Made, folder: Path) -> modules.Shipment:
    deep = folder / "shipped" / "deep"
    deep.mkdir(parents=True)
    (folder / "shipped" / "__init__.py").write_text("top = 'top'\n")
    (folder / "shipped" / "data.json").write_text(json.dumps([1]))
    (deep / "__init__.py").write_text("")
    (deep / "leaf.py").write_text("from .. import top\nvalue = top, 'leaf'\n")
    return ship("shipped.deep.leaf")


def test_a_folder_without_an_init_is_a_package_too(ship: Made, tmp_path: Path) -> None:
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "leaf.py").write_text("value = 1\n")
    install(ship())
    assert import_module("shipped.leaf").value == 1


def test_another_version_takes_its_place(ship: Made) -> None:
    for value in ("1", "2"):
        install(ship(shipped_dot_py=f"value = {value}\n"))
        assert str(import_module("shipped").value) == value


def test_what_it_raises_is_raised(ship: Made) -> None:
    with pytest.raises(ZeroDivisionError):
        install(ship(shipped_dot_py="1 / 0\n"))


@pytest.mark.parametrize(
    ("module", "error", "words"),
    [
        ("no_such_module", ModuleNotFoundError, "no module named 'no_such_module'"),
        (math, CannotPack, "it is no Python source file|has a compiled part"),
        (sys, CannotPack, "it is no Python source file"),
        (np, CannotPack, "it has a compiled part .*: install it where the engines"),
        (types.ModuleType("__main__"), CannotPack, "travels with what uses it"),
    ],
    ids=str,
)
def test_what_cannot_be_sent_is_told(
    module: object, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        pack_module(module)  # type: ignore[arg-type]


def test_a_large_package_is_refused(
    ship: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modules, "LARGEST_NBYTES", 3)
    with pytest.raises(CannotPack, match="it has more than 3 bytes"):
        ship(shipped_dot_py="value = 1\n")


def test_another_version_than_the_senders_is_told(ship: Made) -> None:
    install(ship(shipped_dot_py="def f(): ...\n"))
    payload = pickle.dumps(import_module("shipped").f)
    install(ship(shipped_dot_py=""))
    with pytest.raises(CannotUnpack) as caught:
        unpack_value(payload, (), "the arguments")
    assert str(caught.value) == (
        "cannot unpack the arguments here: AttributeError: Can't get attribute 'f' on "
        f"{import_module('shipped')!r}. The 'shipped' here is another version than "
        "yours: rc[:].push_module('shipped') sends yours to the engines"
    )

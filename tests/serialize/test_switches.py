"""Each way to pickle brings everything there; they differ in what functions see."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from parallel.serialize import switches
from parallel.serialize.callables import pack_function, unpack_function
from parallel.serialize.objects import pack, unpack
from tests.serialize.session import Session

WAYS = [switches.use_pickle, switches.use_cloudpickle, switches.use_dill]
by_name = pytest.mark.parametrize("use", WAYS, ids=lambda use: use.__name__)


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    yield
    switches.use_pickle()


@by_name
@pytest.mark.parametrize("length", [3, 10_000])
def test_arrays_come_back_and_are_not_copied_if_large(
    use: Callable[[], None], length: int
) -> None:
    use()
    array = np.arange(float(length))
    packed = pack({"deep": [array]})
    assert len(packed.payload) < 1000
    assert len(packed.buffers) == (length > 1000)
    found = unpack(packed.payload, packed.buffers)["deep"][0]
    assert (found == array).all()
    assert found.flags.writeable


@by_name
def test_whose_globals_a_function_sees(use: Callable[[], None]) -> None:
    use()
    with Session() as session:
        session.run("k = 'mine'\ndef h(): return k\ndef f(x): return h(), x")
        code = pack_function(session.value("f")).code
    with Session() as engine:
        engine.run("k = 'theirs'")
        whose = "theirs" if use is switches.use_pickle else "mine"
        assert unpack_function(code)(3) == (whose, 3)


@by_name
def test_functions_of_modules_travel_by_name(use: Callable[[], None]) -> None:
    use()
    assert unpack_function(pack_function(pack).code) is pack


@by_name
def test_generic_functions_and_caches_travel(use: Callable[[], None]) -> None:
    use()
    with Session() as session:
        session.run(
            "import functools\n"
            "@functools.singledispatch\n"
            "def f(x): return 'other'\n"
            "@f.register\n"
            "def _(x: int): return 'number'\n"
            "@functools.lru_cache(maxsize=3)\n"
            "def g(x): return x"
        )
        codes = [pack_function(session.value(name)).code for name in "fg"]
    with Session():
        f, g = (unpack_function(code) for code in codes)
        assert (f(1), f(""), g(3)) == ("number", "other", 3)
        assert g.cache_info().maxsize == 3


@by_name
def test_modules_travel_by_name(use: Callable[[], None]) -> None:
    use()
    packed = pack([switches])
    assert len(packed.payload) < 1000
    assert unpack(*packed) == [switches]


def test_dill_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_dill(name: str, *args: Any) -> Any:
        if name == "dill":
            raise ModuleNotFoundError("No module named 'dill'", name="dill")
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without_dill)
    before = switches.way()
    with pytest.raises(ImportError, match=r"dill is not installed here: `pip install"):
        switches.use_dill()
    assert switches.way() is before

"""Bad input gives a clear error within seconds, and the cluster works on."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parallel import (
    CannotPack,
    CannotUnpack,
    Client,
    CompositeError,
    RemoteError,
    SerializationError,
)
from tests.integration.soon import said_soon
from tests.integration.tasks import add


@pytest.fixture(autouse=True)
def works_on(cluster: Client) -> Iterator[None]:
    """See after each test that all engines are there, and work."""
    yield
    assert cluster[:].apply_sync(add, 1) == [2, 2, 2, 2]
    assert cluster.load_balanced_view().map_sync(add, range(9)) == [*range(1, 10)]


# What cannot travel


#: Words for what is to blame, and a call that makes use of it.
CALLS: dict[str, tuple[str, Callable[[Client, Any], Any]]] = {
    "balanced": (
        "argument 1 of add", lambda rc, x: rc.load_balanced_view().apply(add, 1, x),
    ),
    "map": (
        "element 2 for add", lambda rc, x: rc.load_balanced_view().map(add, [1, 2, x]),
    ),
    "direct": ("argument 'y' of add", lambda rc, x: rc[:].apply_async(add, 1, y=x)),
    "direct map": ("element 1 for add", lambda rc, x: rc[0].map(add, [1, x])),
    "push": ("argument 'it' of push", lambda rc, x: rc[:].push({"it": x})),
    "update": ("argument 'it' of push", lambda rc, x: rc[0].update({"it": x})),
    "scatter": ("argument 'it' of scatter", lambda rc, x: rc[0].scatter("it", [x])),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_an_argument_that_cannot_be_pickled(cluster: Client, call: str) -> None:
    words, submit = CALLS[call]
    with said_soon(
        CannotPack, words, r"\(a lock|a list\)", "cannot pickle '_thread.lock'"
    ):
        submit(cluster, threading.Lock())
    assert issubclass(CannotPack, TypeError)
    assert issubclass(CannotPack, SerializationError)


def test_a_client_is_no_argument(cluster: Client) -> None:
    for mine in (cluster, cluster[:], cluster.load_balanced_view()):
        with said_soon(CannotPack, "argument 0 of add", "a connection of this process"):
            cluster[0].apply(add, mine)


def test_a_function_that_cannot_be_pickled(cluster: Client) -> None:
    lock = threading.Lock()
    with said_soon(CannotPack, "cannot send <lambda> to the engines", "_thread.lock"):
        cluster[0].apply(lambda: lock)


@pytest.mark.parametrize("kind", ["generator", "lock", "frame"])
def test_a_result_that_cannot_be_pickled(cluster: Client, kind: str) -> None:
    makers: dict[str, Callable[[], Any]] = {
        "generator": lambda: (i for i in range(3)),
        "lock": threading.Lock,
        "frame": sys._getframe,
    }
    with said_soon(CannotPack, rf"\[1:apply\] .* the result of .* \(a {kind}\)"):
        cluster[1].apply_sync(makers[kind])


def test_a_module_that_engines_lack(cluster: Client) -> None:
    module = types.ModuleType("only_here")
    exec("def f(x): return x", module.__dict__)
    sys.modules["only_here"] = module
    try:
        with said_soon(
            CannotUnpack, "module 'only_here' cannot be imported on this engine",
            r"rc\[:\].push_module\('only_here'\)", "PYTHONPATH", "@interactive",
        ):  # fmt: skip
            cluster.load_balanced_view().apply_sync(module.f, 1)
    finally:
        del sys.modules["only_here"]


def test_an_argument_that_cannot_be_unpickled(cluster: Client) -> None:
    with said_soon(CannotUnpack, "the arguments", "not today"):
        cluster[0].apply_sync(add, Awkward())


class Awkward:
    """Can be packed, and not unpacked."""

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, ("1 / 0 if 0 else (_ for _ in ()).throw(ValueError('not today'))",)


# Whom and what to ask


@pytest.mark.parametrize("key", [17, -5, [0, 17], (17,), range(16, 18)])
def test_an_unknown_engine(cluster: Client, key: Any) -> None:
    with said_soon(IndexError, r"no engine (17|-5|16)", r"engines are \["):
        cluster[key]


@pytest.mark.parametrize("key", ["0", 1.0, None, True, ["0"], [True]])
def test_what_is_no_engine(cluster: Client, key: Any) -> None:
    with said_soon(TypeError, "int"):
        cluster[key]


def test_names_that_are_none(cluster: Client) -> None:
    with said_soon(TypeError, "a dict of names and values"):
        cluster[:].push([1])  # type: ignore[arg-type]
    with said_soon(TypeError, "a string or a list of strings, not 3"):
        cluster[:].pull(3)  # type: ignore[arg-type]
    with said_soon(CompositeError, "NameError: name 'nobody' is not defined"):
        cluster[:].pull("nobody", block=True)


def test_a_file_to_run_that_does_not_exist(cluster: Client, tmp_path: Path) -> None:
    with said_soon(FileNotFoundError, "nothing.py"):
        cluster[:].run(str(tmp_path / "nothing.py"))


def test_code_that_is_none(cluster: Client) -> None:
    with said_soon(RemoteError, r"\[0:execute\] SyntaxError", "<execute"):
        cluster[0].execute("a b").get()

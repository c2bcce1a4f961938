"""Objects of every kind go to engines and come back, and mean there what they should.

What is said of `__main__` here is run as a script: in a test, `__main__` is pytest's.
"""

from __future__ import annotations

import functools
import operator
import os
import signal
import sys
import textwrap
import types
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

import parallel as ipp
from parallel import Client, Cluster, PrePickled, Reference
from tests.integration import tasks
from tests.integration.soon import SOON
from tests.waiting import wait_until

BEGIN = """
    import parallel as ipp

    rc = ipp.Client(profile="objects")
    dview, lview = rc[:], rc.load_balanced_view()
    dview.block = lview.block = True
    """


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    """Start two engines, for the tests and for the scripts."""
    with Cluster(n=2, profile="objects", cluster_id="") as client:
        yield client


@pytest.fixture
def session(cluster: Client, run: Callable[..., str]) -> Callable[[str], str]:
    """Return a function that runs the rest of a script that has its views."""

    def run_session(text: str) -> str:
        cluster[:].execute("for _name in [n for n in globals() if n[0] != '_']:\n"
                           "    del globals()[_name]").get()  # fmt: skip
        return run(textwrap.dedent(BEGIN) + textwrap.dedent(text))

    return run_session


@pytest.fixture
def dview(cluster: Client) -> ipp.DirectView:
    view = cluster[:]
    view.block = True
    return view


# What comes back as it was

Point = namedtuple("Point", "x y")


class Place(NamedTuple):
    name: str
    at: Point


FRAME = pd.DataFrame(
    {
        "n": np.arange(5000),
        "x": np.linspace(0, 1, 5000),
        "s": [f"row {i}" for i in range(5000)],
        "when": pd.date_range("2026-01-01", periods=5000, freq="h"),
        "kind": pd.Categorical(["a", "b"] * 2500),
    }
)
STRUCTURED = np.array(
    [(1, 2.5, b"ab"), (3, 4.5, b"cd")], dtype=[("i", "i4"), ("f", "f8"), ("s", "S2")]
)
OBJECTS = np.array([(1, [1, 2]), (2, {"a": 1})], dtype=[("i", "i4"), ("o", object)])


def same(a: Any, b: Any) -> bool:
    """Tell whether two objects are equal, of equal types and dtypes."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (pd.DataFrame, pd.Series, pd.Index)):
        return bool(a.equals(b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.tolist() == b.tolist()
    return bool(a == b)


@pytest.mark.parametrize(
    "obj",
    [
        Point(1, [2]),
        Place("here", Point(1, 2)),
        STRUCTURED,
        OBJECTS,
        STRUCTURED.view(np.recarray),
        np.rec.fromarrays([np.arange(4000), np.ones(4000)], names="a,b"),
        np.ma.masked_array([1, 2, 3], [0, 1, 0]).filled(9),
        np.asfortranarray(np.arange(6000.0).reshape(60, 100)),
        FRAME,
        FRAME["x"],
        FRAME.index,
        pd.Timestamp("2026-11-21T10:00", tz="UTC"),
    ],
    ids=lambda obj: type(obj).__name__,
)
def test_it_comes_back_as_it_was(cluster: Client, obj: Any) -> None:
    assert same(cluster.load_balanced_view().apply_sync(lambda each: each, obj), obj)
    view = cluster[0]
    view.push({"obj": obj}, block=True)
    assert same(view["obj"], obj)


def test_partials_come_back(dview: ipp.DirectView) -> None:
    found = dview.apply(lambda f: (f(3), f), functools.partial(operator.add, 1))
    assert [(value, f(10)) for value, f in found] == [(4, 11)] * 2


@pytest.mark.parametrize("length", [10, 100_000])
def test_arrays_that_came_can_be_written(cluster: Client, length: int) -> None:
    def double(array: Any) -> Any:
        array *= 2
        return array

    sent = np.ones(length)
    back = cluster[0].apply_sync(double, sent)
    back += 1
    assert (back == 3).all()
    assert (sent == 1).all()


# References


def test_a_reference_stands_for_its_value_wherever_it_is(
    dview: ipp.DirectView,
) -> None:
    dview.push({"a": 5, "table": {"k": [1, 2]}, "add": operator.add})
    assert dview.apply(lambda x: x + 1, Reference("a")) == [6, 6]
    assert dview.apply(lambda *, x: x, x=Reference("table['k'][1]")) == [2, 2]
    assert (
        dview.apply(lambda each: each, {"deep": [(Reference("a"),)]})
        == [{"deep": [(5,)]}] * 2
    )
    assert dview.apply(Reference("add"), 1, Reference("a")) == [6, 6]
    assert dview.apply(functools.partial(operator.add, Reference("a")), 2) == [7, 7]
    assert dview.map(Reference("abs"), [-1, -2, -3]) == [1, 2, 3]
    assert dview.map(lambda x: x, [Reference("a"), 1]) == [5, 1]
    dview.push({"b": Reference("a + 1")})
    assert dview["b"] == [6, 6]


def test_a_function_with_a_reference_sees_each_change(dview: ipp.DirectView) -> None:
    add = functools.partial(operator.add, Reference("a"))
    for value in (1, 2):
        dview.push({"a": value, "f": functools.partial(operator.add, value)})
        assert dview.apply(add, 10) == [10 + value] * 2
        assert dview.apply(Reference("f"), 20) == [20 + value] * 2
        assert dview.map(add, [10, 20]) == [10 + value, 20 + value]


def test_load_balanced_calls_take_references_too(cluster: Client) -> None:
    cluster[:].push({"a": 5, "neg": operator.neg}, block=True)
    lview = cluster.load_balanced_view()
    assert lview.apply_sync(Reference("neg"), Reference("a")) == -5
    assert lview.map_sync(Reference("neg"), range(4)) == [0, -1, -2, -3]


def test_an_unknown_name_is_a_remote_name_error(cluster: Client) -> None:
    view = cluster[0]
    for f, args in (
        (len, (Reference("nowhere"),)),
        (Reference("nowhere"), ()),
        (functools.partial(len, Reference("nowhere")), ()),
    ):
        with pytest.raises(NameError, match="name 'nowhere' is not defined") as caught:
            view.apply_sync(f, *args)
        assert isinstance(caught.value, ipp.RemoteError)
        assert caught.value.ename == "NameError"


def test_a_function_and_a_name_may_be_missing_at_once(cluster: Client) -> None:
    module = types.ModuleType("only_here")
    exec("def f(x): return x", module.__dict__)
    sys.modules["only_here"] = module
    try:
        with pytest.raises(NameError, match="'nowhere' is not defined"):
            cluster[0].apply_sync(module.f, Reference("nowhere"))
    finally:
        del sys.modules["only_here"]
    assert cluster[0].apply_sync(abs, -1) == 1


# PrePickled


def test_what_is_packed_once_is_sent_many_times(dview: ipp.DirectView) -> None:
    array = np.arange(50_000.0)
    table = PrePickled({"array": array})
    array += 1  # too late
    for _ in range(2):
        assert dview.apply(lambda t: t["array"][:2].tolist(), table) == [[0, 1]] * 2
    assert (
        dview.apply(lambda ts: [t["array"][1] for t in ts], [table, table])
        == [[1, 1]] * 2
    )
    assert dview.apply(PrePickled(tasks.add), 1, y=2) == [3, 3]
    assert dview.map(PrePickled(lambda x: x + len(array)), [1, 2]) == [50_001, 50_002]
    with pytest.raises(TypeError, match="is not callable"):
        dview.apply(PrePickled(3))


# Types of the user's own


def test_custom_types_travel_as_their_user_says(
    session: Callable[[str], str],
) -> None:
    out = session(
        """
        import threading

        class Counter:
            def __init__(self, start):
                self.lock = threading.Lock()
                self.n = start

        class CannedCounter(ipp.serialize.CannedObject):
            def __init__(self, counter):
                self.n = counter.n

            def get_object(self, g=None):
                return Counter(self.n + g.get("bonus", 0))

        ipp.can_map[Counter] = CannedCounter
        dview.push({"bonus": 100, "Counter": Counter})
        print(dview.apply(lambda c: c.n, Counter(3)))
        print(dview.apply(lambda cs: cs["a"][0].n, {"a": [Counter(4)]}))
        """
    )
    assert out == "[103, 103]\n[104, 104]\n"


# Switches


def test_switches_change_what_functions_see(session: Callable[[str], str]) -> None:
    out = session(
        """
        import parallel.serialize as s

        dview.execute("a = 'engine'")
        a = "client"
        def f():
            return a
        for use in (s.use_pickle, s.use_cloudpickle, s.use_dill, s.use_pickle):
            use()
            dview.apply(use)
            print(dview.apply(f), dview.apply(lambda g: g(), f))
        """
    )
    assert out.splitlines() == [
        "['engine', 'engine'] ['engine', 'engine']",
        "['client', 'client'] ['client', 'client']",
        "['client', 'client'] ['client', 'client']",
        "['engine', 'engine'] ['engine', 'engine']",
    ]


# What asks something of its engine


def test_required_names_are_there(session: Callable[[str], str]) -> None:
    out = session(
        """
        import json

        def double(x):
            return 2 * x

        @ipp.require("os.path", json, double, limit=10)
        def f(x):
            "Say something."
            return json.dumps(min(double(x), limit)) + os.path.sep

        print(f.__name__, f.__doc__, dview.apply(f, 4), lview.map(f, [1, 9]))
        print(dview["limit"])
        """
    )
    assert out.splitlines() == [
        "f Say something. ['8/', '8/'] ['2/', '10/']",
        "[10, 10]",
    ]


@pytest.mark.slow
def test_required_names_are_there_however_functions_travel(
    session: Callable[[str], str],
) -> None:
    out = session(
        """
        def double(x):
            return 2 * x

        for use in (dview.use_cloudpickle, dview.use_dill, dview.use_pickle):
            use()

            @ipp.require("json", double, limit=10)
            def f(x):
                return json.dumps(min(double(x), limit))

            print(dview.apply(f, 4), lview.map(f, [1, 9]))
        """
    )
    assert out.splitlines() == ["['8', '8'] ['2', '10']"] * 3


@pytest.mark.slow
def test_a_task_goes_where_it_is_suited(session: Callable[[str], str]) -> None:
    out = session(
        """
        dview.push({"suits": False})
        rc[1].push({"suits": True, "me": 1}, block=True)

        @ipp.depend(lambda limit: suits and limit < 5, 3)
        def f(x):
            return x, me

        print(lview.map(f, range(6)), [lview.apply(f, x) for x in range(3)])

        @ipp.require("no_such_module")
        def g():
            return 1

        with lview.temp_flags(targets=[0, 1]):
            try:
                lview.apply(g)
            except ipp.error.ImpossibleDependency as error:
                print(error)
        with lview.temp_flags(timeout=0.1):
            try:
                lview.apply(g)
            except ipp.error.TaskTimeout as error:
                print("too late")
        try:
            rc[0].apply_sync(f, 1)
        except ipp.error.UnmetDependency as error:
            print(error)
        """
    )
    lines = out.splitlines()
    assert lines[0] == f"{[(x, 1) for x in range(6)]} {[(x, 1) for x in range(3)]}"
    assert "did not suit" in lines[1]
    assert lines[2:] == [
        "too late",
        "[0:apply] UnmetDependency: this engine does not suit f: <lambda> says no",
    ]


@pytest.mark.slow
def test_types_of_the_session_keep_their_identity(
    session: Callable[[str], str],
) -> None:
    out = session(
        """
        import enum
        from collections import namedtuple
        from dataclasses import dataclass

        Point = namedtuple("Point", "x y")

        class Colour(enum.Enum):
            RED = 1

        @dataclass
        class Pair:
            first: int
            second: list

        sent = Point(1, 2), Colour.RED, Pair(1, [2])
        back = lview.apply(lambda *args: args, *sent)
        print(back == sent, [type(each) is type(b) for each, b in zip(back, sent)])
        print(lview.apply(lambda: Point(3, Pair(0, []))) == Point(3, Pair(0, [])))
        """
    )
    assert out == "True [True, True, True]\nTrue\n"


# Modules of the user's own


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make a package that only this process can import."""
    folder = tmp_path / "only_mine"
    folder.mkdir()
    (folder / "__init__.py").write_text("from .rates import rate\n")
    (folder / "rates.py").write_text("def rate(x):\n    return 2 * x\n")
    (folder / "words.txt").write_text("some words")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.startswith("only_mine")]:
        del sys.modules[name]


def test_a_module_that_engines_lack_is_sent_with_one_call(
    rc: Client, mine: Path
) -> None:
    import only_mine  # type: ignore[import-not-found]

    dview = rc[:].set_flags(block=True)
    with pytest.raises(ipp.CannotUnpack) as caught:
        rc[0].apply_sync(only_mine.rate, 1)
    assert "rc[:].push_module('only_mine') sends it" in str(caught.value)
    with pytest.raises(ipp.CannotUnpack, match=r"push_module\('only_mine'\)"):
        rc[0].apply_sync(map, only_mine.rate, [1])

    dview.push_module("only_mine")
    assert dview.apply(only_mine.rate, 3) == [6, 6]
    assert dview.map(only_mine.rate, [1, 2]) == [2, 4]
    dview.execute("import only_mine, pkgutil, inspect")
    assert (
        dview["inspect.getsource(only_mine.rate)"]
        == ["def rate(x):\n    return 2 * x\n"] * 2
    )
    assert dview["pkgutil.get_data('only_mine', 'words.txt')"] == [b"some words"] * 2


def test_a_module_that_was_changed_is_sent_anew(
    dview: ipp.DirectView, mine: Path
) -> None:
    import only_mine

    dview.push_module(only_mine)
    assert dview.apply(only_mine.rate, 3) == [6, 6]
    (mine / "rates.py").write_text("def rate(x):\n    return 30 * x\n")
    dview.push_module(only_mine)
    assert dview.apply(only_mine.rate, 3) == [90, 90]


@pytest.mark.slow
def test_engines_that_join_later_have_it_too(rc: Client, mine: Path) -> None:
    import only_mine

    rc[:].push_module(only_mine, block=True)
    os.kill(rc[0].apply_sync(os.getpid), signal.SIGKILL)
    wait_until(lambda: rc.ids == [1, 2], SOON, "another engine")
    assert rc[:].apply_sync(only_mine.rate, 3) == [6, 6]


def test_a_view_of_some_engines_sends_it_to_those(cluster: Client, mine: Path) -> None:
    (mine.parent / "only_some.py").write_text("value = 2\n")
    cluster[0].push_module("only_some", block=True)
    assert cluster[0].apply_sync(lambda: __import__("only_some").value) == 2
    with pytest.raises(ModuleNotFoundError):
        cluster[1].apply_sync(lambda: __import__("only_some").value)


def test_what_a_sent_module_raises_at_import_is_told(
    dview: ipp.DirectView, mine: Path
) -> None:
    (mine / "__init__.py").write_text("raise RuntimeError('not here')\n")
    with pytest.raises(ipp.CompositeError, match="RuntimeError: not here"):
        dview.push_module("only_mine")

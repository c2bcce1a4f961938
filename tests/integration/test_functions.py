"""Functions travel as users write them, and see the names that users expect.

What is said of `__main__` here is run as a script: in a test, `__main__` is pytest's.
A cluster is started before the scripts, for all of them.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parallel import Client, Cluster
from tests.integration import tasks

BEGIN = """
    from parallel import Client

    rc = Client(profile="functions")
    dview, lview = rc[:], rc.load_balanced_view()
    dview.block = lview.block = True
    """


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    """Start engines for the scripts."""
    with Cluster(n=2, profile="functions", cluster_id="") as client:
        yield client


@pytest.fixture
def session(cluster: Client, run: Callable[..., str]) -> Callable[[str], str]:
    """Return a function that runs the rest of a script that has its views."""

    def run_session(text: str) -> str:
        cluster[:].execute("for _name in [n for n in globals() if n[0] != '_']:\n"
                           "    del globals()[_name]").get()  # fmt: skip
        return run(BEGIN + text)

    return run_session


def test_of_modules_by_name(cluster: Client) -> None:
    lview = cluster.load_balanced_view()
    assert lview.apply_sync(operator.add, 1, 2) == 3
    assert lview.apply_sync("a-b".split, "-") == ["a", "b"]
    assert lview.apply_sync(dict.fromkeys, "a", 1) == {"a": 1}
    assert lview.apply_sync(tasks.fsquare, 3) == 9
    assert lview.map_sync(int, ["1", "2"]) == [1, 2]


def test_closures_lambdas_and_partials(cluster: Client) -> None:
    lview = cluster.load_balanced_view()
    bias = [1]

    def biased(x: int, *, times: int = 2) -> int:
        return (x + bias[0]) * times

    assert lview.map_sync(biased, range(3)) == [2, 4, 6]
    bias[0] = 10
    assert lview.map_sync(biased, range(3)) == [20, 22, 24]
    assert lview.map_sync(functools.partial(biased, times=1), range(3)) == [10, 11, 12]
    assert lview.apply_sync(lambda *args, **kwargs: (args, kwargs), 1, b=2) == (
        (1,), {"b": 2},
    )  # fmt: skip


def test_recursion_and_generators_within(cluster: Client) -> None:
    def factorial(n: int) -> int:
        return n * factorial(n - 1) if n else 1

    def primes(n: int) -> list[int]:
        return [i for i in range(2, n) if all(i % j for j in range(2, i))]

    lview = cluster.load_balanced_view()
    assert lview.map_sync(factorial, range(5)) == [1, 1, 2, 6, 24]
    assert lview.apply_sync(primes, 12) == [2, 3, 5, 7, 11]


def test_methods_and_callable_objects(cluster: Client) -> None:
    class Scale:
        def __init__(self, factor: int) -> None:
            self.factor = factor

        def __call__(self, x: int) -> int:
            return self.factor * x

        def bigger(self) -> Scale:
            return Scale(self.factor + 1)

    lview = cluster.load_balanced_view()
    assert lview.map_sync(Scale(3), range(3)) == [0, 3, 6]
    back = lview.apply_sync(Scale(3).bigger)
    assert type(back) is Scale
    assert back(10) == 40


@pytest.mark.parametrize("not_callable", [3, None, "f", [len]])
def test_what_cannot_be_called(cluster: Client, not_callable: Any) -> None:
    with pytest.raises(TypeError, match="is not callable"):
        cluster[0].apply_async(not_callable)
    with pytest.raises(TypeError, match="is not callable"):
        cluster.load_balanced_view().map_async(not_callable, [1])


def test_a_function_of_main_sees_the_engines_names(
    session: Callable[[str], str],
) -> None:
    session("""
    def scaled(x):
        return factor * x

    try:
        lview.apply(scaled, 1)
    except NameError as error:
        assert "name 'factor' is not defined" in str(error)
    else:
        raise AssertionError
    dview["factor"] = 10
    assert dview.apply(scaled, 2) == [20, 20]
    rc[1].push({"factor": 5}, block=True)
    assert dview.apply(scaled, 2) == [20, 10]
    assert dview.map(lambda x: x - factor, [0, 0]) == [-10, -5]

    def remember(x):
        global kept
        kept = x
    dview.apply(remember, 7)
    assert dview["kept"] == [7, 7]
    """)


def test_what_it_uses_comes_along(session: Callable[[str], str]) -> None:
    session("""
    import math
    from os.path import basename as name_of

    K = 3
    TABLE = {"a": [1, 2]}

    def helper(x):
        return math.sqrt(x) + K

    def f(x):
        return helper(x), TABLE["a"], name_of("/a/b")

    assert lview.apply(f, 4) == (5.0, [1, 2], "b")
    K = 4                       # a new value is seen …
    TABLE["a"].append(3)        # … and a changed one …
    assert lview.apply(f, 4) == (6.0, [1, 2, 3], "b")

    def helper(x):              # … and a function defined anew
        return -x
    assert lview.apply(f, 4)[0] == -4
    assert lview.map(f, [4])[0][0] == -4

    dview["K"] = 100            # what is put there wins over what came along
    def k():
        return K
    assert dview.apply(k) == [100, 100]
    """)


def test_what_is_too_large_or_cannot_travel_is_named(
    session: Callable[[str], str],
) -> None:
    session("""
    import threading

    big = bytes(2_000_000)
    lock = threading.Lock()

    def use_big():
        return len(big)

    def use_lock():
        return lock.locked()

    for f, why in ((use_big, "bytes travel only if you push them"),
                   (use_lock, "cannot be pickled")):
        try:
            lview.apply(f)
        except NameError as error:
            assert "of your session did not come along" in str(error), error
            assert why in str(error), error
        else:
            raise AssertionError(f)
    dview["big"] = big
    assert lview.apply(use_big) == 2_000_000
    """)


def test_classes_of_main(session: Callable[[str], str]) -> None:
    session("""
    import dataclasses
    import enum

    class Base:
        def __init__(self, value):
            self.value = value

    class Derived(Base):
        def next(self):
            return Derived(self.value + 1)

    class Colour(enum.Enum):
        RED = 1

    @dataclasses.dataclass
    class Point:
        x: int
        y: int = 0

    class Oops(ValueError):
        def __init__(self, code):
            super().__init__(f"code {code}")
            self.code = code

    back = lview.apply(Derived(1).next)
    assert type(back) is Derived and back.value == 2
    assert lview.apply(lambda c: c, Colour.RED) is Colour.RED
    assert lview.map(Point, [1, 2]) == [Point(1), Point(2)]
    dview["point"] = Point(1, 2)
    dview.execute("point.x += 1")
    assert dview["point"] == [Point(2, 2)] * 2

    def fail():
        raise Oops(3)
    try:
        lview.apply(fail)
    except Oops as error:
        assert error.code == 3, error
    """)


def test_a_function_of_main_is_known_to_executed_code(
    session: Callable[[str], str],
) -> None:
    session("""
    def double(x):
        return 2 * x

    dview.push({"double": double, "x": 4})
    dview.execute("y = double(x)")
    assert dview["y"] == [8, 8]
    dview.execute("def triple(x): return 3 * x")
    def both(x):
        return double(x) + triple(x)
    assert dview.apply(both, 1) == [5, 5]
    """)


def test_interactive_functions_of_modules(
    session: Callable[[str], str], tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(
        "from parallel import interactive\n"
        "where = 'the module'\n"
        "def here():\n    return where\n"
        "@interactive\ndef there():\n    return where\n"
    )
    session("""
    import os
    import mine

    dview.execute(f"import sys; sys.path.append({os.getcwd()!r})")
    dview["where"] = "the engine"
    assert dview.apply(mine.here) == ["the module"] * 2
    assert dview.apply(mine.there) == ["the engine"] * 2
    """)


@pytest.mark.slow
def test_a_plain_script_needs_no_main_guard(run: Callable[..., str]) -> None:
    said = run("""
    from parallel import Cluster

    print("begin")

    def where(x):
        return __name__, x

    with Cluster(n=2) as rc:
        print(rc[:].apply_sync(where, 1))
        print(rc.load_balanced_view().map_sync(lambda x: x + 1, range(3)))
    """)
    assert said.splitlines() == [
        "begin",
        "[('__main__', 1), ('__main__', 1)]",
        "[1, 2, 3]",
    ]


@pytest.mark.slow
def test_modules_beside_the_script_are_found(
    run: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "neighbour.py").write_text("def greet(x):\n    return f'hello {x}'\n")
    run("""
    import neighbour
    from parallel import Cluster

    with Cluster(n=1) as rc:
        assert rc[0].apply_sync(neighbour.greet, "you") == "hello you"
    """)

"""What users of ipyparallel rely on in errors and in what travels: line by line."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap
from collections import namedtuple
from collections.abc import Iterator
from concurrent import futures
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import parallel as ipp
from tests.integration.tasks import add, divide, fsquare, wait_for
from tests.waiting import wait_until

Point = namedtuple("Point", "x y")


@pytest.fixture(scope="module")
def cluster() -> Iterator[ipp.Client]:
    """Start two engines that the tests of this module share."""
    with ipp.Cluster(n=2) as client:
        yield client


# Errors


def test_the_tree() -> None:
    for name in (
        "EngineError", "NoEnginesRegistered", "TaskAborted", "TaskTimeout",
        "TaskRejectError", "UnmetDependency", "RemoteError",
    ):  # fmt: skip
        error = getattr(ipp.error, name)
        assert issubclass(error, ipp.error.KernelError)
        assert getattr(ipp, name) is error
    assert issubclass(ipp.KernelError, ipp.IPythonError)
    assert issubclass(ipp.ImpossibleDependency, ipp.UnmetDependency)
    for kind in (ipp.DependencyTimeout, ipp.InvalidDependency):
        assert issubclass(kind, ipp.ImpossibleDependency)
    for kind in (ipp.CompositeError, ipp.AlreadyDisplayedError):
        assert issubclass(kind, ipp.RemoteError)
    assert ipp.TimeoutError is ipp.error.TimeoutError
    for builtin in (TimeoutError, futures.TimeoutError):  # two until Python 3.11
        assert issubclass(ipp.TimeoutError, builtin)


def test_one(cluster: ipp.Client, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ipp.RemoteError) as caught:
        cluster[1].apply_sync(divide, 1, 0)
    error = caught.value
    assert str(error) == "[1:apply] ZeroDivisionError: division by zero"
    assert repr(error) == "<RemoteError[1]:ZeroDivisionError(division by zero)>"
    assert (error.engine_info["engine_id"], error.engine_info["method"]) == (1, "apply")
    assert set(error.engine_info) == {"engine_id", "engine_uuid", "method"}
    assert isinstance(error.render_traceback(), list)
    error.print_traceback()
    assert "return x / y" in capsys.readouterr().out
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    with pytest.raises(ipp.RemoteError, match=r"\[0:execute\] NameError"):
        cluster[0].execute("missing", block=True)


@pytest.mark.parametrize("method", ["apply", "execute"])
def test_where_it_was_is_told(cluster: ipp.Client, method: str) -> None:
    view = cluster[:]
    call: Any = view.execute("1 / 0") if method == "execute" else view.apply_async(fail)
    uuids = view.apply_async(add, 1)
    uuids.get(10)
    with pytest.raises(ipp.CompositeError) as caught:
        call.get(10)
    assert [info for *_, info in caught.value.elist] == [
        {"engine_id": i, "engine_uuid": uuids.engine_uuid[i], "method": method}
        for i in (0, 1)
    ]
    with pytest.raises(ipp.RemoteError) as one:
        caught.value.raise_exception(1)
    assert one.value.engine_info == caught.value.elist[1][3]


def fail() -> None:
    """Raise something."""
    divide(1, 0)


def test_where_an_engine_died_is_told() -> None:
    with ipp.Cluster(n=2) as rc, rc.cluster.connect_client_sync() as other:
        deadly = [rc[0].execute("import os; os._exit(1)"), rc[1].apply_async(die)]
        for i, method in enumerate(("execute", "apply")):
            first = deadly[i]
            for ar in (first, other.get_result(first.msg_ids[0])):
                with pytest.raises(ipp.EngineError) as caught:
                    ar.get(10)
                assert caught.value.engine_info == {  # type: ignore[attr-defined]
                    "engine_id": i, "engine_uuid": first.engine_uuid, "method": method,
                }  # fmt: skip
            assert first.engine_uuid


def die() -> None:
    """End the engine."""
    os._exit(1)


def test_many(cluster: ipp.Client, capsys: pytest.CaptureFixture[str]) -> None:
    bad = [cluster[i % 2].apply_async(divide, 1, 0) for i in range(6)]
    with pytest.raises(ipp.CompositeError) as caught:
        ipp.AsyncResult.join(*bad).get(10)
    error = caught.value
    assert (len(error.elist), error.tb_limit) == (6, 4)
    assert str(error).count("ZeroDivisionError") == 4
    assert "2 more exceptions" in str(error)
    error.print_traceback()
    assert "return x / y" in capsys.readouterr().out
    error.print_traceback(5)
    assert "return x / y" in capsys.readouterr().out
    assert "return x / y" in "\n".join(error.render_traceback(0))
    with pytest.raises(ipp.RemoteError) as one:
        error.raise_exception()
    assert one.value.ename == "ZeroDivisionError"
    for ask in (error.raise_exception, error.render_traceback):
        with pytest.raises(IndexError):
            ask(6)
    assert "return x / y" in str(error.__cause__)
    nested = [1, error, one.value]
    with pytest.raises(ipp.CompositeError, match="raised in: flat") as flat:
        ipp.collect_exceptions(nested, "flat")
    assert len(flat.value.elist) == 7
    assert ipp.collect_exceptions({0: 1}, "none") == {0: 1}


def test_the_scheduler_s_are_remote_errors_too(cluster: ipp.Client) -> None:
    view = cluster.load_balanced_view()
    with view.temp_flags(after="nobody_1"):
        ar = view.apply_async(add, 1)
    with pytest.raises(ipp.RemoteError) as caught:
        ar.get(10)
    assert caught.value.ename == "InvalidDependency"
    assert isinstance(caught.value, ipp.InvalidDependency)
    failed = view.apply_async(divide, 1, 0)
    with view.temp_flags(after=failed):
        ar = view.apply_async(add, 1)
    with pytest.raises(ipp.RemoteError) as caught:
        ar.get(10)
    assert caught.value.ename == "ImpossibleDependency"


def test_the_remote_line_of_several_is_shown() -> None:
    code = """
        from parallel.errors import CompositeError
        failure = ("ValueError", "no", "Traceback: the remote line", {})
        raise CompositeError("several", [failure])
        """
    run = [sys.executable, "-c", textwrap.dedent(code)]
    told = subprocess.run(run, capture_output=True, text=True, check=False).stderr
    assert "the remote line" in told
    assert ipp.CompositeError("nothing", []).__cause__ is None


def test_ipython_shows_the_remote_steps_only() -> None:
    code = """
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance(colors="NoColor")
        shell.run_cell("from parallel import RemoteError, CompositeError")
        shell.run_cell("def ours(error): raise error")
        shell.run_cell("failure = ('ValueError', 'no', 'Steps there', {})")
        shell.run_cell("ours(RemoteError(*failure))")
        shell.run_cell("ours(CompositeError('several', [failure]))")
        """
    run = [sys.executable, "-c", textwrap.dedent(code)]
    told = subprocess.run(run, capture_output=True, text=True, check=False).stdout
    assert told.count("Steps there") == 2
    assert "ours(" not in told


def test_an_engine_that_left_is_still_known() -> None:
    with ipp.Cluster(n=1) as rc:
        ar = rc[0].apply_async(add, 1)
        ar.get(10)
        known = ar.engine_uuid
        rc.shutdown(targets=[0], block=True)
        wait_until(lambda: 0 not in rc.ids, what="departure")
        assert known
        assert ar.engine_uuid == ar.metadata.engine_uuid == known


# What travels


def test_functions_see_the_namespace_of_the_engine(cluster: ipp.Client) -> None:
    @ipp.interactive
    def read() -> Any:
        return here  # type: ignore[name-defined]  # noqa: F821

    cluster[:].push({"here": 5}, block=True)
    assert cluster[:].apply_sync(read) == [5, 5]

    def outer(n: int) -> Any:
        def inner(x: int, y: int = 2, *, z: int = 3) -> int:
            return n * x + y + z

        return inner

    assert cluster[0].apply_sync(outer(10), 1) == 15


def test_references(cluster: ipp.Client) -> None:
    cluster[:].push({"a": 5, "f": fsquare}, block=True)
    a = ipp.Reference("a")
    assert cluster[0].apply_sync(ipp.Reference("f"), a) == 25
    echo = partial(lambda *args: args, a)
    assert cluster[0].apply_sync(echo, [a], {"k": a}, (a,)) == (
        5, [5], {"k": 5}, (5,),
    )  # fmt: skip
    assert cluster[0].apply_sync(fsquare, ipp.Reference("a + 1")) == 36
    with pytest.raises(TypeError):
        ipp.Reference(1)  # type: ignore[arg-type]
    packed = ipp.PrePickled(7)
    assert [cluster[i].apply_sync(fsquare, packed) for i in (0, 1)] == [49, 49]


@pytest.mark.parametrize("size", [3, 200_000])
def test_arrays(cluster: ipp.Client, size: int) -> None:
    def change(array: Any) -> Any:
        array += 1
        return array

    back = cluster[0].apply_sync(change, np.zeros(size))
    back += 1
    assert (back == 2).all()
    view = memoryview(b"x" * size)
    assert bytes(cluster[0].apply_sync(lambda b: b, view)) == bytes(view)


def test_other_types(cluster: ipp.Client) -> None:
    point = cluster[0].apply_sync(lambda p: p, Point(1, 2))
    assert (type(point), point) == (Point, (1, 2))
    record = np.rec.array([(1, 2.0)], dtype=[("i", int), ("f", float)])
    back = cluster[0].apply_sync(lambda r: r, record)
    assert (type(back), back.i[0], back.f[0]) == (np.recarray, 1, 2.0)
    objects = np.array([(1, "a")], dtype=[("i", int), ("o", object)])
    assert cluster[0].apply_sync(lambda r: r, objects)["o"][0] == "a"


@pytest.mark.parametrize("method", ["push", "scatter", "map", "apply"])
def test_what_was_sent_may_be_changed(
    cluster: ipp.Client, gate: Path, method: str
) -> None:
    view = cluster[:]
    held = view.apply_async(wait_for, str(gate))
    array = np.ones((2, 100_000))
    ar = {
        "push": lambda: view.push({"x": array}, track=True),
        "scatter": lambda: view.scatter("x", array, track=True),
        "map": lambda: view.map(np.sum, array, track=True),
        "apply": lambda: view.apply_async(np.sum, array),
    }[method]()
    assert ar.wait_for_send(10)
    assert ar.sent
    array[:] = 0
    gate.touch()
    held.get(10)
    found = ar.get(10) if method in ("map", "apply") else view.pull("x.sum()").get(10)
    assert sum(found) == (400_000 if method in ("push", "apply") else 200_000)


def test_a_namedtuple_of_the_session_keeps_its_type(cluster: ipp.Client) -> None:
    Pair = namedtuple("Pair", "left right")
    several = [Pair(1, 2), Pair(3, np.arange(3))]
    back = cluster[0].apply_sync(lambda pairs: pairs, several)
    assert [type(pair) for pair in back] == [Pair, Pair]
    assert back[0] == (1, 2)
    assert cluster[0].apply_sync(lambda pair: pair.left + pair.right, Pair(1, 2)) == 3
    assert cluster[:].map_sync(lambda pair: pair.left, several) == [1, 3]


@pytest.mark.parametrize("rows", [3, 10_000])
def test_record_arrays_keep_their_fields(cluster: ipp.Client, rows: int) -> None:
    record = np.rec.array(
        [(i, i / 2) for i in range(rows)], dtype=[("i", int), ("f", float)]
    )
    assert cluster[0].apply_sync(lambda r: float(r.f.sum()), record) == record.f.sum()
    cluster[:].scatter("r", record, block=True)
    assert sum(cluster[:].pull("len(r.i)", block=True)) == rows
    back = cluster[:].gather("r", block=True)
    assert back.dtype == record.dtype
    assert (back == record).all()

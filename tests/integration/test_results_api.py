"""What results can do on a real cluster: parts, output, giving up, waiting for many."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import itertools
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, CancelledError
from pathlib import Path
from typing import Any

import pytest

from parallel import (
    AsyncResult,
    Client,
    CompositeError,
    EngineError,
    RemoteError,
    TaskAborted,
)
from parallel.client.waiting import as_completed, wait_for
from tests.integration.tasks import (
    add,
    begin_and_wait_for,
    divide,
    fsquare,
    notes,
)
from tests.integration.tasks import (
    wait_for as wait_for_file,
)
from tests.waiting import wait_until


def occupy(cluster: Client, gate: Path, folder: Path) -> list[AsyncResult]:
    """Give each engine something that lasts until the gate is there."""
    held = [
        view.apply_async(begin_and_wait_for, str(folder / f"begun{i}"), str(gate))
        for i, view in enumerate(cluster)
    ]
    for i in range(len(held)):
        wait_until(lambda i=i: notes(folder / f"begun{i}"), what="busy engine")  # type: ignore[misc]
    return held


def say(text: str, gate: str) -> str:
    """Print something, and wait."""
    print(text, flush=True)
    wait_for_file(gate)
    return text


# Parts


def test_a_dict_by_engine_has_the_parts_of_maps_and_gathers(cluster: Client) -> None:
    view = cluster[:]
    assert view.map_async(add, range(5)).get_dict(10) == {
        0: [1, 2], 1: [3], 2: [4], 3: [5],
    }  # fmt: skip
    view.scatter("part", list(range(5)), block=True)
    found = view.gather("part")
    assert found.get_dict(10) == {0: [0, 1], 1: [2], 2: [3], 3: [4]}
    assert found.get(10) == list(range(5))


def test_parts_come_one_by_one(cluster: Client, gate: Path) -> None:
    cluster[2].apply_async(wait_for_file, str(gate))
    ar = cluster[:].apply_async(add, 1)
    _, pending = ar.wait(10, return_when=FIRST_COMPLETED)
    while len(pending) > 1:
        _, pending = AsyncResult.join(*pending).wait(10, FIRST_COMPLETED)
    (slow,) = pending
    assert slow.msg_ids == [ar.msg_ids[2]]
    assert not slow.ready()
    gate.touch()
    assert slow.get(10) == 2
    assert ar.get_dict(10) == dict.fromkeys(range(4), 2)
    assert slow.engine_id == 2


def test_the_first_failure_is_raised_at_once(cluster: Client, gate: Path) -> None:
    slow = cluster[0].apply_async(wait_for_file, str(gate))
    ar = AsyncResult.join(slow, cluster[1].apply_async(divide, 1, 0))
    with pytest.raises(ZeroDivisionError):
        ar.get(10, return_when=FIRST_EXCEPTION)
    done, pending = ar.wait(10, return_when=FIRST_EXCEPTION)
    assert (len(done), len(pending)) == (1, 1)
    gate.touch()
    with pytest.raises(CompositeError):
        ar.get(10)


def test_chunks_of_a_map_are_parts(cluster: Client) -> None:
    ar = cluster.load_balanced_view().map_async(fsquare, range(10), chunksize=4)
    parts = ar.split()
    assert [part.get(10) for part in parts] == [
        [[0, 1, 4, 9]], [[16, 25, 36, 49]], [[64, 81]],
    ]  # fmt: skip
    assert type(parts[0]).__mro__[1] is AsyncResult


def test_exceptions_in_the_place_of_values(cluster: Client) -> None:
    ar = cluster[:].apply_async(divide, 1, 0)
    assert all(isinstance(e, ZeroDivisionError) for e in ar.get(return_exceptions=True))


# Waiting for several


def test_waiting_by_any_name(cluster: Client, gate: Path) -> None:
    slow = cluster[0].apply_async(wait_for_file, str(gate))
    quick = cluster[1].apply_async(add, 1)
    connection = cluster._connection
    history = [*slow.msg_ids, *quick.msg_ids]
    assert wait_for(connection, quick.msg_ids[0], 10)
    assert wait_for(connection, [quick, quick.msg_ids, 1, [-1]], 10, history)
    assert not wait_for(connection, 0, 0.01, history)
    assert not wait_for(connection, slow.msg_ids[0], 0)
    assert not wait_for(connection, None, 0)
    gate.touch()
    assert wait_for(connection, None, 10)
    with pytest.raises(ValueError, match="this client did not send it"):
        wait_for(connection, "somebody_1", 1)
    with pytest.raises(TypeError, match="a job is a result"):
        wait_for(connection, 1.5, 1)


def test_each_as_it_comes(cluster: Client, gate: Path) -> None:
    slow = cluster[0].apply_async(wait_for_file, str(gate))
    quick = [cluster[1].apply_async(add, i) for i in range(20)]
    came = as_completed([slow, *quick], timeout=20)
    assert set(itertools.islice(came, 20)) == set(quick)
    gate.touch()
    assert list(came) == [slow]
    assert [part.get() for part in as_completed(cluster[:].apply_async(add, 1))] == [
        2, 2, 2, 2,
    ]  # fmt: skip


def test_what_does_not_come_in_time(cluster: Client, gate: Path) -> None:
    slow = cluster[0].apply_async(wait_for_file, str(gate))
    with pytest.raises(TimeoutError, match=r"1 of 1 results have not come after 0\.05"):
        next(as_completed([slow], timeout=0.05))
    gate.touch()
    assert list(as_completed([slow], timeout=10)) == [slow]


def test_each_as_it_comes_in_a_loop(cluster: Client, gate: Path) -> None:
    async def run() -> None:
        plain: concurrent.futures.Future[int] = concurrent.futures.Future()
        slow = cluster[0].apply_async(wait_for_file, str(gate))
        quick = cluster[1].apply_async(add, 1)
        came = []
        async for future in as_completed([slow, quick, plain], timeout=20):
            came.append(future)
            if future is quick:
                plain.set_result(1)
            if future is plain:
                gate.touch()
        assert came == [quick, plain, slow]
        with pytest.raises(TimeoutError):
            await anext(as_completed([concurrent.futures.Future()], timeout=0.01))

    asyncio.run(run())


def test_a_cancelled_one_ends_all_that_wait_for_it(cluster: Client, gate: Path) -> None:
    ar = cluster[0].apply_async(wait_for_file, str(gate))
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        waiting = [
            threads.submit(ar.wait, 30),
            threads.submit(lambda: list(as_completed([ar], timeout=30))),
            threads.submit(concurrent.futures.wait, [ar], 30),
            threads.submit(cluster.wait, [ar], 30),
        ]
        assert ar.cancel()
        found = [each.result(20) for each in waiting]
    assert found[:2] == [True, [ar]]
    assert found[2].done == {ar}
    assert found[3] is True
    gate.touch()


def test_many_iterations_in_one_loop(cluster: Client, gate: Path) -> None:
    async def run() -> None:
        lview = cluster.load_balanced_view()

        async def one(k: int) -> list[Any]:
            return [x async for x in lview.map_async(add, range(5), [k] * 5)]

        held = cluster[0].apply_async(wait_for_file, str(gate))

        async def hang() -> list[Any]:  # its iteration occupies no thread
            return [x async for x in AsyncResult.join(held)]

        waiting = [asyncio.create_task(hang()) for _ in range(50)]
        found = await asyncio.gather(*[one(k) for k in range(20)])
        assert found == [list(range(k, k + 5)) for k in range(20)]
        gate.touch()
        await asyncio.gather(*waiting)

    asyncio.run(run())


# Output


@pytest.mark.slow
def test_output_comes_while_the_task_runs(
    cluster: Client, gate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ar = cluster[:2].apply_async(say, "here I am", str(gate))
    with ar.stream_output():
        seen = ""

        def both() -> bool:
            nonlocal seen
            ar.ready()
            seen += capsys.readouterr().out
            return seen.count("here I am") == 2

        wait_until(both, what="live output")
        assert not ar.ready()
        gate.touch()
        assert ar.get(10) == ["here I am"] * 2
    assert "[stdout:0] here I am\n" in seen
    assert capsys.readouterr().out == ""
    ar.display_outputs()
    assert capsys.readouterr().out == ("[stdout:0] here I am\n[stdout:1] here I am\n")


def publish(count: int, gate: str) -> None:
    """Publish so many values, and wait."""
    from parallel.datapub import publish_data

    for i in range(count):
        publish_data({"i": i, "last": i == count - 1})
    wait_for_file(gate)


def test_what_is_published_while_the_task_runs(cluster: Client, gate: Path) -> None:
    ar = cluster[:2].apply_async(publish, 5, str(gate))
    assert all(part == {} or part["i"] in range(5) for part in ar.data)
    last = {"i": 4, "last": True}
    wait_until(lambda: ar.data == [last, last], what="the last value")
    assert not ar.ready()
    gate.touch()
    assert ar.get(10) == [None, None]
    assert ar.data == [last, last]


def test_what_is_displayed(cluster: Client, capsys: pytest.CaptureFixture[str]) -> None:
    ar = cluster[:2].execute(
        "from IPython.display import display\ndisplay('picture')\n6 * 7", silent=False
    )
    replies = ar.get(10)
    assert [reply.data["text/plain"] for reply in replies] == ["42", "42"]
    results = [f"Out[{i}:{replies[i].execution_count}]: 42" for i in range(2)]
    ar.display_outputs()
    assert capsys.readouterr().out.splitlines() == [
        "[output:0]", "'picture'", "[output:1]", "'picture'", *results,
    ]  # fmt: skip
    ar.display_outputs(result_only=True)
    assert capsys.readouterr().out.splitlines() == results
    AsyncResult.join(*ar.split()).display_outputs(result_only=True)
    assert capsys.readouterr().out.splitlines() == results


# Giving up


def test_what_waits_is_aborted(cluster: Client, gate: Path, tmp_path: Path) -> None:
    held = occupy(cluster, gate, tmp_path)
    lview = cluster.load_balanced_view()
    waits = lview.apply_async(add, 1)
    queued = cluster[0].apply_async(add, 1)
    for ar in (waits, queued):
        ar.abort()
        with pytest.raises(TaskAborted):
            ar.get(10)
        assert ar.status == "aborted"
    held[0].abort()  # it runs: it goes on
    gate.touch()
    for ar in held:
        ar.get(10)
    with pytest.raises(RuntimeError, match="nothing is left to abort"):
        held[0].abort()


def test_what_waits_is_cancelled(cluster: Client, gate: Path, tmp_path: Path) -> None:
    held = occupy(cluster, gate, tmp_path)
    trace = tmp_path / "trace"
    ar = cluster.load_balanced_view().apply_async(begin_and_wait_for, str(trace), "/")
    assert ar.cancel()
    with pytest.raises(CancelledError):
        ar.get()
    wait_until(lambda: ar.status == "aborted", what="news of the cancelled task")
    gate.touch()
    assert cluster.wait(held, 10)
    assert cluster.wait(timeout=10)
    assert notes(trace) == []


def test_what_runs_is_interrupted(cluster: Client, gate: Path, tmp_path: Path) -> None:
    held = occupy(cluster, gate, tmp_path)
    assert all(ar.cancel() for ar in held)
    # Nobody opens the gate: the engines are free all the same.
    assert cluster[:].apply_async(add, 1).get(20) == [2] * 4
    for ar in held:
        with pytest.raises(CancelledError, match="begin_and_wait_for was cancelled;"):
            ar.get()
        assert ar.status in ("aborted", "error")


def test_the_rest_of_a_map_is_cancelled(
    cluster: Client, gate: Path, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    lview = cluster.load_balanced_view()
    ar = lview.map_async(begin_and_wait_for, [str(trace)] * 500, [str(gate)] * 500)
    wait_until(lambda: len(notes(trace)) == 4, what="four calls")
    assert ar.cancel()
    assert cluster.wait(timeout=20)
    assert cluster[:].apply_async(add, 1).get(20) == [2] * 4
    assert len(notes(trace)) < 20  # what an engine had in hand may just have begun


def test_a_timeout_in_a_loop_frees_the_engine(cluster: Client, gate: Path) -> None:
    async def run() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(
                cluster[0].apply_async(wait_for_file, str(gate)), 0.1
            )
        assert await cluster[0].apply_async(add, 1) == 2

    asyncio.run(run())


# How tasks end


@pytest.mark.slow
def test_a_lost_engine(rc: Client) -> None:
    def die() -> None:
        import os

        os._exit(3)

    ar = rc[0].apply_async(die)
    with pytest.raises(EngineError, match="engine 0"):
        ar.get(30)
    assert isinstance(ar.error, RemoteError)
    assert ar.error.ename == "EngineError"


@pytest.mark.slow
def test_dropped_results_are_gone(cluster: Client) -> None:
    lview = cluster.load_balanced_view()
    for i in range(20_000):
        lview.apply_async(add, i)
    assert cluster.wait(timeout=30)
    assert sum(isinstance(each, AsyncResult) for each in gc.get_objects()) < 100


# Bars


def test_a_bar_where_somebody_sees_it(
    cluster: Client,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lview = cluster.load_balanced_view()
    assert lview.map_async(fsquare, range(10)).wait_interactive(timeout=10) is True
    assert capsys.readouterr().err == ""  # no terminal: quiet
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    ar = lview.map_async(fsquare, range(10))
    assert ar.wait_interactive(interval=0.01, timeout=10) is True
    told = capsys.readouterr().err
    assert "fsquare: 100%" in told
    assert "10/10" in told
    monkeypatch.setenv("IPP_NONINTERACTIVE", "1")
    assert lview.map_async(fsquare, range(10)).wait_interactive() is True
    assert capsys.readouterr().err == ""


def test_a_bar_that_nobody_waits_for(
    cluster: Client,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    gate: Path,
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    ar = cluster.load_balanced_view().map_async(wait_for_file, [str(gate)] * 4)
    ar.show_progress()
    gate.touch()
    ar.get(10)
    wait_until(lambda: "4/4" in capsys.readouterr().err, what="full bar")


def test_bars_of_maps(
    cluster: Client,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lview = cluster.load_balanced_view()
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    lview.map_sync(fsquare, range(10), progress=True)
    assert "fsquare: 100%" in capsys.readouterr().err
    cluster[:].map_sync(fsquare, range(8), progress=True)
    assert "fsquare: 100%" in capsys.readouterr().err
    assert len(list(lview.imap(fsquare, range(10), progress=True))) == 10
    wait_until(lambda: "10/10" in capsys.readouterr().err, what="full bar")
    lview.map_sync(fsquare, range(10))
    assert capsys.readouterr().err == ""  # unasked, in IPython only


def test_a_bar_of_the_first(cluster: Client, gate: Path) -> None:
    ar = cluster[:].apply_async(wait_for_file, str(gate))
    assert ar.wait_interactive(timeout=0.05) is False
    done, pending = ar.wait_interactive(timeout=0.05, return_when=FIRST_EXCEPTION)
    assert (len(done), len(pending)) == (0, 4)
    gate.touch()
    assert ar.wait_interactive(timeout=10) is True

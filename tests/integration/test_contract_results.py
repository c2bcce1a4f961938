"""What users of ipyparallel rely on in results, maps and output: line by line."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
from collections.abc import Iterator
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION
from pathlib import Path
from typing import Any

import pytest

import parallel as ipp
from tests.integration.tasks import add, divide, fsquare, wait_for
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def cluster() -> Iterator[ipp.Client]:
    """Start two engines that the tests of this module share."""
    with ipp.Cluster(n=2) as client:
        yield client


def say(*words: str) -> str:
    """Print something."""
    print(*words)
    return " ".join(words)


# AsyncResult


def test_signatures() -> None:
    def defaults(method: Any) -> dict[str, Any]:
        parameters = list(inspect.signature(method).parameters.values())[1:]
        return {each.name: each.default for each in parameters}

    result = ipp.AsyncResult
    assert defaults(result.get) == {
        "timeout": None, "return_exceptions": None, "return_when": None,
    }  # fmt: skip
    assert defaults(result.wait) == {"timeout": -1, "return_when": None}
    assert defaults(result.wait_for_output) == {"timeout": -1}
    assert defaults(result.wait_for_send) == {"timeout": -1}
    assert defaults(result.get_dict) == {"timeout": -1}
    assert defaults(result.display_outputs) == {
        "groupby": "type", "result_only": False,
    }  # fmt: skip
    assert defaults(result.wait_interactive) == {
        "interval": 0.1, "timeout": -1, "widget": None, "return_when": ALL_COMPLETED,
    }  # fmt: skip
    timedelta = defaults(result.timedelta)
    assert (timedelta["start_key"], timedelta["end_key"]) == (min, max)


def test_one_that_is_pending(cluster: ipp.Client, gate: Path) -> None:
    ar = cluster[0].apply_async(wait_for, str(gate))
    assert isinstance(ar, concurrent.futures.Future)
    assert (ar.ready(), ar.done(), ar.wait(0), len(ar), ar.progress) == (
        False, False, False, 1, 0,
    )  # fmt: skip
    assert repr(ar) == "<AsyncResult(wait_for): pending>"
    for get in (ar.get, ar.result, ar.get_dict, ar.exception):
        with pytest.raises(TimeoutError):
            get(0)
    with pytest.raises(RuntimeError):
        ar.successful()
    for untimely in ("wall_time", "serial_time"):
        with pytest.raises(TimeoutError):
            getattr(ar, untimely)
    assert ar.elapsed >= 0
    with pytest.raises(TimeoutError):
        ar[0]
    assert ar["msg_id"] == ar.msg_id == ar.msg_ids[0] == ar.metadata["msg_id"]
    assert not hasattr(ar, "foo")
    with pytest.raises(AttributeError):
        _ = ar.foo
    with pytest.raises(KeyError):
        ar["foo"]
    assert ar.owner in (True, False)
    gate.touch()
    assert ar.wait(10) is True


def test_one_that_has_come(cluster: ipp.Client) -> None:
    ar = cluster[0].apply_async(add, 1)
    assert ar.wait_for_output(10) is True
    assert ar.wait_for_send(10) in (True, None)
    assert (ar.sent, ar.successful(), ar.progress, ar.elapsed > 0) == (True,) * 2 + (
        1, True,
    )  # fmt: skip
    assert ar.get() == ar.result() == ar.r == 2
    assert ar.get_dict() == ar.result_dict == {0: 2}
    assert ar.exception() is None
    assert ar.split() == (ar,)
    assert repr(ar) == "<AsyncResult(add): finished>"
    assert ar.wall_time >= ar.serial_time >= 0
    with pytest.raises(TypeError):
        iter(ar)
    with pytest.raises(RuntimeError):
        ar.abort()
    assert not hasattr(ar, "foo")
    with pytest.raises(KeyError):
        ar["foo"]
    assert {"engine_id", "stdout", "started"} <= set(dir(ar))


def test_one_that_failed(cluster: ipp.Client) -> None:
    ar = cluster[0].apply_async(divide, 1, 0)
    with pytest.raises(ipp.RemoteError) as caught:
        ar.get(10)
    assert (caught.value.ename, caught.value.evalue) == (
        "ZeroDivisionError", "division by zero",
    )  # fmt: skip
    assert isinstance(ar.exception(), ipp.RemoteError)
    assert ar.successful() is False
    assert repr(ar) == "<AsyncResult(divide): failed>"
    assert isinstance(ar.get(return_exceptions=True), ipp.RemoteError)
    assert (ar.status, ar.error is not None) == ("error", True)


def test_several(cluster: ipp.Client) -> None:
    ar = cluster[:].apply_async(add, 1)
    assert list(ar) == ar.get(10) == ar[:] == [2, 2]
    assert (len(ar), ar.progress, ar[1], ar[0:1]) == (2, 2, 2, [2])
    assert ar.engine_id == ar["engine_id"] == [0, 1]
    assert [each.engine_id for each in ar.metadata] == [0, 1]
    parts = ar.split()
    assert [part.get() for part in parts] == [2, 2]
    assert [part.engine_id for part in parts] == [0, 1]
    joined = ipp.AsyncResult.join(*parts)
    assert (joined.get(), joined.msg_ids) == ([2, 2], ar.msg_ids)
    with pytest.raises(ValueError, match="join"):
        ipp.AsyncResult.join()
    twice = ipp.AsyncResult.join(ar, ar)
    with pytest.raises(ValueError, match="engine"):
        twice.get_dict()
    assert ar.timedelta(ar.submitted, ar.received) >= 0
    assert ar.timedelta(ar.started, ar.completed, start_key=max) >= -10


def test_an_iteration_stops_at_a_failure(cluster: ipp.Client) -> None:
    good, bad = cluster[0].apply_async(add, 1), cluster[1].apply_async(divide, 1, 0)
    ar = iter(ipp.AsyncResult.join(good, bad))
    assert next(ar) == 2
    with pytest.raises(ipp.RemoteError):
        next(ar)


def test_when_to_return(cluster: ipp.Client, gate: Path) -> None:
    slow = cluster[0].apply_async(wait_for, str(gate))
    bad = cluster[1].apply_async(divide, 1, 0)
    ar = ipp.AsyncResult.join(slow, bad)
    with pytest.raises(ipp.RemoteError):
        ar.get(10, return_when=FIRST_EXCEPTION)
    for when in (FIRST_COMPLETED, FIRST_EXCEPTION):
        done, pending = ar.wait(10, return_when=when)
        assert {part.msg_ids[0] for part in done} == set(bad.msg_ids)
        assert {part.msg_ids[0] for part in pending} == set(slow.msg_ids)
    with pytest.warns(UserWarning, match="return_when"), pytest.raises(TimeoutError):
        ar.get(0, return_when=FIRST_COMPLETED)
    gate.touch()
    done, pending = ar.wait(10, return_when=ALL_COMPLETED)
    assert (len(done), len(pending)) == (2, 0)


def test_as_a_future(cluster: ipp.Client) -> None:
    called: list[Any] = []
    ar = cluster[0].apply_async(add, 1)
    ar.add_done_callback(called.append)
    wait_until(lambda: called == [ar], what="callback")

    async def run() -> list[Any]:
        first = await asyncio.wrap_future(cluster[0].apply_async(add, 1))
        several = await cluster[:].apply_async(add, 1)
        mapped = await cluster[:].map_async(fsquare, range(4))
        return [first, several, mapped]

    assert asyncio.run(run()) == [2, [2, 2], [0, 1, 4, 9]]


def test_the_name_of_what_failed(cluster: ipp.Client) -> None:
    ar = cluster[:].apply_async(lambda: 1 / 0)
    with pytest.raises(ipp.CompositeError) as caught:
        ar.get(10)
    assert caught.value.message == "one or more exceptions raised in: <lambda>"
    assert len(caught.value.elist) == 2
    ename, evalue, traceback, info = caught.value.elist[1]
    assert (ename, evalue) == ("ZeroDivisionError", "division by zero")
    assert "1 / 0" in traceback
    assert set(info) == {"engine_id", "engine_uuid", "method"}
    assert (info["engine_id"], info["method"]) == (1, "apply")


# What is there of tasks


def test_metadata(cluster: ipp.Client) -> None:
    ar = cluster[0].apply_async(say, "hi")
    ar.get(10)
    facts = ar.metadata
    assert set(facts) == {
        "msg_id", "submitted", "started", "completed", "received", "engine_uuid",
        "engine_id", "follow", "after", "status", "execute_input", "execute_result",
        "error", "stdout", "stderr", "outputs", "data", "label", "is_broadcast",
        "is_coalescing",
    }  # fmt: skip
    assert facts.submitted <= facts.started <= facts.completed < facts.received
    assert all(facts[key].tzinfo for key in ("submitted", "started", "completed"))
    assert (facts.status, facts.stdout, facts.stderr) == ("ok", "hi\n", "")
    with pytest.raises(KeyError):
        facts["new"] = 1
    with pytest.raises(AttributeError):
        facts.new = 1
    assert isinstance(facts.engine_uuid, str)


def test_broadcasts_are_told_in_the_metadata(cluster: ipp.Client) -> None:
    def told(ar: Any) -> tuple[Any, Any]:
        ar.get(10)
        return ar.is_broadcast, ar.is_coalescing

    view = cluster.broadcast_view()
    assert told(view.apply_async(add, 1)) == ([True] * 2, [False] * 2)
    view.is_coalescing = True
    assert told(view.apply_async(add, 1)) == ([True] * 2, [True] * 2)
    assert told(cluster[:].apply_async(add, 1)) == ([False] * 2, [False] * 2)
    assert told(cluster.load_balanced_view().apply_async(add, 1)) == (False, False)


def test_labels_are_in_the_metadata(cluster: ipp.Client) -> None:
    assert cluster[:].execute("1", label="mine").label == ["mine"] * 2
    assert set(cluster[:].map_async(fsquare, [1, 2], label="m").label) == {"m"}
    balanced = cluster.load_balanced_view()
    assert set(balanced.map_async(fsquare, [1, 2], label="b").label) == {"b"}
    with cluster[0].temp_flags(label="flag"):
        assert cluster[0].apply_async(add, 1).label in ("flag", None)


def test_replies(cluster: ipp.Client, capsys: pytest.CaptureFixture[str]) -> None:
    ar = cluster[0].execute("print('out')\n'ab' * 30", silent=False, block=True)
    assert type(ar).__mro__[1] is ipp.AsyncResult
    er = ar.get(10)
    assert er.data == {"text/plain": repr("ab" * 30)}
    assert er.execute_result["data"] == er.data
    assert er.source == "print('out')\n'ab' * 30"
    assert (er.stdout, er.stderr, er.outputs, er["status"]) == ("out\n", "", [], "ok")
    assert repr(er).startswith(f"<ExecuteReply[{er.execution_count}]: 'abab")
    assert len(repr(er)) == len(f"<ExecuteReply[{er.execution_count}]: >") + 32
    capsys.readouterr()
    er.display()
    assert capsys.readouterr().out == f"{'ab' * 30!r}\n"
    plain = f"Out[0:{er.execution_count}]: {'ab' * 30!r}"
    assert er._repr_mimebundle_() == ({"text/plain": plain}, {})
    with pytest.raises(AttributeError):
        _ = er.foo
    assert er.metadata.engine_id == 0


def test_outputs_are_shown(
    cluster: ipp.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    ar = cluster[:].execute("import sys\nprint('o')\nprint('e', file=sys.stderr)")
    for groupby in ("type", "engine", "order"):
        ar.display_outputs(groupby)
        captured = capsys.readouterr()
        shown = captured.out + captured.err
        for word in ("[stdout:0]", "[stdout:1]", "[stderr:0]", "[stderr:1]"):
            assert word in shown
    with pytest.raises(ValueError, match="groupby"):
        ar.display_outputs("size")
    live = cluster[0].execute("print('live')")
    with live.stream_output():
        live.wait(10)
    assert "live" in capsys.readouterr().out


def test_published_data(cluster: ipp.Client) -> None:
    def publish() -> None:
        from parallel.datapub import publish_data

        publish_data({"a": 1})
        publish_data({"b": 2, "a": 3})

    assert cluster[0].apply_async(publish).wait(10)
    ar, several = cluster[0].apply_async(publish), cluster[:].apply_async(publish)
    ar.get(10)
    several.get(10)
    assert ar.data == {"a": 3, "b": 2}
    assert several.data == [ar.data] * 2


def test_bars(cluster: ipp.Client) -> None:
    balanced = cluster.load_balanced_view()
    ars = [
        cluster[:].map_async(fsquare, range(9), progress=True),
        balanced.map_async(fsquare, range(9), progress=True),
        balanced.map_async(fsquare, iter(range(9)), progress=True),
        balanced.imap(fsquare, range(9), progress=True),
        cluster[:].imap(fsquare, range(9), progress=True),
        cluster.broadcast_view().map_async(fsquare, range(9), progress=True),
    ]
    for ar in ars:
        assert list(ar) == [x**2 for x in range(9)]
    ar = cluster[:].apply_async(add, 1)
    assert ar.wait_interactive(0.01, 10) is True


# Beyond


@pytest.mark.parametrize("end", ["cancel", "abort"])
def test_what_is_given_up_ends_all_who_wait(
    cluster: ipp.Client, gate: Path, end: str
) -> None:
    held = cluster[:].apply_async(wait_for, str(gate))
    balanced = cluster.load_balanced_view()
    ars = [
        cluster[:].apply_async(add, 1), cluster[:].map_async(fsquare, range(4)),
        balanced.apply_async(add, 1), balanced.map_async(fsquare, range(4)),
        joined_of_parts(cluster), cluster[:].execute("1"),
    ]  # fmt: skip
    for ar in ars:
        getattr(ar, end)()
    for ar in ars:
        assert ar.wait(10)
        with pytest.raises((ipp.TaskAborted, concurrent.futures.CancelledError,
                            ipp.CompositeError)):  # fmt: skip
            ar.get(0)
    assert set(ipp.as_completed(ars, timeout=10)) == set(ars)

    async def run() -> int:
        ended = 0
        async for ar in ipp.as_completed(ars, timeout=10):
            with pytest.raises((Exception, asyncio.CancelledError)):
                await ar
            ended += 1
        for ar in ars[1:4:2]:
            with pytest.raises((Exception, asyncio.CancelledError)):
                async for _ in ar:
                    pass
        return ended

    assert asyncio.run(run()) == len(ars)
    gate.touch()
    held.get(10)


def joined_of_parts(cluster: ipp.Client) -> Any:
    """Return a result that was joined of others."""
    return ipp.AsyncResult.join(*cluster[:].apply_async(add, 1).split())


def test_cancelled_in_every_state(cluster: ipp.Client, gate: Path) -> None:
    running = cluster[0].apply_async(wait_for, str(gate))
    queued = cluster[0].apply_async(add, 1)
    balanced = cluster.load_balanced_view()
    with balanced.temp_flags(after=balanced.apply_async(wait_for, str(gate))):
        waiting = balanced.apply_async(add, 1)
    for ar in (queued, waiting, running):
        assert ar.cancel() is True
        assert ar.cancelled()
    gate.touch()
    assert cluster[:].apply_async(add, 1).get(10) == [2, 2]
    came = cluster[0].apply_async(add, 1)
    came.get(10)
    assert came.cancel() is False

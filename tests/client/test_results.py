"""A result knows its parts, its facts and its end, whatever comes in whatever order."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import weakref
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, CancelledError
from typing import Any

import numpy as np
import pytest

from parallel.client.metadata import KEYS
from parallel.client.results import AsyncResult
from parallel.errors import (
    CompositeError,
    EngineError,
    ImpossibleDependency,
    InvalidDependency,
    RemoteError,
    TaskAborted,
    TaskTimeout,
    TransportError,
    UnmetDependency,
)
from parallel.protocol.messages import Method, Status
from parallel.protocol.terms import Condition, Terms
from parallel.serialize.objects import Packed, pack
from tests.fakes.connection import FakeConnection, direct

CALL = pack("call")


@pytest.fixture
def connection() -> FakeConnection:
    return FakeConnection()


def single(connection: Any, **options: Any) -> AsyncResult:
    """Return the result of one balanced call."""
    ar = AsyncResult(connection, "f", single=True, **options)
    ar.number(connection.submit(ar, Method.APPLY, b"", CALL))
    return ar


# Waiting


def test_waiting_for_the_first(connection: FakeConnection) -> None:
    ar = direct(connection, 3)
    assert ar.wait(0, return_when=FIRST_COMPLETED) == (set(), set(ar.split()))
    connection.answer(1, "one")
    done, pending = ar.wait(return_when=FIRST_COMPLETED)
    assert [part.get() for part in done] == ["one"]
    assert len(pending) == 2
    assert all(isinstance(part, AsyncResult) and len(part) == 1 for part in pending)


def test_waiting_for_the_first_exception(connection: FakeConnection) -> None:
    ar = direct(connection, 3)
    connection.answer(0, "zero")
    assert not ar.wait(0)
    connection.answer(1, ValueError("one"))
    done, pending = ar.wait(5, return_when=FIRST_EXCEPTION)
    assert (len(done), len(pending)) == (2, 1)
    with pytest.raises(ValueError, match="one"):
        ar.get(return_when=FIRST_EXCEPTION)


def test_waiting_for_all(connection: FakeConnection) -> None:
    ar = direct(connection)
    connection.answer(0)
    connection.answer(1)
    done, pending = ar.wait(return_when=concurrent.futures.ALL_COMPLETED)
    assert (len(done), pending) == (2, set())
    with pytest.raises(ValueError, match="return_when is FIRST_COMPLETED"):
        direct(connection).wait(return_when="soon")


def test_no_exception_to_wait_for(connection: FakeConnection) -> None:
    ar = direct(connection)
    with pytest.raises(TimeoutError, match="2 of 2 results have not come after 0 s"):
        ar.get(0, return_when=FIRST_EXCEPTION)
    connection.answer(0, 1)
    connection.answer(1, 2)
    assert ar.get(return_when=FIRST_EXCEPTION) == [1, 2]
    with pytest.warns(UserWarning, match="ignores return_when='FIRST_COMPLETED'"):
        assert ar.get(return_when=FIRST_COMPLETED) == [1, 2]


def test_exceptions_in_the_place_of_values(connection: FakeConnection) -> None:
    ar, one = direct(connection), single(connection)
    connection.answer(0, "zero")
    connection.answer(1, KeyError("k"))
    connection.answer(2, OSError("gone"))
    zero, error = ar.get(return_exceptions=True)
    assert zero == "zero"
    assert isinstance(error, KeyError)
    assert isinstance(one.get(return_exceptions=True), OSError)
    with pytest.raises(CompositeError, match="one or more exceptions raised in: f"):
        ar.get()


def test_what_was_sent(connection: FakeConnection) -> None:
    ar = single(connection)
    assert ar.sent is True
    assert ar.wait_for_send() is True


# As futures


@pytest.mark.parametrize("return_when", ["ALL_COMPLETED", "FIRST_EXCEPTION"])
def test_the_futures_functions(connection: FakeConnection, return_when: str) -> None:
    good, bad, open_ = (single(connection) for _ in range(3))
    connection.answer(0, 1)
    connection.answer(1, ValueError("bad"))
    found = concurrent.futures.wait([good, bad, open_], 0.01, return_when)
    assert found.done == {good, bad}
    open_.cancel()
    assert set(concurrent.futures.as_completed([good, bad, open_], 5)) == {
        good, bad, open_,
    }  # fmt: skip
    assert not concurrent.futures.wait([open_], 5).not_done


def test_an_exception_that_comes_ends_the_futures_wait(
    connection: FakeConnection,
) -> None:
    bad, open_ = single(connection), single(connection)
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(
            concurrent.futures.wait, [bad, open_], 10, "FIRST_EXCEPTION"
        )
        connection.answer(0, ValueError("bad"))
        assert waiting.result(5).not_done == {open_}


def test_the_snapshot_that_newer_asyncio_takes(connection: FakeConnection) -> None:
    good, bad, gone, open_ = (single(connection) for _ in range(4))
    connection.answer(0, 1)
    connection.answer(1, ValueError("bad"))
    gone.cancel()
    assert good._get_snapshot() == (True, False, 1, None)
    assert isinstance(bad._get_snapshot()[3], ValueError)
    assert gone._get_snapshot() == (True, True, None, None)
    assert open_._get_snapshot() == (False, False, None, None)


# Giving up


def test_cancelled_before_it_came(connection: FakeConnection) -> None:
    ar, told = direct(connection), []
    ar.add_done_callback(told.append)
    assert ar.cancel() is True
    assert connection.aborted == [([0, 1], True)]
    assert told == [ar]
    assert ar.cancelled()
    assert ar.done()
    assert ar.wait(0) is True
    assert ar.cancel() is True
    assert connection.aborted == [([0, 1], True)]
    assert not ar.successful()
    for call in (ar.get, ar.result, ar.exception, lambda: list(ar)):
        with pytest.raises(CancelledError, match="f was cancelled"):
            call()
    assert repr(ar) == "<AsyncResult(f): cancelled>"


def test_what_came_of_a_cancelled_one_is_told(connection: FakeConnection) -> None:
    ar = single(connection)
    ar.cancel()
    connection.answer(0, "interrupted after 2 s", status=Status.ABORTED, note="gently")
    with pytest.raises(CancelledError, match=r"(?s)cancelled; interrupted .*gently"):
        ar.get()
    assert ar.metadata.status == "aborted"
    assert isinstance(ar.error, TaskAborted)


def test_what_has_come_cannot_be_cancelled_nor_aborted(
    connection: FakeConnection,
) -> None:
    ar = single(connection)
    connection.answer(0, 1)
    assert ar.cancel() is False
    with pytest.raises(RuntimeError, match="nothing is left to abort"):
        ar.abort()
    assert ar.get() == 1
    assert connection.aborted == []


def test_aborted(connection: FakeConnection) -> None:
    ar = direct(connection)
    connection.answer(0, 1)
    ar.abort()
    assert connection.aborted == [([1], False)]
    assert not ar.done()
    connection.answer(1, "given up as asked", status=Status.ABORTED)
    with pytest.raises(CompositeError, match="TaskAborted: given up as asked"):
        ar.get()
    assert ar.metadata[1].status == "aborted"


def test_the_connection_breaks(connection: FakeConnection) -> None:
    ar = direct(connection)
    part, _ = ar.split()
    joined = AsyncResult.join(ar, single(connection))
    connection.answer(0, 1)
    connection.close(TransportError("cut"))
    for each in (ar, joined):
        with pytest.raises(TransportError, match="cut"):
            each.get()
        values = iter(each)
        assert next(values) == 1
        with pytest.raises(TransportError, match="cut"):
            next(values)
    assert part.get() == 1


# How tasks end


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (Status.LOST, EngineError),
        (Status.TIMEOUT, TaskTimeout),
        (Status.IMPOSSIBLE, ImpossibleDependency),
        (Status.INVALID, InvalidDependency),
        (Status.UNMET, UnmetDependency),
    ],
)
def test_what_the_scheduler_says(
    connection: FakeConnection, status: Status, kind: type[Exception]
) -> None:
    ar = single(connection)
    connection.answer(0, "so it is", status=status, engine_id=1, note="tried twice")
    with pytest.raises(kind, match="so it is\ntried twice") as told:
        ar.get()
    assert isinstance(told.value, RemoteError)
    assert told.value.ename == kind.__name__
    assert told.value.engine_id == 1
    assert ar.metadata.status == "error"


def test_of_no_engine(connection: FakeConnection) -> None:
    ar = single(connection)
    connection.answer(0, "never", status=Status.TIMEOUT, engine_id=-1)
    assert isinstance(ar.error, TaskTimeout)
    assert ar.error.engine_id is None
    assert ar.engine_id is None


def test_an_aborted_task_is_aborted_and_nothing_else(
    connection: FakeConnection,
) -> None:
    ar = single(connection)
    connection.answer(0, "as asked", status=Status.ABORTED)
    with pytest.raises(TaskAborted, match="as asked") as told:
        ar.get()
    assert type(told.value) is TaskAborted


def test_a_note_is_told_with_the_error_wherever_it_is(
    connection: FakeConnection,
) -> None:
    ar = direct(connection)
    connection.answer(0, ValueError("bad"), note="2 retries were used up")
    connection.answer(1)
    assert "ValueError: bad\n2 retries were used up" in str(ar.error[0])
    with pytest.raises(CompositeError, match="2 retries were used up"):
        ar.get()


# Parts


def test_split_and_join(connection: FakeConnection) -> None:
    ar, one = direct(connection, 3), single(connection)
    parts = ar.split()
    assert one.split() == (one,)
    assert [part.msg_ids for part in parts] == [[i] for i in ar.msg_ids]
    assert ar.split() == parts  # while they are pending
    joined = AsyncResult.join(parts[2], one, parts[0])
    assert len(joined) == 3
    assert joined.msg_ids == ["cafe_2", "cafe_3", "cafe_0"]
    connection.answer(2, "two", engine_id=1)
    assert parts[2].get(0) == "two"
    assert parts[2].engine_id == 1
    assert joined.progress == 1
    connection.answer(0, "zero", engine_id=0)
    connection.answer(3, "one")
    assert joined.get(0) == ["two", "one", "zero"]
    assert list(joined) == ["two", "one", "zero"]
    assert joined.engine_id == [1, 0, 0]
    assert not ar.done()
    with pytest.raises(ValueError, match="no results to join"):
        AsyncResult.join()


def test_parts_of_several_clients_cannot_be_joined(connection: FakeConnection) -> None:
    with pytest.raises(ValueError, match="of several clients"):
        AsyncResult.join(single(connection), single(FakeConnection()))


def test_parts_of_what_has_come(connection: FakeConnection) -> None:
    ar = direct(connection)
    connection.answer(0, 1)
    connection.answer(1, ValueError("bad"))
    good, bad = ar.split()
    assert good.get() == 1
    with pytest.raises(ValueError, match="bad"):
        bad.get()
    assert AsyncResult.join(ar).get(return_exceptions=True)[0] == 1


def test_a_part_is_cancelled_alone(connection: FakeConnection) -> None:
    ar = direct(connection)
    first, second = ar.split()
    assert second.cancel()
    assert connection.aborted == [([1], True)]
    assert not first.done()
    assert not ar.cancelled()
    connection.answer(0, 1)
    connection.answer(1, "as asked", status=Status.ABORTED)
    assert first.get() == 1
    with pytest.raises(CompositeError, match="TaskAborted: as asked"):
        ar.get()


def test_to_cancel_the_whole_ends_its_parts(connection: FakeConnection) -> None:
    ar = direct(connection)
    parts = ar.split()
    ar.cancel()
    for part in parts:
        with pytest.raises(CancelledError):
            part.get(0)


def test_values_are_those_of_the_whole(connection: FakeConnection) -> None:
    ar = direct(connection)
    parts = ar.split()
    connection.answer(0, [1])
    connection.answer(1, [2])
    assert parts[0].get() is ar.get()[0]


def test_by_engine(connection: FakeConnection) -> None:
    ar, one = direct(connection), single(connection)
    connection.answer(0, "a", engine_id=1)
    connection.answer(1, "b", engine_id=0)
    connection.answer(2, "c", engine_id=1)
    assert ar.get_dict() == ar.result_dict == {1: "a", 0: "b"}
    assert one.get_dict() == {1: "c"}
    with pytest.raises(ValueError, match="2 tasks ran on engine 1"):
        AsyncResult.join(ar, one).get_dict()


# Items and attributes


def test_unknown_names_before_and_after(connection: FakeConnection) -> None:
    ar = single(connection)
    for _ in range(2):
        assert not hasattr(ar, "foo")
        with pytest.raises(AttributeError, match="foo"):
            _ = ar.foo
        with pytest.raises(KeyError, match="foo"):
            _ = ar["foo"]
        if not ar.done():
            connection.answer(0, 1)
    with pytest.raises(TypeError, match="int, slice or str, not float"):
        _ = ar[1.5]  # type: ignore[index]
    assert set(KEYS) <= set(dir(ar))


def test_facts_before_it_has_come(connection: FakeConnection) -> None:
    terms = Terms(
        label="mine", after=Condition(["a", "b"]), follow=Condition(["c"], all=False)
    )
    ar = single(connection, terms=terms)
    ar.tell(is_broadcast=True)
    found = ar.metadata
    assert (found.label, found.after, found.follow) == ("mine", ["a", "b"], ["c"])
    assert (found.msg_id, found.is_broadcast) == ("cafe_0", True)
    assert ar.submitted is not None
    assert ar.status is ar["started"] is ar.engine_id is ar.received is None
    assert (ar.stdout, ar.outputs, ar.data) == ("", [], {})


def test_times(connection: FakeConnection) -> None:
    ar = direct(connection)
    connection.answer(0, seconds=0.25)
    connection.answer(1, seconds=0.5)
    assert ar.serial_time == pytest.approx(0.75)
    assert ar.timedelta(ar.started, ar.completed) >= 0.5
    assert ar.timedelta(ar.started[0], ar.completed[0]) == pytest.approx(0.25)
    assert ar.elapsed == ar.wall_time >= 0
    for facts in ar.metadata:
        assert facts.submitted <= facts.started <= facts.completed
        assert facts.engine_uuid == "00" * 16
        assert facts.received.tzinfo is not None


def test_what_is_printed_and_shown(connection: FakeConnection) -> None:
    ar = direct(connection)
    connection.say(0, "one ")
    connection.publish(0, "data", {"a": 1, "b": np.zeros(10_000)})
    connection.publish(0, "data", {"a": 2})
    connection.publish(1, "display", {"data": {"text/plain": "x"}, "metadata": {}})
    assert ar.stdout == ["one ", ""]
    assert ar.data[0]["a"] == 2
    assert ar.data[0]["b"].shape == (10_000,)
    assert ar.data[1] == {}
    assert ar.outputs == [[], [{"data": {"text/plain": "x"}, "metadata": {}}]]
    connection.answer(0, stdout="one two", stderr="err")
    assert ar.stdout[0] == "one two"
    assert ar.stderr[0] == "err"
    assert AsyncResult.join(ar).stdout == ["one two", ""]


def test_displays_are_cleared_and_replaced(connection: FakeConnection) -> None:
    def shown(text: str, name: str = "") -> dict[str, Any]:
        value: dict[str, Any] = {"data": {"text/plain": text}, "metadata": {}}
        return {**value, "transient": {"display_id": name}} if name else value

    def texts() -> list[str]:
        return [each["data"]["text/plain"] for each in ar.outputs]

    ar = single(connection)
    connection.publish(0, "display", shown("a", "bar"))
    connection.publish(0, "display", shown("b"))
    connection.publish(0, "display", shown("c", "bar"))
    assert texts() == ["c", "b"]
    connection.publish(0, "clear", {"wait": True})
    assert texts() == ["c", "b"]
    connection.publish(0, "display", shown("d"))
    assert texts() == ["d"]
    connection.publish(0, "clear", {"wait": False})
    assert texts() == []


def test_what_cannot_be_read_is_logged(
    connection: FakeConnection, caplog: pytest.LogCaptureFixture
) -> None:
    ar = single(connection)
    connection.publish(0, "smell", {})
    assert "unknown kind: 'smell'" in caplog.text
    connection.answer(0, 1)
    assert ar.get() == 1


# Showing


def test_outputs_by_type_engine_and_order(
    connection: FakeConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    ar = direct(connection)
    for seq in (0, 1):
        for text in "xy":
            shown = {"data": {"text/plain": f"{text}{seq}"}, "metadata": {}}
            connection.publish(seq, "display", shown)
    for seq in (0, 1):
        connection.answer(seq, engine_id=seq, stdout=f"out{seq}\n", stderr="a\nb\n")

    def lines(groupby: str) -> list[str]:
        ar.display_outputs(groupby)
        return capsys.readouterr().out.splitlines()

    out = ["[stdout:0] out0", "[stdout:1] out1"]
    assert lines("type") == [
        *out, "[output:0]", "x0", "y0", "[output:1]", "x1", "y1",
    ]  # fmt: skip
    assert lines("engine") == [
        "[stdout:0] out0", "[output:0]", "x0", "y0",
        "[stdout:1] out1", "[output:1]", "x1", "y1",
    ]  # fmt: skip
    assert lines("order") == [
        *out, "[output:0]", "x0", "[output:1]", "x1", "[output:0]", "y0",
        "[output:1]", "y1",
    ]  # fmt: skip
    ar.display_outputs()
    assert capsys.readouterr().err.startswith("[stderr:0]\na\nb\n[stderr:1]\n")
    ar.display_outputs(result_only=True)
    assert capsys.readouterr().out == ""
    with pytest.raises(ValueError, match="groupby is 'type', 'engine' or 'order'"):
        ar.display_outputs("colour")


def test_of_one_there_is_no_prefix(
    connection: FakeConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    ar = single(connection)
    connection.answer(0, stdout="printed")
    ar.display_outputs()
    assert capsys.readouterr().out == "printed\n"


def test_output_is_streamed_once(
    connection: FakeConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    ar = direct(connection)
    connection.say(0, "before\n")
    with ar.stream_output():
        assert capsys.readouterr().out == "[stdout:0] before\n"
        connection.say(1, "live\n", "oops\n")
        told = capsys.readouterr()
        assert (told.out, told.err) == ("[stdout:1] live\n", "[stderr:1] oops\n")
        shown = {"data": {"text/plain": "picture"}, "metadata": {}}
        connection.publish(1, "display", shown)
        connection.answer(0, stdout="before\nafter\n")
        connection.answer(1, engine_id=1, stdout="live\n", stderr="oops\n")
    told = capsys.readouterr()
    assert (told.out, told.err) == ("[output:1]\npicture\n[stdout:0] after\n", "")


def test_a_line_goes_on_where_it_was_left(
    connection: FakeConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    ar = direct(connection)
    with ar.stream_output():
        for percent in ("10%", "20%"):
            connection.say(0, "", f"\r{percent}")
        assert capsys.readouterr().err == "[stderr:0]\n\r10%\r20%"
        connection.say(1, "", "another")
        assert capsys.readouterr().err == "\n[stderr:1] another"
        connection.say(1, "out")
        assert capsys.readouterr() == ("[stdout:1] out", "\n")
        connection.publish(1, "display", {"data": {"text/plain": "picture"}})
        assert capsys.readouterr().out == "\n[output:1]\npicture\n"
        connection.say(1, "more")
        assert capsys.readouterr().out == "[stdout:1] more"
    assert capsys.readouterr() == ("\n", "")


def test_a_part_is_streamed(
    connection: FakeConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    _, part = direct(connection).split()
    with part.stream_output():
        connection.say(0, "not this\n")
        connection.say(1, "this\n")
        assert capsys.readouterr().out == "[stdout:1] this\n"


# In a loop


def test_awaiting_and_iterating(connection: FakeConnection) -> None:
    async def run() -> None:
        ar = direct(connection)
        found: list[Any] = []

        async def collect() -> None:
            async for value in ar:
                found.append(value)  # noqa: PERF401 - it is watched meanwhile

        collecting = asyncio.create_task(collect())
        await asyncio.sleep(0)
        connection.answer(1, "second")
        await asyncio.sleep(0)
        assert found == []
        connection.answer(0, "first")
        await asyncio.wait_for(collecting, 5)
        assert found == ["first", "second"]
        assert await ar == ["first", "second"]
        assert not ar._watches

    asyncio.run(run())


@pytest.mark.parametrize("how", ["cancel", "break"])
def test_an_iteration_ends_with_its_result(
    connection: FakeConnection, how: str
) -> None:
    async def run() -> None:
        ar = direct(connection)

        async def collect() -> list[Any]:
            return [value async for value in ar]

        collecting = asyncio.create_task(collect())
        await asyncio.sleep(0)
        if how == "cancel":
            ar.cancel()
        else:
            connection.close(TransportError("cut"))
        with pytest.raises((CancelledError, TransportError)):
            await asyncio.wait_for(collecting, 5)

    asyncio.run(run())


def test_to_cancel_who_awaits_it_cancels_it(connection: FakeConnection) -> None:
    async def run() -> None:
        ar = single(connection)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(ar, 0.01)
        assert ar.cancelled()
        assert connection.aborted == [([0], True)]

    asyncio.run(run())


def test_a_single_result_is_not_iterated(connection: FakeConnection) -> None:
    with pytest.raises(TypeError, match="single result"):
        iter(single(connection))


# Memory


def test_bytes_are_let_go_of(connection: FakeConnection) -> None:
    ar = single(connection)
    connection.answer(0, np.zeros(100_000))
    assert ar.get().shape == (100_000,)
    assert ar._delivered[0] is not None
    assert ar._delivered[0].frames == ()
    assert ar._delivered[0].outcome.payload == b""


def test_a_dropped_result_is_gone(connection: FakeConnection) -> None:
    ar = single(connection)
    gone = weakref.ref(ar)
    connection.answer(0, 1)
    gc.disable()
    try:
        del ar
        assert gone() is None
    finally:
        gc.enable()


def test_the_payload_is_not_needed_to_be_plain(connection: FakeConnection) -> None:
    ar = AsyncResult(connection, "f", single=True)  # type: ignore[arg-type]
    ar.number(connection.submit(ar, Method.APPLY, b"", Packed(b"\x80\x05N.")))
    connection.answer(0, b"x" * 100_000)
    assert len(ar.get()) == 100_000

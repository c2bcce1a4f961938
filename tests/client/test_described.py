"""A result says how far it is, in words and as a table, and waits for nothing."""

from __future__ import annotations

from parallel.client.mapresults import AsyncMapResult
from parallel.client.results import AsyncResult
from parallel.errors import ConnectionClosed
from parallel.protocol.messages import Method
from parallel.serialize.calls import pack_value
from tests.fakes.connection import FakeConnection


class Printer:
    """What IPython gives to `_repr_pretty_`."""

    said = ""

    def text(self, text: str) -> None:
        self.said += text


def pretty(result: AsyncResult) -> str:
    printer = Printer()
    result._repr_pretty_(printer, cycle=False)
    return printer.said


def on_engines(connection: FakeConnection, n: int) -> AsyncResult:
    """Return the result of a call on so many engines."""
    ar = AsyncResult(connection, "<f>", single=False, count=n)  # type: ignore[arg-type]
    ids = list(range(n))
    seq = connection.submit(ar, Method.APPLY, b"", pack_value(0, "f"), ids)
    ar.number(seq, ids)
    return ar


def test_it_counts_what_has_come_and_what_has_not() -> None:
    connection = FakeConnection(4)
    ar = on_engines(connection, 4)
    connection.answer(0, 1, engine_id=0, seconds=1)
    connection.answer(2, 1, engine_id=2, seconds=3)
    connection.answer(3, ValueError("no"), engine_id=3, seconds=9)
    told = pretty(ar)
    assert told.startswith("<AsyncResult(<f>): pending, done 3 of 4, failed 1 task, ")
    assert "under way 1 task on engine 1, elapsed " in told
    assert told.endswith(", slowest engine 2, 3 s a task>")
    assert repr(ar) == "<AsyncResult(<f>): pending>"


def test_its_table_is_escaped() -> None:
    connection = FakeConnection(2)
    ar = on_engines(connection, 2)
    html = ar._repr_html_()
    assert "&lt;f&gt;: pending" in html
    assert "<th>under way</th><td>2 tasks on engines 0, 1</td>" in html
    assert "slowest" not in html


def test_what_was_given_up_has_nothing_under_way() -> None:
    ar = on_engines(FakeConnection(2), 2)
    ar.give_up(ConnectionClosed("gone"))
    assert pretty(ar) == "<AsyncResult(<f>): failed, done 0 of 2>"


def test_a_map_counts_elements_and_may_not_know_how_many() -> None:
    connection = FakeConnection()
    ar = AsyncMapResult(connection, "f", total=None)  # type: ignore[arg-type]
    index = ar.add_chunk(3)
    packed = pack_value(0, "f")
    ar.number(connection.submit(ar, Method.APPLY, b"", packed, None, index))
    connection.answer(0, [1, 2, 3])
    assert "done 3 of ?" in pretty(ar)


def test_of_many_engines_some_are_named() -> None:
    ar = on_engines(FakeConnection(20), 20)
    assert "on engines 0, 1, 2, 3, 4, 5, 6, 7, …" in pretty(ar)


def test_a_cancelled_one_has_taken_no_time() -> None:
    ar = on_engines(FakeConnection(2), 2)
    ar.cancel()
    assert pretty(ar) == "<AsyncResult(<f>): cancelled, done 0 of 2>"

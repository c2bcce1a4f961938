"""What executed code gives is shown as IPython shows values, and tells its facts."""

from __future__ import annotations

from typing import Any

import pytest

from parallel.client.replies import ExecuteReply, ExecuteResult
from parallel.protocol.messages import Method
from parallel.serialize.objects import pack
from tests.fakes.connection import FakeConnection

CODE = "fig"


def reply(connection: Any, data: dict[str, Any] | None, **metadata: Any) -> Any:
    """Return the result of code whose last value has these forms."""
    ar = ExecuteResult(connection, "execute", single=True, code=CODE)
    seq = connection.submit(ar, Method.EXECUTE, b"", pack(CODE), [0])
    ar.number(seq, [0])
    shown = None if data is None else {"data": data, "metadata": metadata}
    connection.answer(
        seq, {"execution_count": 3, "execute_result": shown}, stdout="printed\n"
    )
    return ar


def test_facts(connection: FakeConnection) -> None:
    ar = reply(connection, {"text/plain": "5"})
    assert ar.execute_result == {
        "data": {"text/plain": "5"}, "metadata": {}, "execution_count": 3,
    }  # fmt: skip
    found = ar.get()
    assert isinstance(found, ExecuteReply)
    assert found is ar.get()
    assert (found.execution_count, found.data) == (3, {"text/plain": "5"})
    assert (found.stdout, found["engine_id"], found.source) == ("printed\n", 0, CODE)
    assert found.metadata.execute_input == ar.execute_input == CODE
    assert found.outputs == []
    assert "stdout" in dir(found)
    assert not hasattr(found, "foo")
    with pytest.raises(KeyError, match="foo"):
        _ = found["foo"]
    assert repr(ar) == "<AsyncResult(execute): finished>"


def test_its_text_is_short_in_its_repr(connection: FakeConnection) -> None:
    assert repr(reply(connection, {"text/plain": "x" * 32}).r).endswith("xxx>")
    found = repr(reply(connection, {"text/plain": "x" * 33}).r)
    assert found == f"<ExecuteReply[3]: {'x' * 29}...>"
    assert repr(reply(connection, None).r) == "<ExecuteReply[3]: >"


def test_forms(connection: FakeConnection) -> None:
    found = reply(
        connection,
        {"text/plain": "fig", "text/html": "<b>", "image/png": "abc"},
        **{"image/png": {"width": 3}},
    ).get()
    assert found._repr_html_() == "<b>"
    assert found._repr_png_() == ("abc", {"width": 3})
    assert not hasattr(found, "_repr_svg_")
    data, metadata = found._repr_mimebundle_()
    assert (data["text/html"], metadata) == ("<b>", {"image/png": {"width": 3}})


def test_shown_as_text(
    connection: FakeConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    class Printer:
        def text(self, text: str) -> None:
            print(text)

    found = reply(connection, {"text/plain": "5"}).get()
    found._repr_pretty_(Printer(), False)
    found.display()
    assert capsys.readouterr().out == "Out[0:3]: 5\n5\n"
    reply(connection, {"text/plain": "a\nb"}).display_outputs()
    assert capsys.readouterr().out == "printed\nOut[0:3]: \na\nb\n"


def test_silent_code_gives_replies_too(connection: FakeConnection) -> None:
    ar = ExecuteResult(connection, "execute", single=False, count=1)  # type: ignore[arg-type]
    ar.number(connection.submit(ar, Method.EXECUTE, b"", pack(CODE), [0]), [0])
    assert ar.execute_result == [None]
    connection.answer(0, None)
    assert list(map(repr, ar.get())) == ["<ExecuteReply[0]: >"]
    assert ar.get()[0].status == "ok"
    assert ar.execute_result == [None]


def test_code_that_fails(connection: FakeConnection) -> None:
    ar = ExecuteResult(connection, "execute", single=True, code=CODE)  # type: ignore[arg-type]
    ar.number(connection.submit(ar, Method.EXECUTE, b"", pack(CODE), [0]), [0])
    connection.answer(0, NameError("fig"))
    assert isinstance(ar.error, NameError)
    assert ar.execute_result is None


class Unloadable:
    """Can be sent, and not be unpacked."""

    def __reduce__(self) -> tuple[object, ...]:
        return int, ("no number",)


def test_whether_code_failed_is_known_before_its_reply_is_made(
    connection: FakeConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    ar = reply(connection, None)
    ar.display_outputs(result_only=True)
    assert ar.exception() is None
    assert not ar._values
    assert (ar.get().execution_count, ar.exception()) == (3, None)
    failed = ExecuteResult(connection, "execute", single=False, code=CODE)  # type: ignore[arg-type]
    failed.number(connection.submit(failed, Method.EXECUTE, b"", pack(CODE), [0]), [0])
    with pytest.raises(TimeoutError):
        failed.exception(0)
    connection.answer(failed._seqs[0], Unloadable())
    failed.display_outputs(result_only=True)
    assert "no number" in str(failed.exception())
    assert capsys.readouterr().out == ""

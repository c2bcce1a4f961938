"""Questions to the controller, and what their answers become here."""

from __future__ import annotations

from typing import Any

import pytest

from parallel.client.questions import Questions
from parallel.errors import ConnectionClosed, RemoteError, TransportError
from parallel.protocol.messages import Answer, Query


class Asking(Questions):
    """Questions that nobody is sent, with what would be."""

    def __init__(self) -> None:
        super().__init__(self.send, lambda *_: None)
        self.sent: list[tuple[Query, bool]] = []

    def send(self, query: Query, *, behind: bool) -> None:
        """Keep a question."""
        self.sent.append((query, behind))

    def answer(self, value: Any, error: str = "") -> None:
        """Answer the first of those that are left."""
        self.on_answer(Answer(self.sent.pop(0)[0].seq, value, error))


def test_each_answer_finds_its_question() -> None:
    questions = Asking()
    one, two = questions.request("a", b=1), questions.request("a")
    (first, behind), (second, _) = questions.sent
    assert (first.name, first.arguments, behind) == ("a", {"b": 1}, True)
    questions.on_answer(Answer(second.seq, "two"))
    questions.on_answer(Answer(first.seq, "one"))
    questions.on_answer(Answer(first.seq, "again"))  # nobody asked
    assert (one.result(0), two.result(0)) == ("one", "two")


def test_no_answer_in_time() -> None:
    questions = Asking()
    with pytest.raises(TransportError, match="did not answer 'a' within 3 s"):
        questions.ask("a", 3)
    questions.answer("late")
    assert not questions._open


def test_a_closed_connection_is_not_asked() -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionClosed("closed")

    questions = Questions(refuse, lambda *_: None)
    with pytest.raises(ConnectionClosed):
        questions.ask("a")
    assert not questions._open


@pytest.mark.parametrize("value", [object(), 1 << 80, {1: object()}])
def test_what_cannot_travel_is_told_at_once(value: Any) -> None:
    questions = Asking()
    with pytest.raises(TypeError, match="cannot ask the controller about"):
        questions.request("db_query", query=value)
    assert not questions.sent
    assert not questions._open


@pytest.mark.parametrize("kind", [KeyError, IndexError, ValueError, LookupError])
def test_errors_keep_their_built_in_type(kind: type[Exception]) -> None:
    questions = Asking()
    asked = questions.request("db_query")
    questions.answer(None, f"{kind.__name__}: no: such")
    with pytest.raises(kind, match="no: such") as caught:
        asked.result(0)
    assert isinstance(caught.value, RemoteError)
    assert type(caught.value).__name__ == caught.value.ename == kind.__name__


@pytest.mark.parametrize("text", ["OperationalError: disk", "SystemExit: 3", "odd"])
def test_other_errors_are_told(text: str) -> None:
    questions = Asking()
    asked = questions.request("db_query")
    questions.answer(None, text)
    with pytest.raises(TransportError, match=f"db_query: {text}"):
        asked.result(0)


def test_buffers_that_were_not_kept_are_a_wrong_value() -> None:
    questions = Asking()
    asked = questions.request("task_result")
    questions.answer(None, "Omitted: it was too large")
    with pytest.raises(ValueError, match="it was too large"):
        asked.result(0)


def test_the_end_of_the_connection_is_told_to_all_who_wait() -> None:
    questions = Asking()
    asked = [questions.request("a") for _ in range(3)]
    asked[1].cancel()
    questions.give_up(ConnectionClosed("closed"))
    for future in (asked[0], asked[2]):
        with pytest.raises(ConnectionClosed):
            future.result(0)

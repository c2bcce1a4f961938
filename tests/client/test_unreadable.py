"""What cannot be dealt with ends no thread: who waits for it is told."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parallel import Client, TransportError
from parallel.client.deliveries import Deliveries
from parallel.errors import CannotUnpack, ParallelError
from parallel.protocol.messages import Outcome, Published, Status, Submit
from parallel.protocol.wire import encode
from tests.fakes.controller import SESSION, controller

#: Of a class that is nowhere.
UNREADABLE = b"\x80\x05\x8c\x07nowhere\x8c\x01C\x93."
Connect = Callable[[Callable[[Submit], list[Any]]], Client]


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Connect]:
    """Return what makes a client whose submissions are answered as one likes."""
    opened: list[Any] = []

    def make(answer: Callable[[Submit], list[Any]]) -> Client:
        serving = controller(tmp_path, answer)
        info = serving.__enter__()
        client = Client(info)
        opened.append((client, serving))
        return client

    yield make
    for client, serving in opened:
        client.close()
        serving.__exit__(None, None, None)


def ended(submit: Submit, payload: bytes) -> Outcome:
    return Outcome(submit.seq, Status.OK, payload, 0, 0, 1.0, 2.0)


@pytest.mark.parametrize("head", [b"", b"x", SESSION + b"\xc1", SESSION + b"\x91\x05"])
def test_a_batch_that_makes_no_sense(connect: Connect, head: bytes) -> None:
    client = connect(lambda _: [head])
    ar = client[0].apply_async(abs, -1)
    with pytest.raises(TransportError, match="cannot be dealt with"):
        ar.get(30)
    with pytest.raises(TransportError, match="cannot be dealt with"):
        client[0].apply_async(abs, -1)


def test_who_waits_in_a_callback_is_told_too(connect: Connect) -> None:
    client = connect(lambda _: [b"nonsense"])
    ar = client[0].apply_async(abs, -1)
    assert isinstance(ar.exception(30), TransportError)


def test_a_result_that_cannot_be_read_spoils_no_other(connect: Connect) -> None:
    def answer(submit: Submit) -> list[Any]:
        payload = pickle.dumps(1) if submit.seq else UNREADABLE
        return [encode(SESSION, [ended(submit, payload)])]

    client = connect(answer)
    first, second = (client[0].apply_async(abs, -1) for _ in range(2))
    with pytest.raises(CannotUnpack, match="nowhere"):
        first.get(30)
    assert second.get(30) == 1


def test_what_is_published_and_cannot_be_read_is_passed_over(connect: Connect) -> None:
    def answer(submit: Submit) -> list[Any]:
        published = Published(submit.seq, "data", UNREADABLE)
        return [encode(SESSION, [published, ended(submit, pickle.dumps(1))])]

    assert connect(answer)[0].apply_async(abs, -1).get(30) == 1


def test_an_outcome_that_cannot_be_delivered(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    def arrived(self: Any, index: int, outcome: Outcome) -> None:
        if outcome.seq == 0:
            raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr(Deliveries, "_arrived", arrived)
    client = connect(lambda submit: [encode(SESSION, [ended(submit, pickle.dumps(1))])])
    first, second = (client[0].apply_async(abs, -1) for _ in range(2))
    with pytest.raises(ParallelError, match="cannot be delivered"):
        first.get(30)
    assert second.get(30) == 1

"""What makes no sense harms nobody but who sends it, and that one is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from parallel import Client, Cluster, EngineError
from parallel.protocol.messages import (
    Assign,
    Define,
    Method,
    Need,
    Refused,
    Revoked,
    Submit,
    Welcome,
)
from parallel.serialize.callables import pack_function
from parallel.serialize.calls import pack_call
from tests.fakes.peers import FakePeer, peers_of
from tests.fuzzing.run import Plan, run
from tests.integration.tasks import add
from tests.waiting import wait_until

Connect = Callable[[str], FakePeer]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    """Start one engine."""
    with Cluster(n=1) as client:
        yield client


@pytest.fixture
def connect(cluster: Client) -> Iterator[Connect]:
    """Return a function that connects a peer; all is well at the end."""
    with peers_of(cluster) as connect:
        yield connect
    assert cluster[0].apply_sync(add, 1) == 2


def join(cluster: Client, connect: Connect) -> tuple[FakePeer, int]:
    """Return an engine's work connection, and its id; the client knows it."""
    work, control = connect("engine"), connect("engine")
    control.greet(channel="control", uuid=work.uuid)
    answer = work.greet()
    assert isinstance(answer, Welcome)
    assert answer.engine_id is not None
    # An earlier one may not have left yet: how many there are tells nothing.
    wait_until(lambda: answer.engine_id in cluster.ids, what="the engine")
    return work, answer.engine_id


def why_refused(peer: FakePeer) -> str:
    """Return what a peer is told whose session is over."""
    refused: Refused = peer.wait_for(Refused)
    return refused.reason


NEVER: list[Any] = [
    Submit(1 << 63, Method.PULL, b"", b""),
    Submit(-1, Method.PULL, b"", b""),
    Submit(0, Method.PULL, b"", b"", targets=[1 << 40]),
    Submit(0, Method.PULL, b"", b"", targets=[0] * 70_000),
    Submit(0, Method.PULL, b"", b"", frames=-1),
    Submit(0, Method.PULL, b"", b"", frames=3),
    Submit(0, 99, b"", b""),  # type: ignore[arg-type]
    Define(b"another's", b"code"),
]


@pytest.mark.parametrize("message", NEVER, ids=range(len(NEVER)))
def test_a_client_whose_message_makes_no_sense_is_told(
    connect: Connect, message: Any
) -> None:
    client = connect("client")
    client.greet()
    client.say(message)
    assert "what it sent cannot be dealt with" in why_refused(client)


def test_who_waits_for_an_engine_that_makes_no_sense_is_told(
    cluster: Client, connect: Connect
) -> None:
    engine, engine_id = join(cluster, connect)
    ar = cluster[engine_id].apply_async(add, 1)
    engine.wait_for(Assign)
    engine.say(Submit("x", 0, b"", b""))  # type: ignore[arg-type]
    assert "what it sent cannot be dealt with" in why_refused(engine)
    with pytest.raises(EngineError, match="broke the rules of the wire"):
        ar.get(30)


def test_one_connection_has_one_name(connect: Connect) -> None:
    peer = connect("client")
    assert isinstance(peer.greet(), Welcome)
    answer = peer.greet(uuid=b"another's uuid !", channel="work")
    assert isinstance(answer, Refused)
    assert "greeted under another name" in answer.reason


def test_no_other_engine_runs_what_one_gives_back(
    cluster: Client, connect: Connect
) -> None:
    engine, engine_id = join(cluster, connect)
    ar = cluster[engine_id].apply_async(add, 1)
    assign = engine.wait_for(Assign)
    engine.say(Revoked([assign.ordinal], [assign.ordinal]))
    with pytest.raises(EngineError, match="gave it back"):
        ar.get(30)


@pytest.mark.slow
def test_an_engine_that_never_confirms_what_it_asks_for_is_expelled(
    cluster: Client, connect: Connect
) -> None:
    engine, engine_id = join(cluster, connect)
    much = bytes(900_000)
    ar = cluster[engine_id].apply_async(lambda: len(much))
    define = engine.wait_for(Define)
    for _ in range(200):
        engine.say(Need(define.digest))
    assert "it has not confirmed " in why_refused(engine)
    with pytest.raises(EngineError, match="broke the rules of the wire"):
        ar.get(30)


@pytest.mark.slow
def test_a_client_for_whom_too_much_waits_is_let_go_and_its_tasks_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Cluster(n=1, unread_nbytes=4 << 20) as rc, peers_of(rc) as connect:
        client = connect("client")
        client.greet()
        function = pack_function(lambda: bytes(1 << 20))
        payload = pack_call("f", (), {}).payload
        submits = [
            Submit(seq, Method.APPLY, function.digest, payload) for seq in range(40)
        ]
        client.say(Define(function.digest, function.code), *submits)
        why = why_refused(client)
        assert "this client was let go: " in why
        assert "where 4 MiB may (unread_nbytes)" in why
        wait_until(lambda: "was let go" in caplog.text, what="words to others")
        last = f"{client.uuid.hex()}_39"
        assert rc.get_result(last, owner=False).get(30) == bytes(1 << 20)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("role", "transport"),
    [("outside", "ipc"), ("outside", "tcp"), ("engine", "ipc"), ("client", "tcp")],
)
def test_thousands_of_malformed_messages(role: str, transport: str) -> None:
    plan = Plan(role=role, transport=transport, count=5000, seed=7, growth=200)
    report = run(plan)
    assert report.sent >= 5000
    assert report.wrong == []

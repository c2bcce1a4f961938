"""With an engine's key one can say what engines say, and nothing else."""

from __future__ import annotations

import os
import pickle
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parallel import Client, Cluster
from parallel.protocol import messages
from parallel.protocol.messages import (
    Abort,
    AgentTrouble,
    Assign,
    Define,
    EngineDied,
    Goodbye,
    Held,
    Hello,
    Mark,
    Method,
    Need,
    Outcome,
    Output,
    Ping,
    Pong,
    Publish,
    Query,
    Refused,
    Reopen,
    Result,
    Resumed,
    Revoked,
    Setup,
    Signal,
    Status,
    Stop,
    Submit,
    Suspended,
    WantCredit,
    Welcome,
    WhoAreYou,
)
from parallel.protocol.wire import digest_of
from parallel.serialize.calls import pack_value
from tests.fakes.peers import FakePeer, peers_of
from tests.integration.tasks import add
from tests.waiting import wait_until

Connect = Callable[[str], FakePeer]

NOTHING = pickle.dumps(None)
#: One of each message that a controller understands, such that it does no harm.
SAMPLES: dict[type, Any] = {
    Define: Define(digest_of(b"code"), b"code"),
    Submit: Submit(0, Method.PULL, b"", NOTHING, targets=[10_000]),
    Abort: Abort([0]),
    Setup: Setup("s", b"unknown" * 2, NOTHING),
    Signal: Signal("SIGCONT", []),
    Query: Query(0, "queue_status", {}),
    Stop: Stop([]),
    Need: Need(b"d" * 16),
    Result: Result(1, Status.OK, NOTHING, 0, 1.0, 2.0),
    Revoked: Revoked([1], [1]),
    Output: Output(1, "text", ""),
    Suspended: Suspended(1),
    Resumed: Resumed(1),
    Publish: Publish(1, "data", NOTHING),
    WantCredit: WantCredit(),
    Held: Held(0, []),
    Reopen: Reopen(0, []),
    EngineDied: EngineDied(b"u" * 16, "was killed", 0),
    AgentTrouble: AgentTrouble("a trouble", hinders=False),
    Ping: Ping(),
    Pong: Pong(),
}
CLIENTS = {Define, Submit, Abort, Setup, Signal, Query, Stop, WantCredit, Reopen}
ENGINES = {Need, Result, Revoked, Output, Suspended, Resumed, Publish, Held}
AGENTS = {EngineDied, AgentTrouble}
#: What every peer says to come and to go.
ANYONES = {Hello, Goodbye, Mark}


@pytest.fixture(scope="module", params=["ipc", "tcp"])
def cluster(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Start one engine, over each of the transports."""
    with Cluster(n=1, transport=request.param) as client:
        yield client


@pytest.fixture
def connect(cluster: Client) -> Iterator[Connect]:
    """Return a function that connects a peer; all leave at the end."""
    with peers_of(cluster) as connect:
        yield connect
    assert cluster[0].apply_sync(add, 1) == 2


@pytest.fixture
def engine(connect: Connect) -> FakePeer:
    """Return the connection of somebody who has an engine's key."""
    peer = connect("engine")
    assert isinstance(peer.greet(), Welcome)
    return peer


def settle(peer: FakePeer) -> list[Any]:
    """Return what a peer was told, once all is answered that it has said."""
    peer.greet()
    told, peer.told = peer.told, []
    return told


def is_heard(peer: FakePeer, message: Any) -> bool:
    """Tell whether a peer may say something: what is refused ends its batch."""
    peer.say(message, Ping())
    return any(isinstance(each, Pong) for each in settle(peer))


def test_the_table_is_complete() -> None:
    known = set(typing.get_args(messages.ToController))
    assert known == {*SAMPLES, *ANYONES}
    assert {*SAMPLES} - CLIENTS - ENGINES - AGENTS == {Ping, Pong}


@pytest.mark.parametrize("channel", ["work", "control"])
@pytest.mark.parametrize("role", ["client", "engine"])
def test_each_role_says_its_own(connect: Connect, role: str, channel: str) -> None:
    peer = connect(role)
    assert isinstance(peer.greet(channel=channel), Welcome)
    may = {"client": CLIENTS, "engine": ENGINES}[role] | {Ping, Pong}
    assert {kind for kind, each in SAMPLES.items() if is_heard(peer, each)} == may


def test_an_agent_says_its_own(connect: Connect) -> None:
    peer = connect("engine")
    assert isinstance(peer.greet(role="agent", channel="control"), Welcome)
    said = {kind for kind, each in SAMPLES.items() if is_heard(peer, each)}
    assert said == AGENTS | {Ping, Pong}


@pytest.mark.parametrize(
    ("role", "greeting"),
    [
        ("client", {"role": "agent", "channel": "control"}),
        ("engine", {"role": "agent", "channel": "work"}),
        ("engine", {"role": "client", "channel": "control"}),
    ],
)
def test_nobody_comes_as_what_its_key_is_not_for(
    connect: Connect, role: str, greeting: dict[str, str]
) -> None:
    assert isinstance(connect(role).greet(**greeting), Refused)


def test_an_agent_tells_deaths_of_its_own_engines_only(
    cluster: Client, connect: Connect
) -> None:
    before = len(cluster)
    work, control, agent = connect("engine"), connect("engine"), connect("engine")
    control.uuid = work.uuid
    work.greet()
    control.greet(channel="control")
    agent.greet(role="agent", channel="control")
    wait_until(lambda: len(cluster) == before + 1, what="the engine")
    agent.say(EngineDied(work.uuid, "was not liked", 0))
    settle(agent)
    assert len(cluster) == before + 1
    control.say(Goodbye())
    wait_until(lambda: len(cluster) == before, what="its end")


def test_an_engines_key_executes_nothing(
    cluster: Client, engine: FakePeer, tmp_path: Path
) -> None:
    code = pickle.dumps((f"open({str(tmp_path / 'file')!r}, 'w')", True))
    engine.say(Submit(0, Method.EXECUTE, b"", code, targets=[cluster.ids[0]]))
    engine.say(Submit(0, Method.EXECUTE, b"", code))
    engine.say(Setup("setup", b"", code))
    assert not any(isinstance(each, Outcome) for each in settle(engine))
    assert cluster[0].apply_sync(add, 1) == 2  # behind all of that
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("key", "other"), [("engine", "client"), ("client", "engine")])
def test_a_key_greets_as_its_own_role_only(
    connect: Connect, key: str, other: str
) -> None:
    peer = connect(key)
    answer = peer.greet(role=other)
    assert isinstance(answer, Refused)
    assert f"its key is for the role {key!r}, and it says {other!r}" in answer.reason
    peer.say(Ping())
    peer.wait_for(WhoAreYou)


def test_a_session_is_no_use_on_another_connection(
    connect: Connect, engine: FakePeer
) -> None:
    client, stranger = connect("client"), connect("engine")
    client.greet()
    for thief in (stranger, engine):
        thief.session = client.session
        thief.say(Submit(0, Method.PULL, b"", NOTHING, targets=[10_000]))
        thief.wait_for(WhoAreYou)
    assert not any(isinstance(each, Outcome) for each in settle(client))


# Whose uuid it is


def test_an_engine_is_not_told_of_others(engine: FakePeer, connect: Connect) -> None:
    answer = connect("engine").greet()
    assert isinstance(answer, Welcome)
    assert answer.engines == []


def test_an_engine_does_not_take_the_place_of_another(
    cluster: Client, connect: Connect
) -> None:
    pid = cluster[0].apply_sync(os.getpid)
    (info,) = cluster._connection.engines.values()
    for channel in ("work", "control"):
        answer = connect("engine").greet(channel=channel, uuid=info.uuid)
        assert isinstance(answer, Refused)
        assert "its place is taken" in answer.reason
    assert cluster[0].apply_sync(os.getpid) == pid


@pytest.mark.parametrize("channel", ["work", "control"])
def test_an_engine_does_not_take_the_place_of_a_client(
    connect: Connect, channel: str
) -> None:
    there, thief = connect("client"), connect("engine")
    there.greet()
    answer = thief.greet(uuid=there.uuid, channel=channel)
    assert isinstance(answer, Refused)
    assert "its uuid is that of a peer of another role" in answer.reason
    assert is_heard(there, Query(0, "queue_status", {}))


def test_a_client_does_not_take_the_place_of_an_engine(
    cluster: Client, connect: Connect
) -> None:
    (info,) = cluster._connection.engines.values()
    answer = connect("client").greet(uuid=info.uuid)
    assert isinstance(answer, Refused)


# Whose task it is


def join(cluster: Client, connect: Connect) -> tuple[FakePeer, int]:
    """Return an engine's work connection, and its id; the client knows it."""
    work, control = connect("engine"), connect("engine")
    control.greet(channel="control", uuid=work.uuid)
    answer = work.greet()
    assert isinstance(answer, Welcome)
    assert answer.engine_id is not None
    wait_until(lambda: answer.engine_id in cluster.ids, what="the engine")
    return work, answer.engine_id


def test_an_engine_speaks_of_its_own_tasks_only(
    cluster: Client, connect: Connect
) -> None:
    (engine, engine_id), (liar, _) = join(cluster, connect), join(cluster, connect)
    ar = cluster[engine_id].apply_async(add, 1)
    assign = engine.wait_for(Assign)
    for kind in ENGINES:
        assert is_heard(liar, SAMPLES[kind])
    assert not ar.ready()
    assert ar.stdout == ""
    value = pack_value("mine", "a value").payload
    engine.say(Result(assign.ordinal, Status.OK, value, 0, 1.0, 2.0))
    assert ar.get(30) == "mine"
    for each in (engine, liar):
        each.say(Goodbye())
    wait_until(lambda: len(cluster.ids) == 1, what="departure of both")

"""A client that does not keep to its credit is let go; nobody else notices."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel import Client, Cluster
from parallel.protocol.messages import (
    Define,
    Method,
    Refused,
    Setup,
    Submit,
    Trouble,
)
from parallel.serialize.callables import pack_function
from parallel.serialize.calls import pack_call
from tests.fakes.peers import FakePeer, peers_of
from tests.integration.processes import controller_of, resident
from tests.integration.tasks import add, wait_for
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

HELD, HELD_NBYTES = 2048, 8 << 20
#: What the controller has in memory beside what it has anyway, MiB.
BOUND = 300


@pytest.fixture
def rc(gate: Path) -> Iterator[Client]:
    """Start an engine that is busy until the gate opens; give its client."""
    with Cluster(n=1, held_tasks=HELD, held_nbytes=HELD_NBYTES) as client:
        busy = client[0].apply_async(wait_for, str(gate))
        yield client
        gate.touch()
        busy.get(timeout=60)
        assert client[0].apply_sync(add, 1) == 2
        status = client.queue_status()
        assert status[0]["tasks"] == status["unassigned"] == 0


@pytest.fixture
def enemy(rc: Client) -> Iterator[FakePeer]:
    """Connect somebody with a client's key."""
    with peers_of(rc) as connect:
        peer = connect("client")
        peer.greet()
        yield peer


def why_let_go(peer: FakePeer) -> str:
    refused: Refused = peer.wait_for(Refused)
    assert "under way" in refused.reason
    return refused.reason


def test_one_that_submits_without_an_end(rc: Client, enemy: FakePeer) -> None:
    function = pack_function(add)
    enemy.say(Define(function.digest, function.code))
    payload = pack_call("add", (1,), {}).payload
    seqs = itertools.count()

    def submit(number: int) -> None:
        for seq in itertools.islice(seqs, number):
            enemy.say(Submit(seq, Method.APPLY, function.digest, payload))

    def is_told() -> bool:
        submit(10)
        return any(isinstance(each, Trouble) for each in enemy.hear())

    submit(2 * HELD)
    wait_until(is_told, what="a word of it")
    assert "this client submits too much" in enemy.wait_for(Trouble).text
    submit(8 * HELD)
    why = why_let_go(enemy)
    assert "tasks with 0 MiB under way, and may have 8,192 tasks" in why
    wait_until(lambda: rc.queue_status()["unassigned"] == 0, what="an empty queue")


def test_one_whose_function_never_comes(rc: Client, enemy: FakePeer) -> None:
    before = resident(controller_of(rc))
    for seq in range(200):
        enemy.say(Submit(seq, Method.APPLY, b"f" * 16, b"", 1), frames=[bytes(1 << 20)])
    why_let_go(enemy)
    assert resident(controller_of(rc)) - before < BOUND


def test_one_that_submits_to_many_at_once(enemy: FakePeer) -> None:
    targets = [0] * 60_000
    enemy.say(
        *(Submit(n * 60_000, Method.PULL, b"", b"", targets=targets) for n in range(20))
    )
    assert "may have 8,192 tasks" in why_let_go(enemy)


def test_one_that_has_setup_upon_setup(rc: Client, enemy: FakePeer) -> None:
    function = pack_function(add)
    enemy.say(Define(function.digest, function.code))
    payload = pack_call("add", (1,), {}).payload
    for number in range(1100):
        enemy.say(Setup(str(number), function.digest, payload, known=[0]))
    refused: Refused = enemy.wait_for(Refused)
    assert "1024 setups" in refused.reason

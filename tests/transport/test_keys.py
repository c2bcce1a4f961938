"""Each cluster has secrets of its own, and each role its own of those."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec
import pytest
import zmq
from zmq.utils import z85

from parallel.transport.keys import ROLES, ZAP_DOMAIN, Gate, Keys, new_keys

KEYS = new_keys()


def secrets_of(keys: Keys) -> Iterator[str]:
    yield from (keys.server.public, keys.server.secret)
    for pair in keys.pairs.values():
        yield from (pair.public, pair.secret)
    yield from keys.secrets.values()


def test_no_two_secrets_are_the_same() -> None:
    secrets = [*secrets_of(KEYS), *secrets_of(new_keys())]
    assert len(set(secrets)) == len(secrets) == 2 * (2 + 3 * len(ROLES))


@pytest.mark.parametrize("role", ROLES)
def test_a_secret_tells_its_role(role: str) -> None:
    assert KEYS.role_of(KEYS.secrets[role]) == role


OTHERS = {"none": "", "letter": "é", "zeros": "0" * 32}
OTHERS["cluster"] = new_keys().secrets["client"]


@pytest.mark.parametrize("secret", OTHERS.values(), ids=OTHERS)
def test_another_secret_tells_none(secret: str) -> None:
    assert KEYS.role_of(secret) is None


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("encrypted", [False, True])
def test_a_peer_is_told_its_own_secrets_only(role: str, encrypted: bool) -> None:
    info = KEYS.info(role, "id", ["tcp://host:1"], encrypted=encrypted)
    assert (info.role, info.cluster_id, info.urls) == (role, "id", ["tcp://host:1"])
    text = msgspec.json.encode(info).decode()
    own = {KEYS.secrets[role]}
    if encrypted:
        own |= {KEYS.server.public, KEYS.pairs[role].public, KEYS.pairs[role].secret}
    assert {secret for secret in secrets_of(KEYS) if secret in text} == own


def test_keys_travel_to_the_controllers_process() -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(KEYS), type=Keys) == KEYS


@pytest.mark.parametrize("role", ROLES)
def test_a_gate_lets_in_who_has_a_key(role: str) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    gate = Gate(context, KEYS)
    key = KEYS.pairs[role].public
    assert gate.callback(ZAP_DOMAIN, key.encode())
    assert gate.curve_user_id(z85.decode(key)) == role
    assert not gate.callback(ZAP_DOMAIN, new_keys().pairs[role].public.encode())
    assert not gate.callback(ZAP_DOMAIN, KEYS.server.public.encode())
    gate.stop()
    context.destroy(0)


@pytest.mark.parametrize("watched", [False, True])
def test_a_gate_can_be_stopped_at_any_time(watched: bool) -> None:
    caught = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, what: caught.append(what))
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        gate = Gate(context, KEYS)
        descriptor = gate.zap_socket.FD
        if watched:
            gate.watch(loop)
            loop.call_soon(gate._on_readable, loop)
        gate.stop()
        gate.stop()
        await asyncio.sleep(0)
        assert not loop.remove_reader(descriptor)
        context.destroy(0)

    asyncio.run(run())
    assert not caught

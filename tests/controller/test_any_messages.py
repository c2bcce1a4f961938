"""Whatever peers say that can be read at all, the controller goes on, in good order."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings
from msgspec.structs import replace

from parallel.controller.dispatch import Dispatch
from parallel.controller.limits import Holdings
from parallel.controller.peer import Peer
from parallel.controller.peers import Peers
from parallel.controller.store.memory import MemoryRecord
from parallel.errors import ProtocolError
from parallel.protocol.messages import (
    Abort,
    Define,
    EngineInfo,
    Hello,
    Need,
    Output,
    Publish,
    Result,
    Resumed,
    Revoked,
    Setup,
    Submit,
    Suspended,
)
from parallel.protocol.wire import digest_of
from parallel.state.scheduler import Scheduler
from tests.protocol.strategies import messages_of

CODES = [b"one", b"two"]
digests = st.sampled_from([b"", b"unknown", *map(digest_of, CODES)])
few = st.integers(0, 12)
some = st.lists(few, max_size=5)
#: What is said of what there is, rather than of what there may be.
LIKELY: dict[str, st.SearchStrategy[Any]] = {
    "seq": few,
    "ordinal": few,
    "digest": digests,
    "targets": st.none() | some,
    "seqs": some,
    "asked": some,
    "given": some,
    "known": some,
    "frames": st.just(0),
}


def said(kind: type) -> st.SearchStrategy[Any]:
    """Return messages of a kind, most of which mean something that there is."""
    changes = {n: v for n, v in LIKELY.items() if n in kind.__struct_fields__}  # type: ignore[attr-defined]
    plain = messages_of(kind)
    likely = st.builds(
        lambda message, new: replace(message, **new),
        plain,
        st.fixed_dictionaries({}, optional=changes),
    )
    return plain | likely


defines = st.sampled_from(CODES).map(lambda code: Define(digest_of(code), code))
clients = st.one_of(defines, *map(said, [Submit, Submit, Define, Abort, Setup]))
engines = st.one_of(
    *map(said, [Result, Result, Need, Revoked, Output, Publish, Suspended, Resumed])
)


class Room:
    """A dispatcher, one client and two engines."""

    def __init__(self) -> None:
        self.peers = Peers(lambda _: True)
        self.machine = Scheduler()
        record = MemoryRecord()
        self.dispatch = Dispatch(
            self.peers, self.machine, record, lambda *_: None, Holdings()
        )
        self.client = self._peer("client", b"c" * 16)
        self.engines = [self._peer("engine", b"%d" % i * 16) for i in range(2)]
        for i, engine in enumerate(self.engines):
            info = EngineInfo(i, engine.uuid, "host", 1)
            self.dispatch.engine_joined(info, 0.0)

    def _peer(self, role: str, uuid: bytes) -> Peer:
        for channel in ("control", "work"):
            hello = Hello(role, channel, uuid, "", "host", 1)
            peer = self.peers.welcome(hello, uuid + channel.encode(), 1)
        return peer

    def hear(self, peer: Peer, message: Any, now: float) -> None:
        """Do as the controller does with a message."""
        intake, reports = self.dispatch.intake, self.dispatch.reports
        frames = (b"",) * getattr(message, "frames", 0)
        match message:
            case Submit():
                intake.on_submits(peer, [(message, frames)], now)
            case Result():
                reports.on_results(peer, [(message, frames)], now)
            case Define():
                intake.on_define(message, now)
            case Abort():
                intake.on_abort(peer, message, now)
            case Setup():
                intake.on_setup(peer, message, frames, now)
            case Need():
                reports.on_need(peer, message)
            case Revoked():
                reports.on_revoked(peer, message, now)
            case Output():
                reports.on_output(peer, message)
            case Publish():
                reports.on_publish(peer, message, frames)
            case Suspended():
                reports.on_suspended(peer, message, now)
            case Resumed():
                reports.on_resumed(peer, message, now)


def is_small(message: Any) -> bool:
    """Tell whether a message does not ask for very many frames."""
    return getattr(message, "frames", 0) < 100


turns = st.lists(
    st.tuples(st.just(-1), clients.filter(is_small))
    | st.tuples(st.integers(0, 1), engines.filter(is_small)),
    max_size=30,
)


@settings(max_examples=100)
@given(turns=turns)
def test_no_message_brings_it_out_of_order(turns: Sequence[tuple[int, Any]]) -> None:
    room = Room()
    for now, (who, message) in enumerate(turns, 1):
        peer = room.client if who < 0 else room.engines[who]
        with contextlib.suppress(ProtocolError):
            room.hear(peer, message, float(now))
        if room.machine.wakeup is not None and room.machine.wakeup <= now:
            room.dispatch.on_time(float(now))
    room.machine.check()
    assert room.peers.flush() == [], "what it says cannot travel"

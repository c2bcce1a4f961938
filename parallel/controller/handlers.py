"""Which part of the controller deals with which message."""

from __future__ import annotations

from ..protocol.messages import (
    Abort,
    AgentTrouble,
    Define,
    EngineDied,
    Goodbye,
    Held,
    Hello,
    Need,
    Output,
    Ping,
    Pong,
    Publish,
    Query,
    Reopen,
    Result,
    Resumed,
    Revoked,
    Setup,
    Signal,
    Stop,
    Submit,
    Suspended,
    WantCredit,
)
from .agents import Agents
from .dispatch import Dispatch
from .hearing import Handler, Together
from .hub import Hub
from .orders import pass_signal_on
from .peer import Peer
from .peers import Peers
from .questions import Questions

__all__ = ["handlers_of", "together_of"]


def together_of(dispatch: Dispatch) -> dict[type, Together]:
    """Return what deals with messages that come many at a time."""
    return {Submit: dispatch.intake.on_submits, Result: dispatch.reports.on_results}


def handlers_of(
    dispatch: Dispatch,
    hub: Hub,
    agents: Agents,
    peers: Peers,
    questions: Questions,
    on_stop: Handler,
) -> dict[type, Handler]:
    """Return what deals with each of the others."""
    intake, reports = dispatch.intake, dispatch.reports

    def reopen(peer: Peer, message: Reopen, _: object, now: float) -> None:
        if dispatch.reopening is not None:
            intake.overdrafts.check_open(len(message.unfinished))
            dispatch.reopening.reopen(peer.uuid, message, now)

    return {
        Define: lambda peer, message, _, now: intake.on_define(message, now),
        Need: lambda peer, message, *_: reports.on_need(peer, message),
        Revoked: lambda peer, message, _, now: reports.on_revoked(peer, message, now),
        Output: lambda peer, message, *_: reports.on_output(peer, message),
        Abort: lambda peer, message, _, now: intake.on_abort(peer, message, now),
        Suspended: lambda peer, message, _, now: reports.on_suspended(
            peer, message, now
        ),
        Resumed: lambda peer, message, _, now: reports.on_resumed(peer, message, now),
        Setup: intake.on_setup,
        Publish: lambda peer, message, frames, _: reports.on_publish(
            peer, message, frames
        ),
        Signal: lambda peer, order, *_: pass_signal_on(
            peers, hub.engines.values(), order
        ),
        WantCredit: lambda peer, *_: intake.credits.want(peer.uuid),
        Reopen: reopen,
        Held: lambda peer, message, _, now: hub.take_back(peer, message, now),
        Hello: lambda peer, hello, _, now: hub.greet(
            hello, peer.routing_id, peer.descriptor, None, now
        ),
        Goodbye: lambda peer, message, _, now: hub.leave(peer, message, now),
        Ping: lambda peer, *_: peers.say(peer, Pong()),
        Pong: lambda peer, *_: hub.pulses.hear(peer.uuid),
        Query: questions.ask,
        Stop: on_stop,
        EngineDied: lambda peer, died, _, now: agents.on_death(peer, died, now),
        AgentTrouble: lambda peer, trouble, _, now: agents.on_trouble(
            peer, trouble, now
        ),
    }

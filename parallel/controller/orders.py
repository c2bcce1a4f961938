"""What the controller tells many peers at once."""

from __future__ import annotations

from collections.abc import Iterable

from ..protocol.messages import EngineInfo, Goodbye, Signal
from .peers import Peers

__all__ = ["pass_signal_on", "say_goodbye"]

#: Who is told goodbye where: an engine may be too busy to read its work.
EACH_HEARS = (
    ("client", "work"), ("agent", "control"), ("engine", "control"), ("engine", "work"),
)  # fmt: skip


def say_goodbye(peers: Peers) -> None:
    """Tell everybody that the controller ends."""
    goodbye = Goodbye("the controller was stopped")
    for role, channel in EACH_HEARS:
        for peer in peers.of_role(role, channel):
            peers.say(peer, goodbye)
    peers.flush()


def pass_signal_on(peers: Peers, engines: Iterable[EngineInfo], order: Signal) -> None:
    """Have engines send themselves a signal: those named, or all."""
    for info in engines:
        control = peers.channel(info.uuid, "control")
        wanted = order.targets is None or info.engine_id in order.targets
        if wanted and control is not None:
            peers.say(control, Signal(order.signum))

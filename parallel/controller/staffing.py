"""Clients' orders that change which engines get work: questions, like the others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from itertools import chain, islice
from typing import Any

import msgspec

from ..aliases import EngineId
from ..protocol.bounds import MOST_TARGETS
from ..protocol.messages import EngineInfo
from ..state.scaling import Load
from ..state.stories import is_death
from .dispatch import Dispatch
from .hub import Hub

__all__ = ["drain", "load", "resume", "scale", "shrink", "standing"]

#: So many engines are told of that died, the newest.
MOST_DEAD = 20
#: Of the tasks that only some engines may run, so many are counted.
MOST_COUNTED = 1 << 12


def drain(
    hub: Hub, dispatch: Dispatch, *, targets: list[EngineId], stop: bool, why: str
) -> Future[None]:
    """Give engines nothing more; answered once they have ended what they had.

    To `stop` them, too, means that they are gone for all clients at once, and that the
    answer comes once they are.
    """
    now = asyncio.get_running_loop().time()
    uuids = [info.uuid for info in _infos(hub, targets)]
    return dispatch.drains.drain(uuids, why, now, leaves=stop)


def resume(hub: Hub, dispatch: Dispatch, *, targets: list[EngineId]) -> None:
    """Give engines work again that were drained."""
    now = asyncio.get_running_loop().time()
    dispatch.drains.resume([info.uuid for info in _infos(hub, targets)], now)


def scale(hub: Hub, dispatch: Dispatch, *, n: int) -> Future[None]:
    """Have the controller's agent keep so many engines; answered once the rest is gone.

    Raises
    ------
    ValueError
        There is no agent, or so many cannot be.
    """
    if not 0 <= n <= MOST_TARGETS:
        raise ValueError(f"a cluster has from 0 to {MOST_TARGETS:,} engines, not {n}")
    return dispatch.drains.scale(n)


def shrink(
    hub: Hub, dispatch: Dispatch, *, count: int, engine_ids: list[int]
) -> Future[None]:
    """Let so many of these engines go; answered once they are gone."""
    now = asyncio.get_running_loop().time()
    infos = hub.news.shown(hub.muster.infos(hub.engines))
    uuids = [info.uuid for info in infos if info.engine_id in engine_ids]
    return dispatch.drains.shrink(uuids, max(0, count), now)


def load(hub: Hub, dispatch: Dispatch) -> dict[str, float | None]:
    """Return what there is to do, and who is there for it: a `Load`.

    Tasks that none of the engines could ever run do not count: more of them would not
    help.
    """
    machine = dispatch.machine
    engines, queue = machine.engines.values(), machine.queue
    lanes = [
        lane
        for needs, lane in queue.lanes.items()
        if not engines or any(engine.suits(needs) for engine in engines)
    ]
    within = sum(1 for _ in islice(chain.from_iterable(lanes), MOST_COUNTED))
    elsewhere = sum(len(level) for _, level in queue.plain.order)
    ready = [e for e in engines if not (e.drains or e.tired)]
    means = [e.depth.mean for e in ready if e.depth.mean is not None]
    told = Load(
        queued=min(queue.size, within + elsewhere),
        busy=sum(bool(engine.inhand) for engine in engines if not engine.leaving),
        idle=sum(not engine.inhand for engine in ready),
        mean=sum(means) / len(means) if means else None,
    )
    return msgspec.structs.asdict(told)


def standing(hub: Hub, dispatch: Dispatch) -> dict[str, Any]:
    """Return how many tasks engines have in hand, who died of late, and what is wrong.

    Those that were stopped did not die.
    """
    machine = dispatch.machine
    dead = [(e, why) for e, why in machine.departed.items() if is_death(why)]
    return {
        "tasks": {str(e.engine_id): len(e.inhand) for e in machine.engines.values()},
        "departed": {str(e): why for e, why in dead[-MOST_DEAD:]},
        "troubles": [trouble.text for trouble in hub.news.troubles],
    }


def _infos(hub: Hub, targets: Sequence[EngineId]) -> list[EngineInfo]:
    """Return those of some engines that are there, or on their way back."""
    wanted = set(targets)
    return [i for i in hub.muster.infos(hub.engines) if i.engine_id in wanted]

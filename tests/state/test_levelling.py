"""Who has stalled gives back what others could begin, and no sooner."""

from __future__ import annotations

from parallel.state.choosing import Choosing
from parallel.state.ledger import Ledger
from parallel.state.levelling import HEARD, STALLED, Levelling
from parallel.state.placement import Placement
from parallel.state.tasks import Engine
from tests.state.placing import crowd_of, make, placement_of


def levelling_of(placement: Placement) -> Levelling:
    return Levelling(placement, Ledger(placement, Choosing(placement)))


def test_the_more_have_a_line_the_later_one_of_them_has_stalled() -> None:
    placement, engines = crowd_of(4 * HEARD, 0.0)
    levelling = levelling_of(placement)
    for engine in engines[1:]:
        for _ in range(2):
            placement.give(make(), engine, 0.0)
        placement.settle(engine)
    few, many = STALLED, STALLED * (4 * HEARD - 1) / HEARD
    assert list(levelling.stalled((few + many) / 2)) == []
    assert levelling.next_stall(few) == many
    assert len(list(levelling.stalled(many))) == 4 * HEARD - 1


def test_a_stalled_engine_gives_what_could_run_elsewhere() -> None:
    stalled, idle = Engine(b"a", 0), Engine(b"b", 1)
    placement = placement_of(stalled, idle, hwm=0)
    levelling = levelling_of(placement)
    tasks = [make(), make(), make(0), make(), make(targets=[0]), make()]
    for task in tasks:
        placement.give(task, stalled, 0.0)
        placement.settle(stalled)
    assert set(placement.crowded) == {b"a"}
    assert levelling.next_stall(0.0) == STALLED
    assert list(levelling.stalled(STALLED / 2)) == []
    # Of the three that may move, the idle engine gets half, rounded up.
    assert list(levelling.stalled(STALLED)) == [(stalled, [4, 6])]
    stalled.revoking = {4, 6}
    assert list(levelling.stalled(STALLED)) == []
    assert levelling.next_stall(0.0) is None

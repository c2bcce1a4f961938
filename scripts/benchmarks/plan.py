"""In what order things are measured.

Nothing runs beside a system while it is measured: each sitting starts it, measures
and stops it.  Systems that start quickly take turns, one measurement at a time, so
that a figure and its floor are seconds apart; those that start slowly do all of
theirs in one sitting.  A run does this several times over (passes), each time with
another one first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.catalogue import Contestant
from benchmarks.rows import MEASUREMENTS, Measurement

#: What every system does before anything counts.
FIRST_START = Measurement(name="first start", method="start")


@dataclass(frozen=True)
class Sitting:
    """One start of one system, and what is measured in it."""

    contestant: Contestant
    measurements: tuple[Measurement, ...]

    def title(self) -> str:
        """Return what to say while it runs."""
        names = ", ".join(each.name for each in self.measurements)
        return f"{self.contestant.label}: {names}"


def plan(
    contestants: Sequence[Contestant],
    wanted: Collection[str],
    *,
    quick: bool,
    turn: int,
) -> Iterator[Sitting]:
    """Yield the sittings of one pass.

    Parameters
    ----------
    wanted
        Names of the measurements to do.
    quick
        One sitting where a pass has several.
    turn
        Which pass this is, from 0: it decides who begins, and some things are done
        in the first pass only.
    """
    due = [each for each in MEASUREMENTS if each.name in wanted]
    due = [each for each in due if turn == 0 or not each.once]
    begins = turn % len(contestants)
    order = [*contestants[begins:], *contestants[:begins]]
    for shared in group(due, slowly=False):
        for _ in range(1 if quick else max(each.sittings for each in shared)):
            for contestant in order:
                if not contestant.starts_slowly:
                    yield from sittings(contestant, shared)
    for shared in group(due, slowly=True):
        for contestant in order:
            if contestant.starts_slowly:
                yield from sittings(contestant, shared)


def sittings(
    contestant: Contestant, measurements: Sequence[Measurement]
) -> Iterator[Sitting]:
    """Yield a sitting if the system takes part in any of its measurements."""
    own = tuple(each for each in measurements if each.name in contestant.measurements)
    if own:
        yield Sitting(contestant, own)


def group(
    measurements: Sequence[Measurement], *, slowly: bool
) -> list[list[Measurement]]:
    """Return the measurements that share a sitting, in their order.

    For a slow start, all that can: those of equal engines and transport.
    """
    groups: dict[object, list[Measurement]] = {}
    for each in measurements:
        if slowly and not each.alone:
            groups.setdefault((each.engines, each.transport), []).append(each)
        else:
            groups.setdefault(each.sitting or each.name, []).append(each)
    return list(groups.values())

"""How far a result is: what has come and what has not, and which engine is slow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from ..aliases import EngineId
from ..protocol.messages import Outcome, Status

__all__ = ["Slowest", "Tally", "counted", "slowest_of"]

#: So many engines are named that something is awaited from.
NAMED = 8


class Slowest(NamedTuple):
    """The engine whose tasks took longest, and how long on average, seconds."""

    engine_id: EngineId
    seconds: float


@dataclass(frozen=True)
class Tally:
    """What of a result has come.

    Parameters
    ----------
    done, total
        In the unit of its length: of a map, elements. The total is None if it is not
        known yet.
    failed
        Tasks.
    under_way
        Tasks that were submitted and have not come.
    engines
        Those that they were given to, as far as that is known.
    elapsed
        Seconds; None where nothing has come, nor will.
    slowest
        None where fewer than two engines have worked.
    """

    done: int
    total: int | None
    failed: int
    under_way: int
    engines: tuple[EngineId, ...]
    elapsed: float | None
    slowest: Slowest | None

    def facts(self) -> list[tuple[str, str]]:
        """Return what there is to say, by name."""
        total = "?" if self.total is None else self.total
        found = [("done", f"{self.done} of {total}")]
        if self.failed:
            found.append(("failed", counted(self.failed)))
        if self.under_way:
            found.append(("under way", counted(self.under_way) + self._where()))
        if self.elapsed is not None:
            found.append(("elapsed", f"{self.elapsed:.3g} s"))
        if self.slowest is not None:
            each = f"{self.slowest.seconds:.3g} s a task"
            found.append(("slowest", f"engine {self.slowest.engine_id}, {each}"))
        return found

    def _where(self) -> str:
        if not self.engines:
            return ""
        named = ", ".join(map(str, self.engines[:NAMED]))
        more = ", …" if len(self.engines) > NAMED else ""
        return f" on engine{'s' if len(self.engines) > 1 else ''} {named}{more}"


def slowest_of(outcomes: Iterable[Outcome]) -> Slowest | None:
    """Return the engine that needed the longest for a task; None if only one worked."""
    times: defaultdict[EngineId, list[float]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.engine_id >= 0 and outcome.status == Status.OK:
            took = outcome.completed - outcome.started
            times[outcome.engine_id].append(max(0.0, took))
    if len(times) < 2:
        return None
    means = (Slowest(each, sum(took) / len(took)) for each, took in times.items())
    return max(means, key=lambda found: found.seconds)


def counted(tasks: int) -> str:
    """Return so many tasks in words."""
    return f"{tasks} task{'s' if tasks != 1 else ''}"

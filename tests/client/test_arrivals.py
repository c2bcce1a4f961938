"""Who waits for engines is told at once why they do not come."""

from __future__ import annotations

from collections.abc import Callable
from operator import setitem
from typing import Any

import pytest

from parallel.client.arrivals import Arrivals
from parallel.client.troubles import Troubles
from parallel.errors import ConnectionClosed, EngineError, ParallelError
from parallel.state.newest import Newest


class Connection:
    """Lets one thing happen while somebody waits, and has not read all that was."""

    def __init__(self, happens: Callable[[Connection], object]) -> None:
        self.engines = {8: "one that is not there any more"}
        self.troubles = Troubles()
        self.troubles.add("an old one")
        self.departed: Newest[int, str] = Newest()
        self.departed[7] = "was stopped"
        self.closed: ParallelError | None = None
        self._happens = happens

    def look(self) -> None:
        if self.engines.pop(8, None):
            self.departed[8] = "was stopped"

    def wait(
        self, done: Callable[[], bool], follow: Any, timeout: Any, explain: Any
    ) -> bool:
        assert not done()
        assert explain() == ["0 of 1 engines are there"]
        self._happens(self)
        assert done(), "this would go on waiting"
        return True


def wait(happens: Callable[[Connection], object]) -> None:
    Arrivals(Connection(happens), 1).wait(None)  # type: ignore[arg-type]


def test_until_they_are_there_and_not_those_that_were_stopped_before() -> None:
    wait(lambda connection: connection.engines.update({0: "engine"}))


def test_until_one_cannot_come() -> None:
    with pytest.raises(EngineError, match="engine 1 of 1 did not stay up"):
        wait(lambda c: c.troubles.add("engine 1 of 1 did not stay up"))


def test_until_one_has_left() -> None:
    with pytest.raises(EngineError, match="engine 0 was killed while 0 of 1"):
        wait(lambda c: setitem(c.departed, 0, "was killed"))


def test_until_the_connection_ends() -> None:
    with pytest.raises(ConnectionClosed, match="by the user"):
        wait(lambda c: setattr(c, "closed", ConnectionClosed("by the user")))

"""Who keeps the controller up, without any process."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel.cluster.child import ChildSpec
from parallel.cluster.keeper import MOST_DEATHS, Keeper
from parallel.controller.spec import ControllerSpec
from parallel.protocol.messages import AgentTrouble, EngineDied, FromAgent, Up
from parallel.transport.keys import new_keys
from parallel.transport.pipe import Pipe

URL = "tcp://127.0.0.1:40001"


class Started:
    """What a keeper has started: each controller's spec, and the pipe it was given."""

    def __init__(self, folder: Path) -> None:
        spec = ControllerSpec(
            cluster_id="",
            urls=["tcp://127.0.0.1:0"],
            keys=new_keys(),
            profile_dir=str(folder),
        )
        self.specs: list[ControllerSpec] = []
        #: Their ends of these pipes.
        self.ends: list[Pipe] = []
        self.keeper = Keeper(spec, str(folder / "none.log"), self._start)

    def _start(self, what: ChildSpec) -> int:
        assert what.controller is not None
        self.specs.append(what.controller)
        if what.link is not None:
            end = socket.socket(fileno=os.dup(what.link))
            self.ends.append(Pipe(end, list[FromAgent]))
        return 4710 + len(self.specs)

    def begin(self) -> None:
        """Start one that comes up."""
        self.keeper.start([b"engine"])
        self.keeper.up(Up([URL]))

    def die(self, code: int = -signal.SIGKILL) -> AgentTrouble | None:
        """Let it die."""
        self.keeper.hang_up()
        return self.keeper.died(code)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    """Return a keeper's view of the world; nothing of it stays open."""
    found = Started(tmp_path)
    yield found
    for end in found.ends:
        end.close()
    found.keeper.hang_up()


def test_the_next_one_listens_where_the_last_one_did(started: Started) -> None:
    started.begin()
    assert started.die() is None
    started.begin()
    first, second = started.specs
    assert (first.epoch, first.urls) == (1, ["tcp://127.0.0.1:0"])
    assert (second.epoch, second.urls) == (2, [URL])
    assert second.keys is first.keys
    assert second.alive == [b"engine"]


def test_its_restart_is_told_once_it_is_up(started: Started) -> None:
    started.begin()
    started.die()
    started.keeper.start([])
    told = started.keeper.up(Up([URL]))
    assert told is not None
    assert not told.fatal
    assert not told.hinders
    assert "was killed by SIGKILL" in told.text
    assert "(pid 4711 on " in told.text
    assert "(pid 4712, epoch 2)" in told.text
    assert started.keeper.up(Up([URL])) is None


def test_what_ended_it_is_told_with_its_death(started: Started) -> None:
    started.begin()
    assert started.keeper.hear(AgentTrouble("it broke", fatal=True)) is None
    started.die(1)
    started.keeper.start([])
    told = started.keeper.up(Up([URL]))
    assert told is not None
    assert "exited with status 1 (pid 4711 on " in told.text
    assert ": it broke" in told.text


def test_one_that_never_comes_up_is_not_started_again(started: Started) -> None:
    started.keeper.start([])
    trouble = AgentTrouble("cannot listen", fatal=True)
    assert started.keeper.hear(trouble) is trouble
    told = started.die(1)
    assert told is not None
    assert told.fatal


def test_those_that_do_not_last_are_given_up(started: Started) -> None:
    for _ in range(MOST_DEATHS - 1):
        started.begin()
        assert started.die() is None
    started.begin()
    told = started.die()
    assert told is not None
    assert told.fatal
    assert f"the last of {MOST_DEATHS} deaths within a minute" in told.text
    assert "none.log" in told.text


def test_why_there_is_none_any_more_is_told_where_they_listened(
    started: Started,
) -> None:
    started.begin()
    started.keeper.take_leave("it broke")
    assert started.specs[-1].farewell == "it broke"
    assert started.specs[-1].urls == [URL]
    assert started.keeper.pid == 4712


def test_where_none_ever_listened_nobody_takes_leave(started: Started) -> None:
    started.keeper.start([])
    started.keeper.take_leave("it broke")
    assert len(started.specs) == 1


def test_deaths_of_engines_are_told_to_the_next_one_too(started: Started) -> None:
    heard = EngineDied(b"one", "was killed", 3, stdout="much")
    unheard = EngineDied(b"two", "was killed", 4, stdout="much")
    started.begin()
    started.keeper.engine_died(heard)
    started.die()
    started.keeper.engine_died(unheard)
    started.begin()
    first, second = [
        [(died.uuid, died.stdout) for died in end.receive() or ()]
        for end in started.ends
    ]
    assert first == [(b"one", "much")]
    assert second == [(b"one", ""), (b"two", "much")]

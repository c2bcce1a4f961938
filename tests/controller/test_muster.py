"""The engines that are registered, on disk: read by the next controller."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from parallel.controller.muster import LEASE, Muster
from parallel.protocol.messages import EngineInfo

ONE, TWO = b"1" * 16, b"2" * 16
HERE = socket.gethostname()
ELSEWHERE = "elsewhere.example"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a roster may be."""
    return tmp_path / "roster.json"


def info_of(
    muster: Muster, uuid: bytes, host: str = ELSEWHERE, pid: int = 1
) -> EngineInfo:
    """Return who an engine is, once it has an id."""
    return EngineInfo(muster.roster.register(uuid), uuid, host, pid, {"gpu": 1}, ["a"])


def write(path: Path, *engines: tuple[bytes, str, int]) -> list[EngineInfo]:
    """Write the roster of a first controller that had these engines."""
    muster = Muster(path)
    infos = [info_of(muster, *each) for each in engines]
    for info in infos:
        muster.join(info)
    muster.save()
    return infos


def test_the_next_controller_knows_who_was_there(path: Path) -> None:
    one, two = write(path, (ONE, ELSEWHERE, 1), (TWO, ELSEWHERE, 2))
    assert path.stat().st_mode & 0o777 == 0o600
    muster = Muster(path, epoch=2)
    assert {uuid: each.info for uuid, each in muster.awaited.items()} == {
        ONE: one,
        TWO: two,
    }
    assert muster.roster.register(TWO) == 1
    assert muster.roster.register(b"new") == 2
    assert muster.take_trouble() == ""


def test_a_first_controller_believes_no_file(path: Path) -> None:
    write(path, (ONE, ELSEWHERE, 1))
    muster = Muster(path)
    assert not muster.awaited
    assert muster.roster.register(b"new") == 0


def test_who_comes_back_or_is_dead_is_awaited_no_more(path: Path) -> None:
    one, _ = write(path, (ONE, ELSEWHERE, 1), (TWO, ELSEWHERE, 2))
    muster = Muster(path, epoch=2)
    muster.join(one)
    muster.leave(TWO)
    assert not muster.awaited
    muster.save()
    third = Muster(path, epoch=3)
    assert {uuid: each.epoch for uuid, each in third.awaited.items()} == {ONE: 1}
    assert third.roster.register(b"new") == 2, "an id was given twice"


def test_the_engines_of_an_agent_are_awaited_whatever_the_file_says(path: Path) -> None:
    muster = Muster(path, epoch=2, alive=[ONE])
    assert list(muster.awaited) == [ONE]
    assert not muster.proved_dead()
    muster.join(info_of(muster, ONE))
    assert not muster.awaited


def test_a_process_of_this_host_that_is_gone_is_proved_dead(path: Path) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    write(path, (ONE, HERE, os.getpid()), (TWO, HERE, child), (b"3" * 16, "far", child))
    os.waitpid(child, 0)
    muster = Muster(path, epoch=2)
    assert [each.info.uuid for each in muster.proved_dead()] == [TWO]


def test_a_damaged_file_is_told_once_and_the_start_goes_on(path: Path) -> None:
    write(path, (ONE, ELSEWHERE, 1))
    whole = path.read_bytes()
    for length in range(len(whole) - 1):
        path.write_bytes(whole[:length])
        muster = Muster(path, epoch=2)
        assert f"the roster of engines {path} cannot be read" in muster.take_trouble()
        assert muster.take_trouble() == ""
        assert not muster.awaited
    muster.save()
    assert Muster(path, epoch=3).take_trouble() == ""


def test_a_damaged_file_leaves_doubts_of_what_was_started(path: Path) -> None:
    write(path, (ONE, ELSEWHERE, 1))
    assert not Muster(path, epoch=2).is_doubtful
    path.write_text("nothing")
    assert Muster(path, epoch=2).is_doubtful


def test_what_nobody_knows_of_a_dead_engine_is_doubted_by_all_that_follow(
    path: Path,
) -> None:
    write(path, (ONE, HERE, os.getpid()))
    second = Muster(path, epoch=2)
    second.leave(ONE)
    second.doubt(LEASE)
    second.save()
    third = Muster(path, epoch=3)
    assert third.is_doubtful
    third.save()
    assert Muster(path, epoch=4).is_doubtful


def test_an_engine_elsewhere_that_died_of_late_is_awaited_if_its_agent_tells_of_it(
    path: Path,
) -> None:
    write(path, (ONE, ELSEWHERE, 1), (TWO, ELSEWHERE, 2))
    second = Muster(path, epoch=2)
    second.leave(ONE, is_watched=True)
    second.save()
    third = Muster(path, epoch=3)
    assert set(third.awaited) == {ONE, TWO}
    assert not third.is_doubtful
    third.leave(TWO)
    third.save()
    fourth = Muster(path, epoch=4)
    assert set(fourth.awaited) == {ONE}
    assert fourth.is_doubtful, "nobody will tell of it again"


def test_it_is_written_anew_now_and_then_that_the_record_is_relied_on(
    path: Path,
) -> None:
    write(path, (ONE, HERE, os.getpid()))
    second = Muster(path, epoch=2)
    second.save()
    second.rely(LEASE)
    assert second.is_stale
    second.save()
    second.rely(LEASE)
    assert not second.is_stale
    third = Muster(path, epoch=3)
    assert third.is_reliant
    assert not third.is_doubtful


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": "other"}', "\xff", "null"])
def test_a_file_of_something_else_is_told(path: Path, text: str) -> None:
    path.write_bytes(text.encode("latin-1"))
    assert "cannot be read" in Muster(path, epoch=2).take_trouble()


def test_a_file_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.write_text("no folder")
    muster = Muster(folder / "roster.json")
    for uuid in (ONE, TWO):
        muster.join(info_of(muster, uuid))
        muster.save()
    assert "the roster of engines is out of date: " in muster.take_trouble()
    muster.save()
    assert muster.take_trouble() == ""

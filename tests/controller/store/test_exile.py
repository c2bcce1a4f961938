"""A record whose file failed goes back to it, with all that was kept meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parallel.controller.limits import Limits
from parallel.controller.store import exile
from parallel.controller.store.database import Database
from parallel.controller.store.sqlite import SqliteRecord
from tests.controller.store.feeding import finish_task, open_task, run_task
from tests.waiting import wait_until


class Disk:
    """A disk that is full, until it is not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pages = 0
        self.tries = 0
        monkeypatch.setattr(exile, "AGAIN", 0.05)
        monkeypatch.setattr(exile, "AGAIN_LATEST", 0.05)
        monkeypatch.setattr(exile, "Database", self._open)

    def _open(self, path: str, limits: Limits, **options: Any) -> Database:
        made = Database(path, limits, **options)
        self.tries += path != ":memory:"
        if self.pages and path != ":memory:":
            self._limit(made)
        return made

    def _limit(self, database: Database) -> None:
        database._connection.execute(f"PRAGMA max_page_count = {self.pages}")

    def fill(self, record: SqliteRecord) -> None:
        """Let the file of a record grow no more."""
        record.history().result(5)
        (self.pages,) = record._medium.database._one("PRAGMA page_count")
        self._limit(record._medium.database)

    def free(self) -> None:
        """Let it grow again."""
        self.pages = 0


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a record may be."""
    return tmp_path / "tasks.db"


@contextlib.contextmanager
def recording(path: Path, told: list[str], **options: Any) -> Iterator[SqliteRecord]:
    """Give a record that is at work, and tells of its troubles."""
    record = SqliteRecord(path, **options)
    record.start(told.append)
    try:
        yield record
    finally:
        record.close()


def many(record: SqliteRecord, seqs: range) -> list[str]:
    """Run tasks that take more room than a full disk has."""
    return [run_task(record, seq, payload=b"x" * 9000) for seq in seqs]


def statuses(path: Path) -> dict[str, str]:
    """Return how the tasks of a file stand, each once."""
    with recording(path, []) as record:
        found = record.find({}, ["status"]).result(5)
    ids = [each["msg_id"] for each in found]
    assert len(set(ids)) == len(ids)
    return {each["msg_id"]: each["status"] for each in found}


def test_a_disk_with_room_again_has_all_that_was_kept(path: Path, disk: Disk) -> None:
    told: list[str] = []
    with recording(path, told) as record:
        first = run_task(record, 0)
        across, still = open_task(record, 1), open_task(record, 2)
        disk.fill(record)
        meanwhile = many(record, range(3, 23))
        begun = open_task(record, 23)
        finish_task(record, 1)
        wait_until(lambda: told, what="words")
        tried = disk.tries
        wait_until(lambda: disk.tries > tried + 1, what="attempts in vain")
        assert len(told) == 1
        assert "once the file can be used again" in told[0]
        disk.free()
        wait_until(lambda: len(told) == 2, what="words")
        assert told[1] == (
            f"tasks are recorded in {path} again, and so are those that were kept in "
            "memory"
        )
        after = run_task(record, 24)
        finish_task(record, 23)
        finished = [first, across, *meanwhile, begun, after]
        assert set(record.history().result(5)) == {still, *finished}
        finish_task(record, 2)
    assert statuses(path) == dict.fromkeys([*finished, still], "ok")


def test_what_is_too_much_for_memory_is_counted(
    path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exile, "IN_MEMORY", Limits(records=10))
    told: list[str] = []
    with recording(path, told) as record:
        running = open_task(record, 0)
        disk.fill(record)
        many(record, range(1, 41))
        finish_task(record, 0)
        newest = many(record, range(41, 61))
        wait_until(lambda: not record._entries, what="ends of all")
        disk.free()
        wait_until(lambda: len(told) == 2, what="words")
        found = set(record.history().result(5))
        lacking = 61 - len(found)
        assert told[1].endswith(f"; {lacking} that ended before them are not")
        assert running not in found, "it is not lost, but forgotten"
        assert found <= set(newest)
    assert set(statuses(path)) == found


def test_what_is_purged_meanwhile_does_not_come_back(path: Path, disk: Disk) -> None:
    told: list[str] = []
    with recording(path, told) as record:
        run_task(record, 0)
        disk.fill(record)
        many(record, range(1, 20))
        wait_until(lambda: told, what="words")
        record.purge(None).result(5)
        last = run_task(record, 20)
        disk.free()
        wait_until(lambda: len(told) == 2, what="words")
        assert record.history().result(5) == [last]
    assert list(statuses(path)) == [last]


def test_the_file_of_a_controller_that_has_ended_is_taken_up(
    path: Path, disk: Disk
) -> None:
    told: list[str] = []
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(recording(path, []))
        theirs, lost = run_task(other, 0), open_task(other, 1)
        other.history().result(5)
        record = stack.enter_context(recording(path, told))
        own = run_task(record, 2)
        assert record.history().result(10) == [own]
        other.close()
        wait_until(lambda: len(told) == 2, 20, "words")
        assert record.history().result(5) == [theirs, lost, own]
    assert statuses(path) == {theirs: "ok", lost: "error", own: "ok"}

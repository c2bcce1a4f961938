"""The record on disk: what it writes, what it survives, and what it tells."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parallel.controller.limits import Limits
from parallel.controller.store import buffers, writer
from parallel.controller.store.database import Database
from parallel.controller.store.sqlite import SqliteRecord
from parallel.protocol.messages import Status
from parallel.state.naming import TaskKey
from parallel.state.past import FIRST, Past
from tests.controller.store.feeding import (
    CLIENT,
    START,
    finish_task,
    open_task,
    run_task,
)
from tests.waiting import wait_until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a record may be."""
    return tmp_path / "tasks.db"


@contextlib.contextmanager
def recording(
    path: Path | None,
    limits: Limits | None = None,
    told: list[str] | None = None,
    *,
    inherits: bool = False,
) -> Iterator[SqliteRecord]:
    """Give a record that is at work; troubles fail the test unless they are told."""
    record = SqliteRecord(path, limits, inherits=inherits)
    record.start(pytest.fail if told is None else told.append)
    try:
        yield record
    finally:
        record.close()


def told_by(path: Path, sql: str) -> Any:
    """Return what the file of a record that is closed answers."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (found,) = connection.execute(sql).fetchone()
        return found


def test_a_restarted_controller_knows_its_history(path: Path) -> None:
    with recording(path) as record:
        first = run_task(record, 0, label="kept", frames=[b"f" * 100])
    assert path.stat().st_mode & 0o777 == 0o600
    with recording(path) as record:
        second = run_task(record, 1)
        assert record.history().result(5) == [first, second]
        (found,) = record.find({"label": "kept"}, ["result_buffers"]).result(5)
        assert found["result_buffers"] == [b"result", b"f" * 100]
        (entry,) = record.entries([first], frames=True).result(5)
        assert entry.code == b"code"


def test_what_was_unfinished_then_has_ended(path: Path) -> None:
    with recording(path) as record:
        finished, open_then = run_task(record, 0), open_task(record, 1, frames=[b"f"])
    with recording(path) as record:
        assert record.history().result(5) == [finished, open_then]
        (entry,) = record.entries([open_then], frames=True).result(5)
        assert entry.frames == [b"f"]
        assert entry.outcome is not None
        assert entry.outcome.status == Status.LOST
        assert entry.code == b"code"
        (found,) = record.find({"completed": None}).result(5)
        assert found["msg_id"] == open_then
        assert "controller ended before this task" in found["error"]
        record.purge([open_then]).result(5)
        more = [open_task(record, seq) for seq in range(2, 300)]
    with recording(path) as record:
        assert record.history().result(5) == [finished, *more]
        record.purge(None).result(5)
        assert record.history().result(5) == []


def test_of_many_that_were_written_unfinished_only_the_unfinished_are_lost(
    path: Path,
) -> None:
    with recording(path) as record:
        ids = [open_task(record, seq) for seq in range(600)]
        wait_until(lambda: all(e.row > 0 for e in list(record._entries.values())))
        for seq in range(0, 600, 2):
            finish_task(record, seq)
        wait_until(lambda: len(record._entries) == 300)
        for seq in range(1, 100, 2):
            finish_task(record, seq)
    with recording(path) as record:
        found = record.find({}, ["status"]).result(5)
        assert [each["msg_id"] for each in found] == ids
        ended = [seq < 100 or seq % 2 == 0 for seq in range(600)]
        assert [each["status"] == "ok" for each in found] == ended
    assert told_by(path, "SELECT count(*) FROM begun") == 0


def status_of(record: SqliteRecord, msg_id: str) -> str:
    """Return how a task stands."""
    (entry,) = record.entries([msg_id]).result(5)
    return entry.status


def test_what_the_last_controller_left_is_waited_for_and_then_lost(path: Path) -> None:
    with recording(path) as record:
        ids = [open_task(record, seq, frames=[b"f"]) for seq in range(3)]
    with recording(path, inherits=True) as record:
        assert [status_of(record, msg_id) for msg_id in ids] == ["pending"] * 3
        watched = record.watch(ids[0])
        record.lose_inherited(START)
        assert watched.result(5).status == "error"
        (entry,) = record.entries(ids[:1], frames=True).result(5)
        assert (entry.frames, entry.code) == ([b"f"], b"code")
        assert [status_of(record, msg_id) for msg_id in ids] == ["error"] * 3
    with recording(path) as record:
        assert record.history().result(5) == ids


def test_what_a_client_asks_for_again_goes_on(path: Path) -> None:
    with recording(path) as record:
        ids = [open_task(record, seq) for seq in range(4)]
        (before,) = record.entries(ids[:1]).result(5)
    with recording(path, inherits=True) as record:
        record.history().result(5)
        for seq in range(3):
            open_task(record, seq)
        finish_task(record, 0)
        record.history().result(5)
        record.lose_inherited(START)
        finish_task(record, 1)
        found = [status_of(record, msg_id) for msg_id in ids]
        assert found == ["ok", "ok", "pending", "error"]
        (entry,) = record.entries(ids[:1]).result(5)
        assert entry.submitted == before.submitted
    with recording(path) as record:
        found = [status_of(record, msg_id) for msg_id in ids]
        assert found == ["ok", "ok", "error", "error"]
        assert record.history().result(5) == ids


def test_an_inherited_task_that_ends_elsewhere_is_recorded(path: Path) -> None:
    with recording(path) as record:
        msg_id = open_task(record, 0)
    with recording(path, inherits=True) as record:
        assert status_of(record, msg_id) == "pending"
        finish_task(record, 0)
        record.lose_inherited(START)
        assert status_of(record, msg_id) == "ok"


def test_what_is_asked_for_again_is_not_left_be_it_that_nothing_is_written_yet(
    path: Path,
) -> None:
    with recording(path) as record:
        for seq in range(2):
            open_task(record, seq)
    reads, may_go_on = threading.Event(), threading.Event()

    def keep_busy(_: object) -> None:
        reads.set()
        may_go_on.wait(10)

    with recording(path, inherits=True) as record:
        record.find({}, make=keep_busy)
        assert reads.wait(10)
        assert len(record.inherited()) == 2
        open_task(record, 1)
        assert [entry.key.seq for entry in record.inherited()] == [0]
        may_go_on.set()


def test_an_inherited_task_that_ends_before_the_file_is_read_is_recorded(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Engines and clients are back sooner than a large file is open."""
    monkeypatch.setattr(buffers, "LINE_NBYTES", len(b"result"))
    with recording(path) as record:
        msg_id = open_task(record, 0, frames=[b"f"])
    record = SqliteRecord(path, inherits=True)
    finish_task(record, 0, frames=[b"result"])
    finish_task(record, 1)  # of which nothing is known
    record.start(print)
    (entry,) = record.entries([msg_id], frames=True).result(5)
    assert entry.status == "ok"
    assert entry.result_frames == [b"result"]
    assert not record.inherited()
    ids = [
        run_task(record, seq, frames=[b"x" * nbytes])
        for seq, nbytes in ((2, 7), (3, 6))
    ]
    after = record.entries(ids, frames=True).result(5)
    record.close()
    assert [each.result_frames is None for each in after] == [True, False], (
        "there is room for as many bytes as before"
    )


@pytest.mark.parametrize("is_written", [False, True])
def test_what_is_to_be_started_again_is_known_with_its_past(
    path: Path, is_written: bool
) -> None:
    """Another controller may start it, whose client is gone."""
    past = Past(2, 1, [3], ["engine 4: killed"])
    with recording(path) as record:
        for seq in range(3):
            open_task(record, seq)
        if is_written:  # once it is not new any more
            for _ in range(2):
                record.written().result(10)
        for each in (Past(1, 1, [3], []), past):
            record.started(TaskKey(CLIENT, 1), each)
        record.started(TaskKey(CLIENT, 2), past)
        finish_task(record, 2)
    for _ in range(2):
        with recording(path, inherits=True) as record:
            record.history().result(10)
            left = {entry.key.seq: entry.past for entry in record.inherited()}
            assert left == {0: FIRST, 1: past}
    with recording(path, inherits=True) as record:
        record.history().result(10)
        for seq in range(2):
            open_task(record, seq)
            record.written().result(10)
            finish_task(record, seq)
            open_task(record, seq + 10)
    with recording(path, inherits=True) as record:
        record.history().result(10)
        left = {entry.key.seq: entry.past for entry in record.inherited()}
        assert left == {10: FIRST, 11: FIRST}


def test_what_is_started_again_at_once_is_written_once(path: Path) -> None:
    with recording(path, Limits(records=10)) as record:  # each has a block of its own
        open_task(record, 0)
        record.started(TaskKey(CLIENT, 0), Past(1, 1, [0], []))
        wait_until(lambda: record._entries[TaskKey(CLIENT, 0)].row > 0)
        finish_task(record, 0)
    with recording(path, inherits=True) as record:
        assert len(record.history().result(10)) == 1
        assert not record.inherited()


def test_a_file_that_knows_no_pasts_is_gone_on_with(path: Path) -> None:
    with recording(path) as record:
        open_task(record, 0)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(begun)")]
        columns.remove("pasts")
        connection.executescript(
            f"CREATE TABLE old AS SELECT {', '.join(columns)} FROM begun;"
            "DROP TABLE begun; ALTER TABLE old RENAME TO begun;"
        )
    past = Past(1, 1, [0], [])
    with recording(path, inherits=True) as record:
        record.history().result(10)
        record.started(TaskKey(CLIENT, 0), past)
    with recording(path, inherits=True) as record:
        record.history().result(10)
        assert [entry.past for entry in record.inherited()] == [past]


def test_tasks_that_are_asked_for_in_a_crowd_are_not_lost(path: Path) -> None:
    with recording(path) as record:
        ids = [open_task(record, seq) for seq in range(300)]
    with recording(path, Limits(records=20), inherits=True) as record:
        for seq in range(300):
            open_task(record, seq)
        record.history().result(5)
        record.lose_inherited(START)
        assert {status_of(record, msg_id) for msg_id in ids} == {"pending"}
        for seq in range(300):
            finish_task(record, seq)
        assert status_of(record, ids[-1]) == "ok"
        assert not record.inherited()


def test_what_is_printed_late_stays_with_its_task(path: Path) -> None:
    with recording(path) as record:
        written = run_task(record, 0, stdout="1")
        wait_until(lambda: not record._entries)
        for text in ("2", "3"):
            record.printed(TaskKey(CLIENT, 0), text, "")
        in_line = run_task(record, 1, stdout="1")
        record.printed(TaskKey(CLIENT, 1), "2", "")
        found = record.find({"msg_id": {"$in": [written, in_line]}}, ["stdout"]).result(
            5
        )
        assert [each["stdout"] for each in found] == ["123", "12"]


def test_a_short_task_is_written_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[int, int]] = []

    def note(self: Database, finished: Any, unfinished: Any, *others: Any) -> None:
        if finished or unfinished:
            written.append((len(finished), len(unfinished)))
        write(self, finished, unfinished, *others)

    write = Database.write
    monkeypatch.setattr(Database, "write", note)
    with recording(path) as record:
        for seq in range(1000):
            run_task(record, seq)
        wait_until(lambda: not record._entries)
        assert sum(count for count, _ in written) == 1000
        # Those that happened to be under way when others were written, at most.
        assert sum(count for _, count in written) <= len(written)


def test_a_long_task_is_written_while_it_runs(path: Path) -> None:
    with recording(path) as record:
        open_task(record, 0)
        key = TaskKey(CLIENT, 0)
        wait_until(lambda: record._entries[key].row > 0)
        finish_task(record, 0)
        wait_until(lambda: not record._entries)
        assert len(record.history().result(5)) == 1


def test_what_would_be_dropped_is_not_written(path: Path) -> None:
    with recording(path, Limits(records=10)) as record:
        ids = [run_task(record, seq) for seq in range(1000)]
        assert record.history().result(5) == ids[-10:]
    assert told_by(path, "SELECT max(id) FROM blocks") <= 100


def test_the_writer_sleeps_when_there_is_nothing_to_do(path: Path) -> None:
    with recording(path) as record:
        wait_until(lambda: record._line.is_idle)
        run_task(record, 0)
        assert not record._line.is_idle
        wait_until(lambda: record._line.is_idle and not record._entries)
        run_task(record, 1)
        assert len(record.history().result(5)) == 2


def test_buffers_in_line_are_bounded(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffers, "HURRY_NBYTES", 1000)
    monkeypatch.setattr(buffers, "MOST_NBYTES", 5000)
    monkeypatch.setattr(buffers, "RATE_NBYTES", 0)
    record = SqliteRecord(path)  # not started: a disk that does not answer
    ids = [run_task(record, seq, frames=[b"x" * 1000]) for seq in range(8)]
    record.start(pytest.fail)
    assert record.history().result(5) == ids
    entries = record.entries(ids, frames=True).result(5)
    assert [entry.result_frames is None for entry in entries] == 5 * [False] + 3 * [
        True
    ]
    with pytest.raises(ValueError, match="could not be recorded"):
        record.find({"msg_id": ids[-1]}, "result_buffers").result(5)
    record.close()


def test_unfinished_tasks_too_bring_no_more_buffers_than_that(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffers, "MOST_NBYTES", 20_000)
    monkeypatch.setattr(buffers, "RATE_NBYTES", 0)
    with recording(path) as record:
        for seq in range(8):
            open_task(record, seq, frames=[b"x" * 1000])
        found = record.find({}, "buffers").result(5)
        assert all(len(each["buffers"]) == 2 for each in found)  # they are in hand
    with recording(path) as record:
        ids = record.history().result(5)
        entries = record.entries(ids, frames=True).result(5)
        assert [e.frames is None for e in entries] == 5 * [False] + 3 * [True]


def test_functions_are_kept_as_long_as_their_tasks(path: Path) -> None:
    with recording(path, Limits(records=10)) as record:
        record.history().result(5)
        for seq in range(40):
            digest = bytes([seq]) * 16
            open_task(record, seq, digest=digest)
            finish_task(record, seq)
            last = record.history().result(5)
        entries = record.entries(last, frames=True).result(5)
        assert all(entry.code == b"code" for entry in entries)
    assert told_by(path, "SELECT count(*) FROM functions") <= 12


# Troubles


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0"])
def test_an_unreadable_file_is_moved_aside(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    told: list[str] = []
    with recording(path, told=told) as record:
        msg_id = run_task(record, 0)
        assert record.history().result(5) == [msg_id]
    assert len(told) == 1
    assert f"{path} cannot be read" in told[0]
    assert path.with_name("tasks.db.unreadable").read_bytes() == content
    with recording(path) as record:
        assert record.history().result(5) == [msg_id]


def test_what_was_moved_aside_stays_there(path: Path) -> None:
    for content in (b"first", b"second", b"third"):
        path.write_bytes(content)
        with recording(path, told=[]) as record:
            record.history().result(5)
    kept = [path.with_name(f"tasks.db.unreadable{n}") for n in ("", ".2", ".3")]
    assert [each.read_bytes() for each in kept] == [b"first", b"second", b"third"]


ALIKE = """
CREATE TABLE tasks (id INTEGER PRIMARY KEY, nbytes);
CREATE TABLE functions (last);
PRAGMA user_version = 1;
"""
CLASSIC = 'CREATE TABLE "ipython-tasks" (msg_id text PRIMARY KEY)'


@pytest.mark.parametrize("sql", ["CREATE TABLE mine (a)", CLASSIC, ALIKE])
def test_another_programs_database_is_left_alone(path: Path, sql: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)
    path.chmod(0o644)
    before = path.read_bytes()
    told: list[str] = []
    with recording(path, told=told) as record:
        msg_id = run_task(record, 0)
        assert record.history().result(5) == [msg_id]
    assert len(told) == 1
    assert "of another program, and left as it is: choose another file" in told[0]
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_a_record_of_another_release_is_moved_aside(path: Path) -> None:
    with recording(path) as record:
        run_task(record, 0)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    told: list[str] = []
    with recording(path, told=told) as record:
        assert record.history().result(5) == []
    assert "its form is 99, this release writes 2" in told[0]
    with contextlib.closing(sqlite3.connect(f"{path}.unreadable")) as connection:
        assert connection.execute("SELECT sum(size) FROM blocks").fetchone() == (1,)


def test_a_damaged_block_hides_no_others(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with recording(path, Limits(records=10)) as record:
        first, second = run_task(record, 0), run_task(record, 1)
        open_task(record, 2)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE blocks SET body = x'00ff' WHERE first = 0")
        connection.execute("UPDATE begun SET body = x'00ff'")
        connection.commit()
    with recording(path) as record:
        (found,) = record.find({}).result(5)
        assert found["msg_id"] == second
        assert "block 1 of the record of tasks is damaged" in caplog.text
        with pytest.raises(KeyError):
            record.entries([first]).result(5)
        third = run_task(record, 3)
        assert [r["msg_id"] for r in record.find({}).result(5)] == [second, third]
        record.purge(None).result(5)
        assert record.find({}).result(5) == []


def test_a_file_grows_little_beyond_what_it_may_hold(path: Path) -> None:
    with recording(path, Limits(nbytes=1 << 20)) as record:
        for seq in range(100):
            run_task(record, seq, frames=[b"x" * 200_000])
        assert len(record.history().result(5)) > 0
    assert path.stat().st_size < 4 << 20


def test_tasks_of_very_many_clients_are_found_at_once(path: Path) -> None:
    with recording(path) as record:
        clients = [number.to_bytes(16, "big") for number in range(1500)]
        ids = [run_task(record, 0, client=client) for client in clients]
        record.history().result(30)
        found = record.entries([*ids, *ids[:3]]).result(30)
        assert [entry.msg_id for entry in found] == [*ids, *ids[:3]]
        record.purge(ids).result(30)
        assert record.history().result(5) == []


def test_what_ends_while_it_is_purged_does_not_come_back(path: Path) -> None:
    with recording(path) as record:
        msg_id = open_task(record, 0)
        known = record._known

        def end_meanwhile(*arguments: Any) -> Any:
            finish_task(record, 0)
            return known(*arguments)

        record._known = end_meanwhile  # type: ignore[method-assign]
        record.purge([msg_id]).result(5)
        assert record.history().result(5) == []


def test_a_file_of_another_controller_is_left_to_it(path: Path) -> None:
    told: list[str] = []
    with recording(path) as first:
        first.history().result(5)
        with recording(path, told=told) as second:
            theirs = run_task(second, 0)
            assert second.history().result(10) == [theirs]
        assert first.history().result(5) == []
    assert len(told) == 1
    assert "database is locked" in told[0]
    assert "Work goes on" in told[0]


def test_no_such_folder(tmp_path: Path) -> None:
    told: list[str] = []
    with recording(tmp_path / "no" / "tasks.db", told=told) as record:
        msg_id = run_task(record, 0)
        assert record.history().result(5) == [msg_id]
    assert "No such file" in told[0]


def test_a_full_disk_is_told_once_and_memory_serves(path: Path) -> None:
    told: list[str] = []
    with recording(path, told=told) as record:
        before = run_task(record, 0)
        assert record.history().result(5) == [before]
        (pages,) = record._medium.database._one("PRAGMA page_count")
        record._medium.database._connection.execute(f"PRAGMA max_page_count = {pages}")
        running = open_task(record, 1)
        after = [run_task(record, seq, payload=b"x" * 9000) for seq in range(2, 20)]
        assert record.history().result(5) == [running, *after]
        assert record.watch(after[0]).result(5).msg_id == after[0]
        finish_task(record, 1)
        (found,) = record.find({"msg_id": running}, "status").result(5)
        assert found["status"] == "ok"
        assert not record._entries
    assert len(told) == 2
    assert f"cannot be recorded in {path}" in told[0]
    assert "disk is full" in told[0]
    assert f"recorded in {path} again" in told[1]  # at the end it is tried once more
    with recording(path) as record:
        assert record.history().result(5) == [before, running, *after]


def test_questions_after_the_end_are_not_left_open(path: Path) -> None:
    with recording(path) as record:
        run_task(record, 0)
    assert record.history().cancelled()


def test_what_is_dropped_unwritten_leaves_nothing_of_its_beginning(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "INTERVAL", 60.0)
    with recording(path, Limits(records=5)) as record:
        for seq in range(3):
            open_task(record, seq)
        assert len(record.history().result(5)) == 3  # written, as unfinished ones
        for seq in range(3):
            finish_task(record, seq)
        newest = [run_task(record, seq) for seq in range(3, 23)]
        assert record.history().result(5) == newest[-5:]

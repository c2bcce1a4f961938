"""Both stores answer the same, and what a plain model answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parallel.client.datetimes import as_datetime
from parallel.controller.limits import Limits
from parallel.controller.store import blocks
from parallel.controller.store.fields import FIELDS
from parallel.controller.store.memory import MemoryRecord, NoRecord
from parallel.controller.store.record import Record
from parallel.controller.store.sqlite import SqliteRecord
from parallel.protocol.messages import Method, Outcome, Status
from parallel.state.naming import TaskKey
from tests.controller.store.feeding import (
    CLIENT,
    ENGINE,
    OTHER,
    START,
    failure,
    finish_task,
    open_task,
    run_task,
    submit,
)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have few tasks fill a block, so that questions find them in many."""
    monkeypatch.setattr(blocks, "MOST", 3)


@pytest.fixture(params=[MemoryRecord, lambda: SqliteRecord(None)])
def record(request: pytest.FixtureRequest) -> Iterator[Record]:
    """Give a record of each kind."""
    made: Record = request.param()
    made.start(lambda text: pytest.fail(text))
    yield made
    made.close()


# One task


@given(part=st.floats(0, 1e-5), name=st.sampled_from(["$lt", "$gte", "$gt", "$lte"]))
@settings(max_examples=40, deadline=None)
def test_a_task_is_found_by_the_datetime_that_was_told_of_it(
    part: float, name: str
) -> None:
    with closing(SqliteRecord(None)) as record:
        record.start(pytest.fail)
        message = submit(0, frames=0)
        record.open(TaskKey(CLIENT, 0), message, [], b"code", START + part)
        record.finish(
            TaskKey(CLIENT, 0),
            Outcome(0, Status.OK, b"", 0, 3, START, START),
            [],
            ENGINE,
            START + part,
        )
        (found,) = record.find({}).result(5)
        for key in ("submitted", "received"):
            told = as_datetime(found[key])
            assert told is not None
            same = record.find({key: {name: told.timestamp()}}).result(5)
            assert bool(same) is (name in ("$gte", "$lte"))


def test_all_that_is_known_of_a_task(record: Record) -> None:
    msg_id = run_task(record, 0, label="first", stdout="hello\n")
    (found,) = record.find({}).result(5)
    assert set(found) == set(FIELDS) - {"buffers", "result_buffers"}
    assert found["msg_id"] == msg_id
    assert found["header"]["msg_type"] == "apply_request"
    assert found["client_uuid"] == CLIENT.hex()
    assert found["engine_uuid"] == ENGINE.hex()
    assert found["submitted"] == START
    assert found["started"] < found["completed"] < found["received"]
    assert found["queue"] == "task"
    assert found["label"] == "first"
    assert found["stdout"] == "hello\n"
    assert found["stderr"] == ""
    assert found["status"] == "ok"
    assert found["result_content"] == {"status": "ok"}
    assert found["result_header"]["msg_type"] == "apply_reply"
    assert found["result_header"]["date"] == found["completed"]
    assert found["error"] is found["resubmitted"] is found["execute_input"] is None


def test_an_unfinished_task(record: Record) -> None:
    open_task(record, 0, targets=[3])
    record.printed(TaskKey(CLIENT, 0), "so far", "", running=True)
    (found,) = record.find({}).result(5)
    assert found["completed"] is found["result_header"] is found["engine_uuid"] is None
    assert found["status"] == "pending"
    assert found["queue"] == "mux"
    assert found["metadata"]["targets"] == [3]
    assert found["stdout"] == "so far"
    finish_task(record, 0, stdout="so far, and the rest")
    (found,) = record.find({}).result(5)
    assert found["stdout"] == "so far, and the rest"


def test_output_after_the_end(record: Record) -> None:
    run_task(record, 0, stdout="one")
    record.printed(TaskKey(CLIENT, 0), " two", "err")
    record.printed(TaskKey(CLIENT, 0), "told twice", "", running=True)
    assert record.find({}, ["stdout", "stderr"]).result(5) == [
        {"msg_id": f"{CLIENT.hex()}_0", "stdout": "one two", "stderr": "err"}
    ]


def test_buffers_only_when_asked_for(record: Record) -> None:
    open_task(record, 0, frames=[b"f" * 20_000])
    finish_task(record, 0, frames=[b"g" * 20_000], payload=b"")
    (found,) = record.find({}, "buffers").result(5)
    assert found == {
        "msg_id": f"{CLIENT.hex()}_0", "buffers": [b"args", b"f" * 20_000]
    }  # fmt: skip
    (found,) = record.find({}, ["result_buffers"]).result(5)
    assert found["result_buffers"] == [b"", b"g" * 20_000]


def test_what_an_execute_was_and_why_a_task_failed(record: Record) -> None:
    import pickle

    open_task(record, 0, method=Method.EXECUTE, payload=pickle.dumps("a = 1"))
    finish_task(record, 0, status=Status.ERROR, payload=failure("Traceback: no"))
    open_task(record, 1)
    finish_task(record, 1, status=Status.LOST, payload=pickle.dumps("engine 3 died"))
    first, second = record.find({}).result(5)
    assert first["execute_input"] == first["content"]["code"] == "a = 1"
    assert first["header"]["msg_type"] == "execute_request"
    assert first["error"] == "Traceback: no"
    assert first["status"] == first["result_content"]["status"] == "error"
    assert second["error"] == "engine 3 died"


def test_no_foreign_code_is_run(record: Record) -> None:
    import os
    import pickle

    class Trap:
        def __reduce__(self) -> Any:
            return os.abort, ()

    open_task(record, 0, method=Method.EXECUTE, payload=pickle.dumps(Trap()))
    finish_task(record, 0, status=Status.ERROR, payload=pickle.dumps(Trap()))
    (found,) = record.find({}).result(5)
    assert found["execute_input"] is None
    assert found["error"] == "error"


# Several


def test_history_is_by_submission(record: Record) -> None:
    ids = [open_task(record, seq) for seq in range(3)]
    ids.append(run_task(record, 3, client=OTHER))
    finish_task(record, 1)
    assert record.history().result(5) == ids


def test_entries_in_the_order_asked_for(record: Record) -> None:
    first, second = run_task(record, 0), run_task(record, 1)
    found = record.entries([second, first], frames=True).result(5)
    assert [entry.msg_id for entry in found] == [second, first]
    assert [entry.code for entry in found] == [b"code", b"code"]
    with pytest.raises(KeyError, match="no record of nothing: it is no task"):
        record.entries([first, "nothing"]).result(5)


def test_no_more_arguments_are_read_than_may_be_taken_in(record: Record) -> None:
    names = []
    for seq in range(3):
        names.append(open_task(record, seq, frames=[b"f" * 20_000]))
        finish_task(record, seq, frames=[b"g" * 20_000])
    found = record.arguments([names[2], names[0]], 50_000).result(5)
    assert [entry.msg_id for entry in found] == [names[2], names[0]]
    assert all(entry.frames and not entry.result_frames for entry in found)
    with pytest.raises(ValueError, match="these 3 tasks are more than the 0 MiB"):
        record.arguments(names, 50_000).result(5)
    (entry,) = record.entries(names[:1], frames=True).result(5)
    assert entry.result_frames, "that is still known"


def test_watching(record: Record) -> None:
    late, early = open_task(record, 0), run_task(record, 1)
    waiting = record.watch(late)
    assert not waiting.done()
    assert (
        record.watch(early).result(5).outcome == record.watch(early).result(5).outcome
    )
    finish_task(record, 0, payload=b"there")
    outcome = waiting.result(5).outcome
    assert outcome is not None
    assert outcome.payload == b"there"
    with pytest.raises(KeyError):
        record.watch(f"{OTHER.hex()}_77").result(5)


def test_who_has_left_watches_no_more(record: Record) -> None:
    late = open_task(record, 0)
    leaving, staying = record.watch(late), record.watch(late)
    assert leaving.cancel()
    assert list(record._watched.values()) == [[staying]]
    assert record.watch(late).cancel()
    assert staying.cancel()
    assert not record._watched
    finish_task(record, 0)


def test_purging(record: Record) -> None:
    first, second, third = (run_task(record, seq) for seq in range(3))
    fourth = run_task(record, 3, engine=(b"another engine  ", 4))
    pending = open_task(record, 4)
    with pytest.raises(IndexError, match=f"have not finished: {pending}"):
        record.purge([first, pending]).result(5)
    with pytest.raises(KeyError, match="unknown_1"):
        record.purge([first, "unknown_1"]).result(5)
    record.purge([first]).result(5)
    assert record.history().result(5) == [second, third, fourth, pending]
    record.purge([], [b"another engine  "]).result(5)
    assert record.history().result(5) == [second, third, pending]
    record.purge(None).result(5)
    assert record.history().result(5) == [pending]
    finish_task(record, 4)
    assert record.find({"msg_id": pending}, "status").result(5)[0]["status"] == "ok"


def test_resubmission_is_noted(record: Record) -> None:
    first, second = run_task(record, 0), open_task(record, 1)
    keys = [TaskKey(CLIENT, seq) for seq in range(4)]
    record.resubmitted({keys[0]: keys[2], keys[1]: keys[3]}).result(5)
    record.resubmitted({keys[0]: keys[3]}).result(5)
    found = {r["msg_id"]: r["resubmitted"] for r in record.find({}).result(5)}
    assert found == {first: f"{CLIENT.hex()}_3", second: f"{CLIENT.hex()}_3"}


def test_the_same_again() -> None:
    record = MemoryRecord()
    open_task(record, 4, targets=[3, 5])
    record.open(
        TaskKey(CLIENT, 5), record._entries[TaskKey(CLIENT, 4)].submit, (), b"", 0
    )
    first, second = (record._entries[TaskKey(CLIENT, seq)] for seq in (4, 5))
    assert (first.target, second.target) == (3, 5)
    assert second.again(9).targets == [5]
    assert second.again(9).seq == 9


def test_no_record_says_so() -> None:
    record = NoRecord()
    run_task(record, 0)
    record.printed(TaskKey(CLIENT, 0), "", "")
    with pytest.raises(ValueError, match="--nodb"):
        record.history()
    with pytest.raises(ValueError, match="--nodb"):
        record.watch(f"{CLIENT.hex()}_0")


# Bounds


def test_the_oldest_go() -> None:
    for kind in (MemoryRecord, partial(SqliteRecord, None)):
        record = kind(Limits(records=200))
        record.start(pytest.fail)
        ids = []
        for seq in range(201):
            ids.append(run_task(record, seq))
            record.history().result(5)
        kept = record.history().result(5)
        assert 180 <= len(kept) < 200
        assert kept == ids[-len(kept) :]
        record.close()


def test_bytes_are_bounded() -> None:
    limits = Limits(nbytes=100_000)
    for record in (MemoryRecord(limits), SqliteRecord(None, limits)):
        record.start(pytest.fail)
        ids = []
        for seq in range(12):
            ids.append(run_task(record, seq, frames=[b"x" * 10_000]))
            record.history().result(5)
        kept = record.history().result(5)
        assert 7 <= len(kept) <= 10
        assert kept == ids[-len(kept) :]
        record.close()


def test_what_is_too_large_is_recorded_without_its_buffers() -> None:
    limits = Limits(task_nbytes=1000)
    for record in (MemoryRecord(limits), SqliteRecord(None, limits)):
        record.start(pytest.fail)
        open_task(record, 0, frames=[b"x" * 1001])
        finish_task(record, 0, frames=[b"y" * 1000])
        (found,) = record.find({}, "result_buffers").result(5)
        assert found["result_buffers"] == [b"result", b"y" * 1000]
        with pytest.raises(ValueError, match=r"arguments of task .* not be recorded"):
            record.find({}, "buffers").result(5)
        record.close()


# The same answers


def test_a_task_twice_and_an_end_without_a_beginning(record: Record) -> None:
    finish_task(record, 7)
    run_task(record, 0)
    run_task(record, 0)
    assert len(record.history().result(5)) == 1


TEXTS = st.one_of(
    st.sampled_from(["", "a", "ab", "b", "é", "a\0b", f"{CLIENT.hex()}_1"]),
    st.text(max_size=3),
)
NUMBERS = st.one_of(
    st.integers(-3, 12).map(lambda n: START + n / 4),
    st.integers(),
    st.floats(),
    st.booleans(),
)
VALUES = st.one_of(st.none(), TEXTS, NUMBERS)
KEYS = st.sampled_from(
    [
        "msg_id",
        "client_uuid",
        "engine_uuid",
        "label",
        "submitted",
        "started",
        "completed",
        "received",
        "stdout",
        "queue",
        "engine_id",
        "status",
    ]
)
PATTERNS = st.one_of(st.text("ab*?[]!-_0\0", max_size=5), st.just(f"{CLIENT.hex()}*"))
DIVISIONS = st.tuples(
    st.one_of(st.integers(1, 5), st.integers(-5, -1)), st.integers(-2, 5)
)
TESTS = st.one_of(
    VALUES,
    st.fixed_dictionaries({}, optional={"$lt": VALUES, "$gte": VALUES, "$ne": VALUES}),
    st.fixed_dictionaries({}, optional={"$gt": VALUES, "$lte": VALUES, "$eq": VALUES}),
    st.builds(lambda v: {"$in": v}, st.lists(VALUES, max_size=4)),
    st.builds(lambda v: {"$nin": v}, st.lists(VALUES, max_size=4)),
    st.builds(lambda v: {"$all": v}, st.lists(VALUES, max_size=2)),
    st.builds(lambda v: {"$glob": v}, PATTERNS),
    st.builds(lambda v: {"$mod": list(v)}, DIVISIONS),
    st.builds(lambda v: {"$exists": v}, st.booleans()),
)
TASKS = st.lists(
    st.tuples(
        st.sampled_from([CLIENT, OTHER]),
        st.sampled_from(["", "a", "ab", "b\0", "é"]),
        st.sampled_from([None, Status.OK, Status.ERROR, Status.LOST]),
        st.booleans(),
    ),
    max_size=6,
)


def model(query: dict[str, Any], row: dict[str, Any]) -> bool:
    """Tell whether a row meets a query, in the plainest way."""
    return all(
        model_test(row[key], name, operand)
        for key, wanted in query.items()
        for name, operand in (
            wanted.items() if isinstance(wanted, dict) and wanted else [("$eq", wanted)]
        )
    )


def model_test(x: Any, name: str, v: Any) -> bool:
    """Tell whether a value meets one operator."""
    if name in ("$eq", "$ne"):
        return (x == v) == (name == "$eq")
    if name in ("$in", "$nin"):
        return (x in v) == (name == "$in")
    if name == "$exists":
        return (x is not None) == v
    if x is None:
        return False
    if name == "$glob":
        return fnmatchcase(str(x), v)
    if name == "$all":
        return all(x == each for each in v)
    if name == "$mod":
        return not isinstance(x, str) and x % v[0] == v[1]
    if v is None or isinstance(x, str) != isinstance(v, str):
        return False
    return {"$lt": x < v, "$lte": x <= v, "$gt": x > v, "$gte": x >= v}[name]


@settings(max_examples=300)
@given(
    TASKS, st.lists(st.dictionaries(KEYS, TESTS, max_size=2), min_size=1, max_size=8)
)
def test_stores_answer_as_the_model_does(
    tasks: list[tuple[bytes, str, Status | None, bool]], queries: list[dict[str, Any]]
) -> None:
    records = [MemoryRecord(), SqliteRecord(None)]
    for record in records:
        record.start(pytest.fail)
        for seq, (client, label, status, direct) in enumerate(tasks):
            targets = [3] if direct else None
            open_task(record, seq, client=client, label=label, targets=targets)
            if status is not None:
                began = 0 if status == Status.LOST else START + seq / 4
                engine_id = -1 if status == Status.LOST else seq
                outcome = Outcome(seq, status, b"", 0, engine_id, began, began, label)
                engine = b"" if engine_id < 0 else ENGINE
                record.finish(TaskKey(client, seq), outcome, [], engine, START + seq)
    try:
        for query in queries:
            answers = [record.find(query).result(5) for record in records]
            rows = records[0].find({}).result(5)
            assert answers[0] == answers[1]
            assert answers[0] == [row for row in rows if model(query, row)]
    finally:
        for record in records:
            record.close()


OPERANDS: list[Any] = [None, "", "a", "ab", START, START + 1, START + 1.25, 1, True]


@pytest.mark.parametrize("key", ["msg_id", "label", "submitted", "started", "received"])
def test_each_operator_answers_as_the_model_does(record: Record, key: str) -> None:
    for seq, label in enumerate(["", "a", "ab"]):
        run_task(record, seq, label=label)
    open_task(record, 3, label="a")
    rows = record.find({}).result(5)
    queries: list[dict[str, Any]] = [
        {key: {name: operand}}
        for name in ("$eq", "$ne", "$lt", "$lte", "$gt", "$gte")
        for operand in [*OPERANDS, *(row[key] for row in rows)]
    ]
    queries += [
        {key: {name: operand}}
        for name in ("$in", "$nin")
        for operand in ([], [None], ["a"], ["a", None], [START, rows[1][key]])
    ]
    for query in queries:
        expected = [row for row in rows if model(query, row)]
        assert record.find(query).result(5) == expected, query

"""Tasks for records to be told of."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

from parallel.controller.store.record import Record
from parallel.protocol.messages import Method, Outcome, Status, Submit
from parallel.protocol.terms import Terms
from parallel.state.naming import TaskKey

CLIENT = bytes(range(16))
OTHER = bytes(range(16, 32))
ENGINE = bytes(range(32, 48))
DIGEST = b"d" * 16
#: When the first task was submitted, seconds since the epoch.
START = 1_700_000_000.0


def submit(seq: int, label: str = "", **fields: Any) -> Submit:
    """Return a message that asks for a task."""
    terms = Terms(label=label) if label else None
    values = {"method": Method.APPLY, "digest": DIGEST, "payload": b"args", **fields}
    return Submit(seq, terms=terms, **values)


def open_task(
    record: Record,
    seq: int,
    *,
    client: bytes = CLIENT,
    frames: Sequence[Any] = (),
    label: str = "",
    **fields: Any,
) -> str:
    """Tell a record of one task's submission; return its id."""
    key = TaskKey(client, seq)
    message = submit(seq, label, frames=len(frames), **fields)
    record.open(key, message, list(frames), b"code", START + seq)
    return f"{client.hex()}_{seq}"


def finish_task(
    record: Record,
    seq: int,
    *,
    client: bytes = CLIENT,
    status: Status = Status.OK,
    payload: bytes = b"result",
    frames: Sequence[Any] = (),
    engine: tuple[bytes, int] = (ENGINE, 3),
    stdout: str = "",
) -> str:
    """Tell a record of one task's end; return its id."""
    began = START + seq + 0.25
    outcome = Outcome(
        seq, status, payload, len(frames), engine[1], began, began + 0.25, stdout
    )
    key = TaskKey(client, seq)
    record.finish(key, outcome, list(frames), engine[0], began + 0.5)
    return f"{client.hex()}_{seq}"


def run_task(record: Record, seq: int, **ended: Any) -> str:
    """Tell a record of one task from its submission to its end; return its id."""
    opened = {k: ended.pop(k) for k in ("label", "targets") if k in ended}
    client = ended.get("client", CLIENT)
    open_task(record, seq, client=client, **opened)
    return finish_task(record, seq, **ended)


def failure(text: str) -> bytes:
    """Return the payload of a task that failed, as engines pack it."""
    return pickle.dumps((("ValueError", "no", text, {}), b""))

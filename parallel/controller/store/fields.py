"""The keys of a record: what queries ask for, each made from an entry when asked."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from ...protocol.messages import Method, Status
from ...protocol.wire import unstow
from .entry import Entry

__all__ = [
    "BUFFERS",
    "FIELDS",
    "Omitted",
    "as_bytes",
    "checked_keys",
    "record_of",
    "too_large",
]


class Omitted(ValueError):
    """Raised when buffers are asked for that were too large to be kept."""


class _Plain(pickle.Unpickler):
    """Unpickles values of built-in types, and runs nobody's code."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"{module}.{name} is not plain")


def _plain(payload: bytes, frames: Sequence[Any] | None) -> Any:
    """Return what was packed, where that is of built-in types only; else None."""
    packed, _ = unstow(payload, as_bytes(frames or ()))
    try:
        return _Plain(io.BytesIO(packed)).load()
    except Exception:  # whatever bytes may raise that are no plain pickle
        return None


def as_bytes(frames: Iterable[Any]) -> list[bytes]:
    """Return frames as bytes: the messages of zmq are let go of then."""
    return [f if type(f) is bytes else bytes(getattr(f, "buffer", f)) for f in frames]


def _header(entry: Entry) -> dict[str, Any]:
    return {
        "msg_id": entry.msg_id,
        "msg_type": f"{_type_of(entry)}_request",
        "session": entry.key[0].hex(),
        "date": _moment(entry.submitted),
    }


def _moment(seconds: float) -> float | None:
    """Return a time in whole microseconds; None for none.

    Clients have datetimes of it, which have no more: what they are told is found by it.
    """
    return round(seconds, 6) or None


def _type_of(entry: Entry) -> str:
    return "execute" if entry.submit.method == Method.EXECUTE else "apply"


def _metadata(entry: Entry) -> dict[str, Any]:
    terms, target = entry.submit.terms, entry.target
    found: dict[str, Any] = {}
    if terms is not None:
        for name in terms.__struct_fields__:
            value = getattr(terms, name)
            found[name] = value
    if target is not None:
        found["targets"] = [target]
    return {"targets": None, **found, "method": entry.submit.method.name.lower()}


def _content(entry: Entry) -> dict[str, Any]:
    code = _execute_input(entry)
    return {} if code is None else {"code": code}


def _execute_input(entry: Entry) -> str | None:
    if entry.submit.method != Method.EXECUTE:
        return None
    found = _plain(entry.submit.payload, entry.frames)
    if isinstance(found, (tuple, list)) and found:
        found = found[0]
    return found if isinstance(found, str) else None


def _execute_result(entry: Entry) -> Any:
    if entry.submit.method != Method.EXECUTE or entry.outcome is None:
        return None
    found = _plain(entry.outcome.payload, entry.result_frames)
    return found.get("execute_result") if isinstance(found, dict) else None


def _error(entry: Entry) -> str | None:
    """Return the traceback of what failed, or why there is no result."""
    outcome = entry.outcome
    if outcome is None or outcome.status == Status.OK:
        return None
    found = _plain(outcome.payload, entry.result_frames)
    if isinstance(found, str):
        return found
    try:
        name, message, traceback = found[0][:3]
        return str(traceback or f"{name}: {message}")
    except (TypeError, IndexError, KeyError, ValueError):
        return outcome.note or outcome.status.name.lower()


def _result_header(entry: Entry) -> dict[str, Any] | None:
    if entry.outcome is None:
        return None
    return {
        "msg_type": f"{_type_of(entry)}_reply",
        "date": _moment(entry.outcome.completed or entry.received),
    }


def _result_metadata(entry: Entry) -> dict[str, Any] | None:
    if entry.outcome is None:
        return None
    return {
        "engine": entry.engine_uuid.hex(),
        "engine_id": entry.outcome.engine_id,
        "started": _moment(entry.outcome.started),
        "status": entry.status,
    }


def _result_content(entry: Entry) -> dict[str, Any] | None:
    if entry.outcome is None:
        return None
    content = {"status": entry.status}
    if entry.status == "error":
        content["traceback"] = _error(entry) or ""
    return content


def _buffers(entry: Entry) -> list[bytes]:
    if entry.frames is None:
        raise Omitted(too_large("arguments", entry))
    return [entry.submit.payload, *as_bytes(entry.frames)]


def _result_buffers(entry: Entry) -> list[bytes]:
    if entry.outcome is None:
        return []
    if entry.result_frames is None:
        raise Omitted(too_large("result", entry))
    return [entry.outcome.payload, *as_bytes(entry.result_frames)]


def too_large(what: str, entry: Entry) -> str:
    """Say that the arguments or the result of a task were not kept."""
    return (
        f"the {what} of task {entry.msg_id} could not be recorded, only its facts: too "
        "large, or too much came at once (limits are options of the controller); or "
        "the controller was killed then"
    )


def _printed(entry: Entry, name: str) -> str:
    told: str = getattr(entry.outcome, name, "")
    added: str = getattr(entry, name)
    return told + added


def _engine_id(entry: Entry) -> int | None:
    if entry.outcome is None or entry.outcome.engine_id < 0:
        return None
    return entry.outcome.engine_id


#: How each key is found; None for what is missing.
FIELDS: dict[str, Callable[[Entry], Any]] = {
    "msg_id": lambda entry: entry.msg_id,
    "header": _header,
    "metadata": _metadata,
    "content": _content,
    "buffers": _buffers,
    "submitted": lambda entry: _moment(entry.submitted),
    "client_uuid": lambda entry: entry.key[0].hex(),
    "engine_uuid": lambda entry: entry.engine_uuid.hex() or None,
    "engine_id": _engine_id,
    "started": lambda entry: entry.outcome and _moment(entry.outcome.started),
    "completed": lambda entry: entry.outcome and _moment(entry.outcome.completed),
    "received": lambda entry: _moment(entry.received),
    "resubmitted": lambda entry: entry.resubmitted or None,
    "result_header": _result_header,
    "result_metadata": _result_metadata,
    "result_content": _result_content,
    "result_buffers": _result_buffers,
    "queue": lambda entry: "mux" if entry.submit.targets else "task",
    "status": lambda entry: entry.status,
    "execute_input": _execute_input,
    "execute_result": _execute_result,
    "error": _error,
    "stdout": lambda entry: _printed(entry, "stdout"),
    "stderr": lambda entry: _printed(entry, "stderr"),
    "label": lambda entry: entry.label,
}

#: Those that are given only when they are asked for by name.
BUFFERS = frozenset({"buffers", "result_buffers"})


def checked_keys(keys: str | Sequence[str] | None) -> list[str]:
    """Return the keys that a record is to have: always with its msg_id.

    Raises
    ------
    ValueError
        There is no such key.
    """
    if keys is None:
        return [key for key in FIELDS if key not in BUFFERS]
    wanted = [keys] if isinstance(keys, str) else list(keys)
    for key in wanted:
        if key not in FIELDS:
            raise ValueError(
                f"a record has no key {key!r}; its keys are {', '.join(FIELDS)}"
            )
    return list(dict.fromkeys(["msg_id", *wanted]))


def record_of(entry: Entry, keys: Sequence[str]) -> dict[str, Any]:
    """Return what is known of a task under these keys.

    Raises
    ------
    Omitted
        Buffers are among them, and were not kept.
    """
    return {key: FIELDS[key](entry) for key in keys}

"""What an outcome holds: a value, or the exception that stands for it."""

from __future__ import annotations

import pickle
from typing import Any

from ..errors import (
    EngineError,
    Failure,
    ImpossibleDependency,
    InvalidDependency,
    ParallelError,
    RemoteError,
    TaskAborted,
    TaskTimeout,
    UnmetDependency,
    remote_error,
)
from ..protocol.messages import Outcome, Status
from ..protocol.wire import unstow
from ..serialize.calls import unpack_value
from ..serialize.exceptions import Caught, unpack_error
from ..transport.sockets import as_buffers

__all__ = ["error_of", "failure_of", "value_of"]

#: How a task ends of which its engine says nothing.
_ENDS: dict[Status, type[ParallelError]] = {
    Status.LOST: EngineError,
    Status.TIMEOUT: TaskTimeout,
    Status.IMPOSSIBLE: ImpossibleDependency,
    Status.INVALID: InvalidDependency,
    Status.UNMET: UnmetDependency,
}


def value_of(outcome: Outcome, frames: Any, what: str) -> Any:
    """Return the value of a task that succeeded, or why it cannot be had here."""
    payload, buffers = unstow(outcome.payload, as_buffers(frames))
    try:
        value = unpack_value(payload, buffers, what)
        return value.filled() if type(value) is Caught else value
    except ParallelError as error:
        return error


def error_of(
    outcome: Outcome, frames: Any, fname: str, engine_info: dict[str, Any]
) -> ParallelError:
    """Return the exception of a task that failed, with what is noted about it.

    What is not the task's own doing is an `EngineError`, a `TaskTimeout` and so on,
    and also a `RemoteError`; a `TaskAborted` is nothing else.
    """
    payload, _ = unstow(outcome.payload, as_buffers(frames))
    if outcome.status == Status.ERROR or _is_direct_refusal(outcome, payload):
        return _noted(unpack_error(payload), outcome.note)
    text = _text(payload, fname)
    if outcome.note:
        text = f"{text}\n{outcome.note}"
    if outcome.status == Status.ABORTED:
        return TaskAborted(text)
    original = _ENDS[outcome.status](text)
    failure = Failure(type(original).__name__, text, "", engine_info)
    return remote_error(failure, original)


def _is_direct_refusal(outcome: Outcome, payload: Any) -> bool:
    """Tell whether the task itself said so, and nobody else was to be asked."""
    unmet = outcome.status == Status.UNMET and payload
    return bool(unmet) and not isinstance(pickle.loads(payload), str)


def failure_of(error: Exception) -> Failure:
    """Return the facts of an error, as a `CompositeError` lists them."""
    if isinstance(error, RemoteError):
        return error.failure
    return Failure(type(error).__name__, str(error), "", {})


def _text(payload: Any, fname: str) -> str:
    if not payload:
        return f"{fname} was given up"
    told = pickle.loads(payload)
    return told if isinstance(told, str) else str(unpack_error(payload))


def _noted(error: RemoteError, note: str) -> RemoteError:
    """Add a note to what an error says: it is told wherever the error is."""
    if note:
        error.evalue = f"{error.evalue}\n{note}"
    return error

"""A prompt here whose commands pdb obeys on an engine, where a task has failed.

Each line is a short task, and the engine is free between two of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from ..engine.debugging import Answer, open_debugger, tell_debugger
from ..errors import CompositeError, ParallelError, RemoteError

__all__ = ["debug_engine", "debug_error", "debug_result", "has_failed", "point_to"]

#: An engine that has not answered after so long, seconds, is told to be at work.
PATIENCE = 1.0
_ENDS = {"q", "quit", "exit", "EOF"}


def point_to(magic: str, cell: Any) -> None:
    """Say before a cell of IPython's own `%debug` which magic looks at an engine.

    That one knows the frames of this session, where the error was only passed on.
    """
    error = getattr(sys, "last_value", None)
    is_meant = str(cell.raw_cell).strip() in ("%debug", "debug")
    if is_meant and isinstance(error, RemoteError):
        print(f"(of this session; {magic} looks where it failed, on the engine)")


class Failed(NamedTuple):
    """Where something has failed, as far as it is known."""

    engine_id: int
    #: Which process that was.
    uuid: str = ""
    msg_id: str = ""
    #: The name and message of the error.
    told: str = ""
    #: Of the task in its result.
    task: int = 0


def has_failed(result: Any) -> bool:
    """Tell whether a result's task has raised something on an engine."""
    return bool(_failures(result)[0])


def debug_result(
    result: Any, client: Any, index: int | None = None, magic: str = ""
) -> None:
    """Look at where a result's task failed.

    Parameters
    ----------
    index
        Of the task; None for the first that failed.
    magic
        What the user called, to say how to look at the others; empty for `debug`.

    Raises
    ------
    IndexError
        There is no such task.
    """
    failures, lost = _failures(result)
    if index is not None:
        index = range(len(result.msg_ids))[index]
        wanted = [each for each in failures if each.task == index]
    else:
        # An engine keeps one error, the last.
        wanted = list({each.engine_id: each for each in failures}.values())
    if not wanted:
        print(_why_none(result, index, lost))
        return
    if wanted[1:]:
        print(_say_others(wanted[1:], magic))
    _look(client, wanted[0])


def debug_error(client: Any, error: RemoteError, magic: str) -> None:
    """Look at where an error was raised that a call gave."""
    failures = error.elist if isinstance(error, CompositeError) else [error.failure]
    found = [
        Failed(
            each.engine_info["engine_id"], each.engine_info["engine_uuid"],
            told=f"{each.ename}: {each.evalue}",
        )
        for each in failures
        if each.engine_info
    ]  # fmt: skip
    if not found:
        print(f"no engine is known to have raised this: {error}")
        return
    if others := [each for each in found[1:] if each.engine_id != found[0].engine_id]:
        print(_say_others(others, magic))
    _look(client, found[0])


def debug_engine(client: Any, engine_id: int) -> None:
    """Look at the last error of an engine, whatever raised it."""
    _look(client, Failed(engine_id))


def _failures(result: Any) -> tuple[list[Failed], list[BaseException]]:
    """Return where its tasks failed, and what ended those that no code failed of."""
    result.ready()  # takes in what has come
    found: list[Failed] = []
    lost: list[BaseException] = []
    for index, msg_id in enumerate(result.msg_ids):
        error = result.failure_of(index)
        # What ends a task from outside, such as an engine's death, has no traceback.
        if isinstance(error, RemoteError) and error.engine_info and error.traceback:
            uuid = error.engine_info["engine_uuid"]
            engine_id = error.engine_info["engine_id"]
            found.append(Failed(engine_id, uuid, msg_id, task=index))
        elif error is not None:
            lost.append(error)
    return found, lost


def _why_none(result: Any, index: int | None, lost: list[BaseException]) -> str:
    if index is not None:
        lost = [each for each in [result.failure_of(index)] if each is not None]
    if lost:
        return f"there are no variables to look at: {lost[0]}"
    what = "nothing" if index is None else f"task {index}"
    so_far = "" if result.ready() else " so far: it has not all come"
    return f"{what} of {result!r} has failed{so_far}"


def _say_others(others: list[Failed], magic: str) -> str:
    """Tell where else it failed, and how to look there."""
    ids = sorted({each.engine_id for each in others})
    how = f"{magic} {ids[0]}" if magic else f"ar.debug({others[0].task})"
    return f"it failed on engine(s) {', '.join(map(str, ids))}, too: {how} looks there"


def _look(client: Any, place: Failed) -> None:
    """Ask the user for lines, and the engine what they say, until one ends it."""
    where = f"engine {place.engine_id}"
    opened = _asked(client, place.engine_id, open_debugger, place.msg_id, place.told)
    if opened is None:
        return
    answer, uuid = opened
    if place.uuid and uuid != place.uuid:
        print(f"{where} died since, and another one has its number")
        return
    if not answer.number:
        print(f"{where}: {answer.text}")
        return
    print(f"{where}: {answer.text}", end="", flush=True)
    while answer.number:
        try:
            line = input(f"(pdb, {where}) ")
        except (EOFError, KeyboardInterrupt):
            print()
            return
        if line.strip() in _ENDS:
            return
        told = _asked(client, place.engine_id, tell_debugger, answer.number, line)
        if told is None:
            return
        answer = told[0]
        end = "" if answer.text.endswith("\n") or not answer.text else "\n"
        print(answer.text, end=end, flush=True)


def _asked(
    client: Any, engine_id: int, question: Callable[..., Answer], *parts: Any
) -> tuple[Answer, str] | None:
    """Return an engine's answer, and which process gave it; None if none came."""
    try:
        result = client[engine_id].apply_async(question, *parts)
        try:
            if not result.wait(PATIENCE):
                print(
                    f"engine {engine_id} is at work; Ctrl-C ends the wait", flush=True
                )
                result.wait()
        except KeyboardInterrupt:
            result.cancel()
            print(f"engine {engine_id} has not answered, and was told to give it up")
            return None
        answer: Answer = result.get()
    except (ParallelError, IndexError) as error:  # it died, or the client is closed
        print(error)
        return None
    return answer, str(result.engine_uuid)

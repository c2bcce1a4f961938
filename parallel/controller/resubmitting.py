"""Recorded tasks that are to be done once more, under new ids."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from time import time

from .dispatch import Dispatch
from .hub import Hub
from .store.entry import Entry, msg_id_of
from .store.fields import too_large
from .work import Work

__all__ = ["resubmit"]


def resubmit(hub: Hub, dispatch: Dispatch, *, msg_ids: list[str]) -> Future[list[str]]:
    """Submit tasks once more, whatever became of them; return their new ids.

    Raises
    ------
    ValueError
        There are too many; or, from the future, their arguments are too large.
    """
    room = dispatch.intake.overdrafts.room(dispatch.record.own)
    if len(msg_ids) > room.tasks:
        raise ValueError(
            f"{len(msg_ids):,} tasks are more than the {room.tasks:,} that the "
            "controller may take in now: resubmit some of them, and others once these "
            "have ended"
        )
    loop = asyncio.get_running_loop()
    found: Future[list[str]] = Future()

    def submit(entries: list[Entry]) -> None:
        with suppress(InvalidStateError):  # who asked has left meanwhile
            try:
                found.set_result(_submit_again(dispatch, entries, loop.time()))
            except Exception as error:
                found.set_exception(error)

    def pass_on(known: Future[list[Entry]]) -> None:
        error = known.exception()
        if error is None:
            loop.call_soon_threadsafe(submit, known.result())
            return
        with suppress(InvalidStateError):
            found.set_exception(error)

    dispatch.record.arguments(msg_ids, room.nbytes).add_done_callback(pass_on)
    return found


def _submit_again(
    dispatch: Dispatch, entries: Sequence[Entry], now: float
) -> list[str]:
    """Take in recorded tasks once more, under new ids; return these.

    Raises
    ------
    ValueError
        The arguments of one, or its function, were not kept.
    """
    for entry in entries:
        if entry.frames is None or (entry.digest and not entry.code):
            raise ValueError(too_large("arguments or function", entry))
    record, functions = dispatch.record, dispatch.functions
    keys = [record.new_key() for _ in entries]
    for key, entry in zip(keys, entries, strict=True):
        if entry.digest:
            functions.define(entry.digest, entry.code)
        work = Work(entry.again(key.seq), entry.frames or ())
        dispatch.handle(dispatch.intake.admitted(key.client, work, time()), now)
    record.resubmitted(
        {entry.key: key for key, entry in zip(keys, entries, strict=True)}
    )
    return [msg_id_of(key) for key in keys]

"""A cell on engines: sent, waited for, interrupted, and shown."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from ..client.streaming import streaming
from ..errors import AlreadyDisplayedError, ParallelError, RemoteError
from .options import Settings

__all__ = ["NOT_KNOWN", "StillRunning", "named", "show", "wait_and_show"]

#: Seconds for engines to say that they have not started what is given up.
UNSTARTED = 0.25
#: What is said of a cell that was interrupted twice before it was waited for.
NOT_KNOWN = (
    "Interrupted once more while the cell was sent: engines may be at it. "
    "rc.queue_status() tells, and rc.send_signal('SIGINT') interrupts them"
)
#: So many engines are named by their numbers.
NAMED = 10


class StillRunning(KeyboardInterrupt):
    """Raised when nobody waits any more; IPython shows it without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def named(ids: list[int]) -> str:
    """Return engines' numbers as text, of many of them the first and the last."""
    if len(ids) <= NAMED:
        return str(ids)
    first = ", ".join(map(str, ids[: NAMED - 2]))
    return f"[{first}, ..., {ids[-1]}] ({len(ids)} engines)"


def wait_and_show(
    result: Any, client: Any, settings: Settings, groupby: str,
    held: contextlib.ExitStack,
) -> None:  # fmt: skip
    """Wait for what engines run, and show what comes of it.

    Parameters
    ----------
    held
        Holds interrupts off since before the engines were told: one of then is for
        them, too.

    Raises
    ------
    AlreadyDisplayedError
        Engines raised errors, which have been shown.
    CompositeError
        They did, and nothing has been shown while they ran.
    StillRunning
        The user waits no more.
    """
    with contextlib.ExitStack() as showing:
        _wait(result, client, settings, held, showing)
    show(result, groupby, shown=settings.stream)


def show(result: Any, groupby: str, *, shown: bool = False) -> None:
    """Show what a result's tasks printed, displayed and returned, and their errors.

    Parameters
    ----------
    shown
        Whether all of it but the values has been.
    """
    result.display_outputs(groupby, result_only=shown)
    error = result.exception()
    if error is None:
        return
    if shown and isinstance(error, ParallelError):
        if not isinstance(error, RemoteError):
            error = RemoteError(type(error).__name__, str(error))
        raise AlreadyDisplayedError(error) from None
    raise error


def _wait(
    result: Any, client: Any, settings: Settings,
    held: contextlib.ExitStack, showing: contextlib.ExitStack,
) -> None:  # fmt: skip
    """Wait to the end; Ctrl-C sends engines a signal, a second one ends the wait."""
    told = "Interrupted"
    try:
        try:
            with held:
                if settings.stream:
                    showing.enter_context(streaming(result, errors=True))
            _wait_with_bar(result, settings.progress_after)
        except KeyboardInterrupt:
            if not settings.signal:
                raise
            told = "Interrupted once more"
            _interrupt(result, client, settings.signal)
            result.wait()
    except KeyboardInterrupt:
        left = result.engines_at_work()
        raise StillRunning(
            f"{told}: not waiting any more. Engines {named(left)} are still at it; "
            f"%pxresult waits for them again{_say_of_ranks(client, left)}"
        ) from None


def _say_of_ranks(client: Any, ids: list[int]) -> str:
    """Say what ends engines that wait in MPI for one another, if these may do so."""
    engines, sets = client._connection.engines, getattr(client.cluster, "engines", {})
    theirs = {engines[each].engine_set for each in ids if each in engines}
    worlds = [each for each in sorted(theirs & set(sets)) if sets[each].kind == "mpi"]
    if not worlds:
        return ""
    lines = [f"rc.cluster.restart_engines_sync({each!r})" for each in worlds]
    return (
        ". They are ranks: one that waits in MPI for another heeds no interrupt, and "
        f"{', '.join(lines)} begins a new world, without their variables"
    )


def _wait_with_bar(result: Any, after: float) -> None:
    if not result.wait(max(after, 0.0) if after >= 0 else -1):
        result.wait_interactive()


def _interrupt(result: Any, client: Any, signal: str) -> None:
    """Send a signal to engines that run a result's tasks; the others give them up.

    What an engine runs before one of these is not the user's meaning, and left alone.
    """
    if not result.ready():
        result.abort()
        result.wait(UNSTARTED)
    ids = result.engines_at_work()
    there = [each for each in ids if each in client.ids]
    if there:
        print(
            f"Interrupted: sending {signal} to engines {named(there)}. "
            "Interrupt once more to stop the waiting.",
            file=sys.stderr,
            flush=True,
        )
        client.send_signal(signal, targets=there)

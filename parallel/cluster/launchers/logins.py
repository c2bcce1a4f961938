"""Logins to many hosts: some at a time, and again where an sshd had too many."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence

from ...errors import LauncherError
from ...transport.ssh import is_transient
from .login import Login
from .remote import Remote

__all__ = ["LOOK_EVERY", "PATIENCE", "start_all", "tell_all"]

#: A host that has too many logins under way is asked so often, at intervals that
#: begin with this, seconds, and double.
TRIES, FIRST_PAUSE = 6, 0.3
#: A host has so long to tell that it has started a program, or how one stands, seconds.
PATIENCE = 60.0
LOOK_EVERY = 0.02


def start_all(
    starters: Sequence[tuple[Remote, Callable[[], None]]], at_once: int
) -> None:
    """Start a program on each host; return once it is known of all how that went.

    Parameters
    ----------
    starters
        The hosts, and what begins the login of each.
    at_once
        How many logins may be under way.

    Raises
    ------
    LauncherError
        A host does not answer.
    """
    waiting = deque((0.0, 1, remote, begin) for remote, begin in starters)
    under_way: list[tuple[float, int, Remote, Callable[[], None]]] = []
    while waiting or under_way:
        now = time.monotonic()
        for each in [w for w in waiting if w[0] <= now]:
            if len(under_way) < at_once:
                waiting.remove(each)
                each[3]()
                under_way.append((now + PATIENCE, *each[1:]))
        for each in list(under_way):
            deadline, tries, remote, begin = each
            if not remote.settled() and now < deadline:
                continue
            under_way.remove(each)
            if tries < TRIES and remote.try_again():
                pause = FIRST_PAUSE * 2**tries
                waiting.append((now + pause, tries + 1, remote, begin))
            elif now >= deadline:
                raise LauncherError(
                    f"{remote.name} did not answer within {PATIENCE:g} s of a login"
                )
        time.sleep(LOOK_EVERY)


def tell_all(
    remotes: Sequence[Remote],
    begin: Callable[[Remote], Login | None],
    seconds: float,
    at_once: int,
) -> dict[Remote, str]:
    """Say something on all hosts; return where it failed and why.

    Parameters
    ----------
    begin
        Begins the login to a host, if anything is to be said there.
    seconds
        How long what is said takes there.
    """
    untold = list(remotes)
    failures: dict[Remote, str] = {}
    for i in range(TRIES):
        for at in range(0, len(untold), at_once):
            batch = untold[at : at + at_once]
            logins = [(remote, begin(remote)) for remote in batch]
            for remote, login in logins:
                failures.pop(remote, None)
                why = "" if login is None else _outcome(login, seconds + PATIENCE)
                if why:
                    failures[remote] = why
        untold = [r for r in untold if is_transient(failures.get(r, ""))]
        if not untold or i + 1 == TRIES:
            break
        time.sleep(FIRST_PAUSE * 2**i)
    return failures


def _outcome(login: Login, seconds: float) -> str:
    """Wait for the end of a login; return why it failed, '' if it did not."""
    with contextlib.closing(login):
        status = login.wait(seconds)
        if status is None:
            return f"no answer within {seconds:g} s"
        said = login.complained().strip()
        return f"ssh ended with status {status}: {said}" if status else ""

"""What the user of a cluster should know of it while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ..errors import LauncherError
from .owner import AgentProcess, wait_readable
from .watching import CONTROLLER_NAME, Watch

__all__ = ["wait_for_news"]

#: Who stops a cluster from elsewhere ends its jobs first, and has so long, seconds, to
#: say so in its file.
STOPPING = 3.0


def wait_for_news(
    agent: AgentProcess | None,
    watch: Watch,
    is_kept: Callable[[], bool],
    also: Sequence[int] = (),
) -> list[str] | None:
    """Wait until there is something to tell, or until it is time to look again.

    Parameters
    ----------
    agent
        That of this host, if there is one.
    is_kept
        Tells whether the cluster's file is there: who stops a cluster removes it.
    also
        Descriptors that end the wait too, once one of them can be read.

    Returns
    -------
    list[str] | None
        What is to be told; None if somebody else has stopped it.

    Raises
    ------
    LauncherError
        It ended by itself: why, with the last lines of a log.
    """
    if agent is None:
        wait_readable(also, watch.until_next)
    elif not agent.troubles:
        agent.wait(watch.until_next, also=also)
    watch.look()
    over = watch.is_over or CONTROLLER_NAME in watch.over
    deadline = time.monotonic() + (STOPPING if over else 0.0)
    while True:
        if agent is not None:
            agent.look()
            if agent.left_in_order():
                return None
            agent.raise_trouble()
        if not is_kept():
            return None
        if time.monotonic() >= deadline:
            break
        time.sleep(0.05)
    news, watch.news = watch.news, []
    if over:
        raise LauncherError("\n".join(["the cluster ended:", *news]))
    if agent is not None:
        news += [trouble.text for trouble in agent.troubles]
        agent.troubles = []
    return news

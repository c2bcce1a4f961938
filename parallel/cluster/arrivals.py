"""Waiting until all engines of a cluster are there, or are known not to come."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ..client.arrivals import bar_of_engines
from ..client.client import Client
from ..errors import EngineError, TimeoutError, TransportError
from .launchers.launcher import Launcher
from .owner import AgentProcess
from .watching import Watch

__all__ = ["wait_for_engines"]


def wait_for_engines(
    client: Client,
    n: int,
    *,
    timeout: float,
    agent: AgentProcess | None,
    launched: Mapping[str, Launcher],
    logs: Path,
) -> None:
    """Wait until so many engines are registered, with a bar if somebody sees it.

    Parameters
    ----------
    timeout
        Seconds; while a job stands in its system's line, they do not begin.
    agent
        That of this host, if this process has started it.
    launched
        The launchers of what no agent of this host has, with words for it.
    logs
        Where to look when they do not come.

    Raises
    ------
    EngineError
        Engines do not stay up, or their jobs have ended: how, with their last lines.
    TimeoutError
        They have not all registered in time.
    """
    with contextlib.closing(bar_of_engines(n)) as bar:

        def tell() -> None:
            bar.update(min(n, len(client)) - bar.n)

        _wait(client, n, timeout, agent, launched, logs, tell)


def _wait(
    client: Client, n: int, timeout: float, agent: AgentProcess | None,
    launched: Mapping[str, Launcher], logs: Path, tell: Callable[[], object],
) -> None:  # fmt: skip
    watch = Watch(launched)
    deadline = time.monotonic() + timeout
    while True:
        left = deadline - time.monotonic()
        try:
            client.wait_for_engines(
                n, timeout=min(0.2, max(0.0, left)), interactive=False
            )
            tell()
            return
        except TimeoutError:
            tell()
            watch.look()
            if watch.queued:
                deadline = time.monotonic() + timeout
            elif left <= 0:
                said = (
                    f"{len(client)} of {n} engines registered within {timeout:g} s; "
                    f"their logs are in {logs}"
                )
                raise TimeoutError("\n".join([said, *watch.late])) from None
        except TransportError:  # what ended the controller, the agent knows
            if agent is not None and agent.wait_until_gone(1.0):
                agent.raise_trouble()
            raise
        except EngineError:  # one has left; unless the agent says so, another comes
            if agent is None and not launched:
                raise
        if watch.failed or watch.is_over:
            words = "\n".join(watch.failed or watch.ended)
            raise EngineError(f"{len(client)} of {n} engines registered: {words}")
        if agent is not None:
            agent.look()
            agent.raise_trouble()
            for trouble in agent.troubles:
                if trouble.hinders:
                    raise EngineError(trouble.text)

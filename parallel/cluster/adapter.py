"""Has a cluster's engines become more and fewer, in a thread of its own."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from time import monotonic
from typing import Protocol

from ..client.client import Client
from ..errors import LauncherError, TimeoutError, TransportError
from ..state.scaling import Adaptation, Load
from ..transport.locations import log_file
from .surroundings import environment_with_package, log_to_write, program_of

__all__ = ["Adapter", "adapt_apart"]

log = logging.getLogger("parallel.cluster")

#: How the cluster fares is asked this often, seconds; less often after a failure.
EVERY, AFTER_FAILURE = 1.0, 10.0
#: Who is to go is waited for so long, seconds: they go later, too.
PATIENCE = 1.0


class Scalable(Protocol):
    """What is needed of a cluster."""

    def connect_client_sync(self) -> Client:
        """Return a client of it."""

    def asked(self) -> dict[str, int]:
        """Return of each set how many engines there are, or are on their way."""

    def scale_sync(self, n: int, *, timeout: float | None = None) -> None:
        """Have so many engines."""


class Adapter:
    """Asks what there is to do, and scales, until it is stopped.

    Parameters
    ----------
    rules
        They say how many engines are wanted.
    """

    def __init__(self, cluster: Scalable, rules: Adaptation) -> None:
        self._cluster = cluster
        self._rules = rules
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="parallel-adapter", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End it; return once it has."""
        self._stopped.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        pause = 0.0
        while not self._stopped.wait(pause):
            try:
                with self._cluster.connect_client_sync() as client:
                    self._follow(client)
                return
            except (LauncherError, TransportError, OSError) as error:
                pause = AFTER_FAILURE
                if not self._stopped.is_set():
                    log.warning("cannot adapt the number of engines: %s", error)

    def _follow(self, client: Client) -> None:
        """Scale as often as something else is wanted, over one connection."""
        while not self._stopped.wait(EVERY):
            load = Load(**client._connection.questions.ask("load"))
            asked = sum(self._cluster.asked().values())
            wanted = self._rules.wanted(load, asked, monotonic())
            if wanted == asked:
                continue
            log.info(
                "%s engines in the place of %s: %s tasks wait, %s engines work",
                wanted, asked, load.queued, load.busy,
            )  # fmt: skip
            try:
                self._cluster.scale_sync(wanted, timeout=PATIENCE)
            except TimeoutError as error:
                log.info("%s", error)


def adapt_apart(profile_dir: str, cluster_id: str, bounds: str) -> Path:
    """Have a process of its own adapt a cluster that stays; return the path of its log.

    Parameters
    ----------
    bounds
        The fewest and the most engines: `2:64`.
    """
    log = log_file(Path(profile_dir), "ipadapter", cluster_id)
    command = [sys.executable, "-c", program_of("parallel.cli.cluster"), "scale"]
    command += [f"--adapt={bounds}", f"--profile-dir={profile_dir}"]
    command.append(f"--cluster-id={cluster_id}")
    with os.fdopen(log_to_write(log), "ab") as output:
        apart = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment_with_package(),
            start_new_session=True,
        )
    apart.returncode = 0  # nobody here waits for it
    return log

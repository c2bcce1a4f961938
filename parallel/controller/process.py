"""A controller's process: from what it is started with to its end, and its files."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import msgspec

from ..errors import LauncherError
from ..protocol.messages import Up
from ..transport.addresses import advertised
from ..transport.connectionfiles import write_connection_files
from ..transport.holding import hold
from ..transport.keys import ROLES
from ..transport.locations import cluster_file
from ..transport.openfiles import allow_all
from ..transport.pipe import Pipe
from ..transport.trimming import trimming
from .controller import Controller
from .farewell import say_farewell
from .muster import Muster
from .spec import ControllerSpec

__all__ = ["run_controller"]

log = logging.getLogger("parallel.controller")

#: The address of an earlier controller is free within this, seconds.
LISTENING = 2.0
#: The garbage collector looks at what is new once there is so much: tasks that wait are
#: no garbage, and to look at them every 700 objects took an eighth of the time.
YOUNG = 10_000


def run_controller(
    spec: ControllerSpec,
    link: Pipe | None = None,
    on_up: Callable[[list[str]], None] = lambda urls: None,
) -> None:
    """Run a controller in this process until it is told to stop.

    Its connection files are written once it listens, and removed at its end.

    Parameters
    ----------
    on_up
        Is told where it listens.

    Raises
    ------
    LauncherError
        It cannot listen where it should.
    """
    allow_all()
    if spec.farewell:
        say_farewell(spec.keys, spec.urls, spec.farewell)
        return
    gc.set_threshold(YOUNG)
    runtime = Path(spec.runtime_dir) if spec.runtime_dir else None
    held = -1 if runtime is None else hold(runtime)
    controller = _listen(spec, link)
    if spec.notice:
        where = f"on {socket.gethostname()}, where the controller runs"
        controller.tell(f"{where}: {spec.notice}")
    encrypted = not controller.urls[0].startswith("ipc:")
    location = spec.location or socket.gethostname()
    urls = [each for url in controller.urls for each in advertised(url, spec.location)]
    infos = [
        msgspec.structs.replace(
            spec.keys.info(role, spec.cluster_id, urls, encrypted=encrypted),
            location=location,
            ssh=spec.ssh.get(role, ""),
        )
        for role in ROLES
    ]
    files = write_connection_files(Path(spec.profile_dir), infos)

    def remove() -> None:
        while (
            files and not spec.keeps_files
        ):  # once: the next controller's have the same names
            files.pop().unlink(missing_ok=True)

    try:  # who ends it from here on finds its files gone
        log.info("connection files: %s", ", ".join(map(str, files)))
        on_up(controller.urls)
        if link is not None and not link.send([Up(controller.urls)]):
            controller.is_orphan = True  # nobody knows of this one: it does not begin
            log.error("the agent was gone before this controller was up")
        if not controller.is_orphan:
            with trimming():
                controller.run(spec.lifeline, at_end=remove)
    finally:
        remove()
        if held >= 0:
            os.close(held)
        if controller.is_orphan and runtime is not None:
            shutil.rmtree(runtime, ignore_errors=True)
            file = cluster_file(Path(spec.profile_dir), spec.cluster_id)
            file.unlink(missing_ok=True)


def _listen(spec: ControllerSpec, link: Pipe | None) -> Controller:
    """Return a controller that listens, also where another one did a moment ago.

    A peer on the way back to that one may have the port for an instant.
    """
    deadline = monotonic() + (LISTENING if spec.epoch > 1 else 0.0)
    roster = Path(spec.roster) if spec.roster else None
    again = spec.epoch > 1 and spec.restores
    muster = Muster(roster, spec.epoch, spec.alive, reads=again)
    recording = msgspec.structs.replace(spec.recording, inherits=again)
    while True:
        try:
            return Controller(
                spec.keys, spec.urls, link, spec.scheduling, recording, muster
            )
        except LauncherError:
            if monotonic() > deadline:
                raise
            sleep(0.02)

"""What can be said of a cluster that is to be started, and what it is by default."""

from __future__ import annotations

import logging
import random
import string
import sys
import time
from pathlib import Path
from typing import Any

from traitlets import Any as Anything
from traitlets import (
    Bool,
    Enum,
    Float,
    Int,
    List,
    TraitError,
    Unicode,
    default,
    observe,
    validate,
)
from traitlets.config import Configurable, LoggingConfigurable

from ..controller.limits import Holdings, Limits, Room
from ..controller.spec import Recording, Scheduling
from ..state.policies import SCHEMES
from ..transport.locations import profile_dir
from ..transport.openfiles import bears_ipc
from .classic import controller_options
from .launchoptions import LaunchOptions
from .resources import Resources

__all__ = ["ClusterOptions", "ControllerOptions", "new_cluster_id"]

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class ControllerOptions(Configurable):
    """How a controller gives tasks to engines, and what it records of them."""

    scheme = Enum(list(SCHEMES), "leastload", help="How engines are chosen for tasks.")
    hwm = Int(
        None,
        min=0,
        allow_none=True,
        help="Balanced tasks that an engine has in hand at most; 0 for any number; by "
        "default as many as hide the way there.",
    )
    grace = Float(
        5.0,
        min=0,
        help="Seconds that an interrupted task is given to end, before its engine is "
        "killed and replaced.",
    )
    engine_patience = Float(
        30.0,
        min=1,
        help="Seconds that an engine which cannot be reached, stopped or cut off, is "
        "waited for, before it is killed if that can be, and given up. A third of "
        "that, 10 at most, breaks the connection of one that says nothing.",
    )
    task_record = Enum(
        ["sqlite", "memory", "none"],
        "sqlite",
        help="Where the controller keeps what is known of tasks: in a file, or in its "
        "memory, or not at all.",
    )
    task_record_file = Unicode(
        help="The file; by default tasks.db of the profile's folder, or tasks-ID.db if "
        "a cluster id was given, and a temporary file if none was."
    )
    task_records = Int(100_000, min=1, help="Finished tasks that are kept; the newest.")
    task_record_nbytes = Int(
        1 << 30, min=0, help="Bytes of arguments and results that are kept."
    )

    held_tasks = Int(
        Holdings().tasks,
        min=1,
        help="Unfinished tasks that the controller holds, for all clients together; "
        "but each may have 2,048.",
    )
    held_nbytes = Int(
        Holdings().nbytes,
        min=1,
        help="Bytes of their arguments that it holds; but each client may have 4 MiB.",
    )
    unread_nbytes = Int(
        Room().on_disk,
        min=1,
        help="Bytes that may wait in the folder for temporary files for all clients "
        "that do not read; beyond that, the one with most of them is let go.",
    )

    for _option in (scheme, hwm, grace, engine_patience, task_record,
                   task_record_file, task_records, task_record_nbytes, held_tasks,
                   held_nbytes, unread_nbytes):  # fmt: skip
        _option.tag(config=True)
    del _option

    def scheduling(self) -> Scheduling:
        """Return how tasks are given to engines."""
        return Scheduling(
            scheme=self.scheme,
            hwm=self.hwm,
            grace=self.grace,
            engine_patience=self.engine_patience,
            holdings=Holdings(tasks=self.held_tasks, nbytes=self.held_nbytes),
            room=Room(on_disk=self.unread_nbytes),
        )

    def recording(self, file: Path | None) -> Recording:
        """Return what is recorded of tasks: in this file, if none was chosen."""
        path = self.task_record_file or (str(file) if file else None)
        limits = Limits(records=self.task_records, nbytes=self.task_record_nbytes)
        return Recording(kind=self.task_record, path=path, limits=limits)


class ClusterOptions(ControllerOptions, LaunchOptions, LoggingConfigurable):
    """The options of `Cluster`, which are attributes of it too."""

    n = Int(None, allow_none=True, help="Engines; by default one for each usable core.")
    cluster_id = Unicode(help="Tells the clusters of one profile apart.").tag()
    profile = Unicode("", help="The profile's name.")
    profile_dir = Unicode(help="The profile's folder; wins over its name.")
    transport = Enum(
        ["ipc", "tcp"],
        help="ipc: a socket in a private folder, no port; tcp: one port, encrypted. "
        "By default tcp if an ip or a port is given, and where fewer than 4,096 files "
        "may be open.",
    ).tag(config=True)
    ip = Unicode(
        help="The address to listen on with tcp; by default 127.0.0.1, or all of this "
        "host's where engines run elsewhere."
    )
    port = Int(
        0, min=0, max=65535, help="The port to listen on with tcp; 0 takes a free one."
    )
    start_method = Enum(
        ["fork", "spawn"],
        help="How engines are made: from one warm process, or each from nothing.",
    )
    resources = Resources(
        help="What tasks may take a share of, such as {'gpu': 1}: of each engine, or "
        "a list, from engine to engine.",
    )
    labels = List(Unicode(), help="What marks the engines for tasks.")
    controller_args = List(
        Unicode(),
        help="Arguments of ipcontroller, such as --nodb: each sets the option here.",
    )
    engine_timeout = Float(60.0, help="Seconds to wait for engines to register.")
    shutdown_atexit = Bool(True, help="Stop when this process ends.")
    load_profile = Bool(True, help="Read ipcluster_config.py of the profile.")
    log_level = Anything(
        None,
        allow_none=True,
        help="How much the package's log says, 10 or 'DEBUG': to stderr, unless the "
        "program has said where to. By default that is left as it is.",
    )

    for _trait in (n, cluster_id, profile, profile_dir, ip, port, start_method,
                   resources, labels, controller_args, engine_timeout,
                   shutdown_atexit, log_level):  # fmt: skip
        _trait.tag(config=True)
    del _trait

    # Defaults and checks

    def _cluster_id_default(self) -> str:
        return new_cluster_id()

    def _profile_dir_default(self) -> str:
        return str(profile_dir(self.profile))

    def _start_method_default(self) -> str:
        return "fork" if sys.platform == "linux" else "spawn"

    @default("transport")
    def _choose_transport(self) -> str:
        if self.ip or self.port or self.is_spread:
            return "tcp"
        return "ipc" if bears_ipc() else "tcp"

    @validate("cluster_id")
    def _check_cluster_id(self, proposal: Any) -> str:
        cluster_id: str = proposal["value"]
        if "/" in cluster_id or "\0" in cluster_id:
            raise TraitError(
                f"a cluster id is part of files' names, and {cluster_id!r} cannot be"
            )
        return cluster_id

    @validate("n")
    def _check_n(self, proposal: Any) -> int | None:
        n: int | None = proposal["value"]
        if n is not None and n < 1:
            raise TraitError(f"a cluster has at least one engine, not n={n}")
        return n

    @validate("controller_args")
    def _check_controller_args(self, proposal: Any) -> list[str]:
        words: list[str] = proposal["value"]
        self._read_controller_args(words)
        return words

    @validate("log_level")
    def _check_log_level(self, proposal: Any) -> int | None:
        level = proposal["value"]
        if isinstance(level, str):
            level = logging.getLevelName(level.upper())
        if level is not None and not isinstance(level, int):
            raise TraitError(f"there is no log level {proposal['value']!r}")
        return level

    @observe("log_level")
    def _heed_log_level(self, change: Any) -> None:
        if change["new"] is not None:
            log_from(change["new"])

    @observe("controller_ip")
    def _heed_controller_ip(self, change: Any) -> None:
        self.ip = change["new"]

    @observe("controller_args")
    def _heed_controller_args(self, change: Any) -> None:
        for name, value in self._read_controller_args(change["new"]).items():
            setattr(self, name, value)

    def _read_controller_args(self, words: list[str]) -> dict[str, Any]:
        known = ["ip", "port", "transport", *ControllerOptions.class_own_traits()]
        found = controller_options(words, known)
        try:
            return {
                name: self.traits()[name].from_string(found[name]) for name in found
            }
        except ValueError as error:
            raise TraitError(f"in {' '.join(words)}: {error}") from error

    @validate("profile_dir")
    def _make_absolute(self, proposal: Any) -> str:
        return str(Path(proposal["value"]).expanduser().absolute())


def log_from(level: int) -> None:
    """Have the package's log say what is of this level, or above."""
    log = logging.getLogger("parallel")
    log.setLevel(level)
    if not log.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter(LOG_FORMAT))
        log.addHandler(handler)


def new_cluster_id() -> str:
    """Return an id that no other cluster has: the time, and letters by lot."""
    letters = random.SystemRandom().choices(string.ascii_lowercase + string.digits, k=4)
    return f"{int(time.time())}-{''.join(letters)}"

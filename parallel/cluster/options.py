"""What can be said of a cluster that is to be started, and what it is by default."""

from __future__ import annotations

import random
import string
import sys
import time
from pathlib import Path
from typing import Any

from traitlets import (
    Bool,
    Dict,
    Enum,
    Float,
    Int,
    List,
    TraitError,
    Unicode,
    Union,
    default,
    validate,
)
from traitlets.config import LoggingConfigurable

from ..state.policies import SCHEMES
from ..transport.locations import profile_dir

__all__ = ["ClusterOptions", "new_cluster_id"]


class ClusterOptions(LoggingConfigurable):
    """The options of `Cluster`, which are attributes of it too."""

    n = Int(None, allow_none=True, help="Engines; by default one for each usable core.")
    cluster_id = Unicode(help="Tells the clusters of one profile apart.").tag()
    profile = Unicode("", help="The profile's name.")
    profile_dir = Unicode(help="The profile's folder; wins over its name.")
    transport = Enum(
        ["ipc", "tcp"],
        help="ipc: a socket in a private folder, no port; tcp: one port, encrypted. "
        "By default tcp if an ip or a port is given.",
    ).tag(config=True)
    ip = Unicode(help="The address to listen on with tcp; by default 127.0.0.1.")
    port = Int(
        0, min=0, max=65535, help="The port to listen on with tcp; 0 takes a free one."
    )
    start_method = Enum(
        ["fork", "spawn"],
        help="How engines are made: from one warm process, or each from nothing.",
    )
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
    resources = Union(
        [Dict(value_trait=Float()), List(Dict(value_trait=Float()), minlen=1)],
        help="What tasks may take a share of, such as {'gpu': 1}: of each engine, or "
        "a list, from engine to engine.",
    )
    labels = List(Unicode(), help="What marks the engines for tasks.")
    engine_timeout = Float(60.0, help="Seconds to wait for engines to register.")
    environment = Dict(help="Variables for the engines' environment.")
    work_dir = Unicode(".", help="The engines' working folder.")
    shutdown_atexit = Bool(True, help="Stop when this process ends.")
    load_profile = Bool(True, help="Read ipcluster_config.py of the profile.")

    for _trait in (n, cluster_id, profile, profile_dir, ip, port, start_method,
                   scheme, hwm, grace, resources, labels, engine_timeout, environment,
                   work_dir, shutdown_atexit):  # fmt: skip
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
        return "tcp" if self.ip or self.port else "ipc"

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

    @validate("profile_dir")
    def _make_absolute(self, proposal: Any) -> str:
        return str(Path(proposal["value"]).expanduser().absolute())


def new_cluster_id() -> str:
    """Return an id that no other cluster has: the time, and letters by lot."""
    letters = random.SystemRandom().choices(string.ascii_lowercase + string.digits, k=4)
    return f"{int(time.time())}-{''.join(letters)}"

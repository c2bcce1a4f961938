"""`ipengine`: one engine by itself, for a controller that runs somewhere."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import uuid
from pathlib import Path
from typing import Any

from traitlets import Dict, Float, List, Unicode, default, validate

from ..engine.engine import RECONNECT_TIMEOUT, EngineSpec, run_engine
from ..errors import ConnectionRefused, TransportError
from ..protocol.connection import ConnectionInfo
from ..transport.locations import connection_file, read_connection_file
from .app import BaseApp
from .options import absolute
from .signals import Signals

__all__ = ["NOT_REGISTERED", "IPEngine", "main"]

#: The exit status where the controller does not answer, or says no.
NOT_REGISTERED = 255


class IPEngine(BaseApp):
    """The command `ipengine`."""

    name = "ipengine"
    config_name = "ipengine"
    description = (
        "Run an engine until SIGTERM, SIGHUP or the end of its controller.\n\n"
        "It finds the controller by a connection file, which it waits for. What the "
        "users' code prints goes to their results, its own log to stderr."
    )
    examples = """
ipengine
ipengine --profile=simulations --cluster-id=tests
ipengine --file=/shared/ipcontroller-engine.json
"""
    url_file = Unicode(
        help="The connection file; by default the one of the profile and cluster id."
    ).tag(config=True)
    timeout = Float(
        10.0,
        help="Seconds to wait for the connection file, and then for the controller.",
    ).tag(config=True)
    wait_for_url_file = Float(
        help="Seconds to wait for the connection file; by default the timeout."
    ).tag(config=True)

    reconnect_timeout = Float(
        RECONNECT_TIMEOUT,
        help="Seconds to wait for a controller that cannot be reached any more.",
    ).tag(config=True)

    resources = Dict(
        value_trait=Float(),
        help="What tasks may take a share of while they run: --resources gpu=1.",
    ).tag(config=True)
    labels = List(Unicode(), help="What marks this engine for tasks.").tag(config=True)

    aliases = {
        "file": "IPEngine.url_file",
        "timeout": "IPEngine.timeout",
        "reconnect-timeout": "IPEngine.reconnect_timeout",
        "resources": "IPEngine.resources",
        "labels": "IPEngine.labels",
    } | BaseApp.aliases

    @validate("url_file")
    def _make_file_absolute(self, proposal: Any) -> str:
        return absolute(proposal["value"])

    @default("wait_for_url_file")
    def _wait_as_for_all(self) -> float:
        return self.timeout

    def run(self, signals: Signals) -> int:
        """Run an engine until it is told to end."""
        info = self._find_controller()
        spec = EngineSpec(
            info=info,
            uuid=uuid.uuid4().bytes,
            timeout=self.timeout,
            resources=self.resources,
            labels=self.labels,
            reconnect_timeout=self.reconnect_timeout,
        )
        self.log.info("registering with %s (pid %s)", info.urls[0], os.getpid())
        try:
            run_engine(spec)
        except TransportError as error:
            return self.fail(error, NOT_REGISTERED)
        self.log.info("stopped")
        return 0

    def _find_controller(self) -> ConnectionInfo:
        path = connection_file(self.folder, self.cluster_id, "engine")
        if self.url_file:
            path = Path(self.url_file)
        with contextlib.redirect_stdout(sys.stderr):  # that it waits
            info = read_connection_file(path, self.wait_for_url_file)
        if info.role != "engine":
            raise ConnectionRefused(
                f"{path} is for a {info.role}: an engine needs the file "
                "ipcontroller-engine.json that was written beside it"
            )
        return info

    def leave(self, status: int) -> None:
        """End this process, also if the users' code left threads behind."""
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # users may have put anything there
                stream.flush()
        os._exit(status)


def main(argv: list[str] | None = None) -> None:
    """Be `ipengine`."""
    IPEngine.main(argv)

"""`ipcontroller`: a controller by itself, for engines that others start."""

from __future__ import annotations

import shutil

from traitlets import Enum, Int, Unicode

from ..cluster.options import ControllerOptions
from ..cluster.records import read_record
from ..controller.controller import run_controller
from ..controller.spec import ControllerSpec
from ..errors import LauncherError
from ..transport.keys import new_keys
from ..transport.locations import (
    cluster_file,
    connection_file,
    make_profile,
    make_runtime_dir,
    record_file,
)
from .app import BaseApp
from .options import record_flags
from .signals import Signals
from .start import ALREADY_RUNNING

__all__ = ["IPController", "main"]


class IPController(ControllerOptions, BaseApp):
    """The command `ipcontroller`."""

    name = "ipcontroller"
    config_name = "ipcontroller"
    description = (
        "Run a controller until Ctrl-C, SIGTERM or SIGHUP.\n\n"
        "It writes the connection files that clients and engines need. By default it "
        "listens on a socket in a private folder, for this host only; an --ip, a "
        "--port or --transport=tcp make it one TCP port, encrypted."
    )
    examples = """
ipcontroller
ipcontroller --ip=0.0.0.0 --port=10101 --location=head.example.org
"""
    transport = Enum(
        ["ipc", "tcp"],
        None,
        allow_none=True,
        help="ipc: a socket in a private folder, no port; tcp: one port, encrypted. "
        "By default tcp if an ip or a port is given.",
    ).tag(config=True)
    ip = Unicode(help="The address to listen on; by default 127.0.0.1.").tag(
        config=True
    )
    port = Int(
        0, min=0, max=65535, help="The port to listen on; 0 takes a free one."
    ).tag(config=True)
    location = Unicode(
        help="The name or address by which others reach this host; by default its name."
    ).tag(config=True)
    flags = record_flags("IPController") | BaseApp.flags
    aliases = {
        "ip": "IPController.ip",
        "port": "IPController.port",
        "transport": "IPController.transport",
        "location": "IPController.location",
        "scheme": "IPController.scheme",
        "hwm": "IPController.hwm",
    } | BaseApp.aliases

    def run(self, signals: Signals) -> int:
        """Run a controller until it is told to end."""
        given = bool(self.ip or self.port)
        if given and self.transport == "ipc":
            raise LauncherError("--ip and --port are for --transport=tcp, not for ipc")
        folder = make_profile(self.folder)
        known = read_record(cluster_file(folder, self.cluster_id))
        if known is not None and known.is_running():
            self.log.critical(
                "a cluster %r of profile %r is running, and its connection files are "
                "these: stop it, or choose another --cluster-id",
                self.cluster_id,
                self.profile_name,
            )
            return ALREADY_RUNNING
        file = connection_file(folder, self.cluster_id, "client")
        if file.exists():
            self.log.warning(
                "%s is there already: its controller is gone, or will be out of reach",
                file,
            )
        runtime = make_runtime_dir()
        try:
            url = f"ipc://{runtime}/c"
            if given or self.transport == "tcp":
                url = f"tcp://{self.ip or '127.0.0.1'}:{self.port}"
            spec = ControllerSpec(
                cluster_id=self.cluster_id,
                urls=[url],
                keys=new_keys(),
                profile_dir=str(folder),
                location=self.location,
                scheduling=self.scheduling(),
                recording=self.recording(record_file(folder, self.cluster_id)),
            )
            run_controller(spec)
        finally:
            shutil.rmtree(runtime, ignore_errors=True)
        self.log.info("stopped")
        return 0


def main(argv: list[str] | None = None) -> None:
    """Be `ipcontroller`."""
    IPController.main(argv)

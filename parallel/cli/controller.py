"""`ipcontroller`: a controller by itself, for engines that others start."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import msgspec
from traitlets import Bool, Enum, Int, Unicode

from ..cluster.lastrun import (
    LastRun,
    read_last_run,
    remake_runtime_dir,
    roster_file,
)
from ..cluster.options import ControllerOptions
from ..cluster.prologue import words_of_failure
from ..cluster.records import read_record
from ..controller.process import run_controller
from ..controller.spec import ControllerSpec
from ..errors import LauncherError
from ..transport.holding import keep, make_runtime_dir, sweep
from ..transport.keys import new_keys
from ..transport.locations import (
    cluster_file,
    connection_file,
    make_profile,
    record_file,
)
from ..transport.openfiles import bears_ipc
from ..transport.pids import start_time
from .app import BaseApp
from .options import record_flags
from .signals import Signalled, Signals
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
        "By default tcp if an ip or a port is given, and where fewer than 4,096 files "
        "may be open.",
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
    ssh_server = Unicode(
        help="A host through which clients of other hosts go by ssh, user@host:port."
    ).tag(config=True)
    engine_ssh_server = Unicode(help="The same, for engines.").tag(config=True)
    reuse_files = Bool(
        help="Keep the keys, the address and the connection files of the last "
        "controller of this profile and cluster id, and leave them at the end."
    ).tag(config=True)
    restore_engines = Bool(
        help="The same, and take up its engines and unfinished tasks, too."
    ).tag(config=True)
    flags = {
        "reuse": (
            {"IPController": {"reuse_files": True}},
            "Keep keys, address and connection files of the last controller.",
        ),
        "restore": (
            {"IPController": {"restore_engines": True}},
            "The same, and take up its engines and unfinished tasks.",
        ),
        **record_flags("IPController"),
    } | BaseApp.flags
    aliases = {
        "ip": "IPController.ip",
        "port": "IPController.port",
        "transport": "IPController.transport",
        "location": "IPController.location",
        "ssh": "IPController.ssh_server",
        "enginessh": "IPController.engine_ssh_server",
        "scheme": "IPController.scheme",
        "hwm": "IPController.hwm",
    } | BaseApp.aliases

    def run(self, signals: Signals) -> int:
        """Run a controller until it is told to end."""
        if (self.ip or self.port) and self.transport == "ipc":
            raise LauncherError("--ip and --port are for --transport=tcp, not for ipc")
        folder = make_profile(self.folder)
        known = read_record(cluster_file(folder, self.cluster_id))
        reuses = self.reuse_files or self.restore_engines
        last = read_last_run(folder, self.cluster_id) if reuses else None
        if known and known.awaits_controller():
            known = None  # what starts us has written it
        if (known and known.is_running()) or (last and last.is_running()):
            self.log.critical(
                "a cluster %r of profile %r is running, and its connection files are "
                "these: stop it, or choose another --cluster-id",
                self.cluster_id,
                self.profile_name,
            )
            return ALREADY_RUNNING
        file = connection_file(folder, self.cluster_id, "client")
        if file.exists() and last is None:
            self.log.warning(
                "%s is there already: its controller is gone, or will be out of reach",
                file,
            )
        runtime = self._make_runtime_dir(last)
        sweep()  # who waits for this one must not find its folder gone
        own = os.getpid()
        run = LastRun(
            cluster_id=self.cluster_id,
            profile_dir=str(folder),
            epoch=1 if last is None else last.epoch + 1,
            urls=[self._url(runtime, last)],
            keys=new_keys() if last is None else last.keys,
            location=self.location or ("" if last is None else last.location),
            runtime_dir=str(runtime),
            host=socket.gethostname(),
            pid=own,
            started=start_time(own) or 0,
        )
        try:
            self._serve(run)
        except Signalled as ended:  # it was told to end before it served anybody
            self.log.info("%s", ended)
        finally:
            shutil.rmtree(runtime, ignore_errors=True)
            if not reuses:
                run.forget()
        self.log.info("stopped")
        return 0

    def _make_runtime_dir(self, last: LastRun | None) -> Path:
        """Make the folder of the socket: the last one's, if that is used again."""
        if last is None:
            runtime = make_runtime_dir()
        else:
            runtime = Path(last.runtime_dir)
            remake_runtime_dir(runtime)
        if self.reuse_files or self.restore_engines:
            keep(runtime)
        return runtime

    def _url(self, runtime: Path, last: LastRun | None) -> str:
        """Return where to listen: as the last one did, but for what is given."""
        before = "" if last is None else last.urls[0]
        transport = self.transport
        if not (self.ip or self.port or transport):
            if before:
                return before
            transport = "ipc" if bears_ipc() else "tcp"
        if transport == "ipc":
            return f"ipc://{runtime}/c"
        host, _, port = before.removeprefix("tcp://").rpartition(":")
        if not before.startswith("tcp://"):
            host, port = "", ""
        return f"tcp://{self.ip or host or '127.0.0.1'}:{self.port or port or 0}"

    def _serve(self, run: LastRun) -> None:
        """Run a controller, and write down where it listens."""
        folder = Path(run.profile_dir)
        spec = ControllerSpec(
            cluster_id=run.cluster_id,
            urls=run.urls,
            keys=run.keys,
            profile_dir=run.profile_dir,
            location=run.location,
            scheduling=self.scheduling(),
            recording=self.recording(record_file(folder, run.cluster_id)),
            epoch=run.epoch,
            restores=self.restore_engines,
            keeps_files=self.reuse_files or self.restore_engines,
            runtime_dir=run.runtime_dir,
            roster=str(roster_file(folder, run.cluster_id)),
            notice=words_of_failure(os.environ),
            ssh={"client": self.ssh_server, "engine": self.engine_ssh_server},
        )
        run_controller(
            spec, on_up=lambda urls: msgspec.structs.replace(run, urls=urls).write()
        )


def main(argv: list[str] | None = None) -> None:
    """Be `ipcontroller`."""
    IPController.main(argv)

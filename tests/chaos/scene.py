"""What faults strike: a cluster, who joined it from outside, and the way to it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random
from typing import Any

import psutil

from parallel import Client, Cluster
from parallel.transport.locations import connection_file, log_file
from parallel.transport.pids import is_alive
from tests.chaos.load import Tally
from tests.chaos.ways import OverCable, OverRelay, Way
from tests.commands import Running
from tests.system.hosts import HERE, hosts

__all__ = ["Scene"]

#: Seconds that a command is waited for at the end.
ENDING = 60


class Scene:
    """A cluster with everything around it, while the block lasts.

    Parameters
    ----------
    networked
        It listens on a port, and who joins it from outside comes over a way that can be
        cut.
    on_hosts
        That leads from other hosts, in network namespaces; else over relays.
    longest
        Seconds that anything is stopped or cut at most.
    record
        The file for the record of tasks, if it is to be elsewhere than usual.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        n: int,
        *,
        networked: bool,
        on_hosts: bool,
        patience: float,
        longest: float,
        record: Path | None = None,
    ) -> None:
        self.starts = folder / "starts"
        self._folder = folder
        self._n = n
        self._patience = patience
        self.longest = longest
        self._random = Random(f"scene {seed}")
        self.cluster = Cluster(
            n=n,
            cluster_id=f"chaos-{seed}",
            transport="tcp" if networked else "ipc",
            ip=HERE if on_hosts else "",
            engine_timeout=120,
            task_record_file=str(record or ""),
        )
        self._on_hosts = on_hosts
        self.ways: list[Way] = []
        self.guests: list[Running] = []
        self.visitors: list[subprocess.Popen[str]] = []
        #: The processes that were killed or stopped, with what was done to them.
        self.struck: dict[int, str] = {}
        self._stopped: set[int] = set()
        self._timers: list[threading.Timer] = []
        self._started = 0
        #: What became of the visitors' jobs that were there to the end.
        self.tally = Tally()

    def __enter__(self) -> Scene:
        with ExitStack() as stack:
            network = stack.enter_context(hosts(2)) if self._on_hosts else None
            self.client = stack.enter_context(self.cluster)
            record = self.cluster.record
            assert record is not None
            self.agent = record.pid
            stack.callback(self._close)
            stack.callback(self.stop_visitors)
            if network is not None:
                self.ways += [OverCable(network, name) for name in network.names]
            elif self.cluster.transport == "tcp":
                self.ways += [OverRelay(record.urls[0]) for _ in range(2)]
            self.second = self._connect_client()
            self.add_guest()
            self.add_visitor()
            self.client.wait_for_engines(len(self.guests), timeout=120)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stack.close()

    # Who is there

    @property
    def engines(self) -> list[int]:
        """The engines' process ids."""
        return sorted(info.pid for info in self.client._connection.engines.values())

    @property
    def controller(self) -> int:
        """The controller's process id: the newest that has told."""
        cluster = self.cluster
        file = log_file(Path(cluster.profile_dir), "ipcontroller", cluster.cluster_id)
        told = re.findall(r"listening on .*\(pid (\d+)\)", file.read_text())
        return int(told[-1])

    def add_guest(self) -> None:
        """Start an engine that this host's agent does not watch.

        On another host there is one that does: nobody else can say that one is dead.
        """
        file, on_host = self._way_for("engine")
        where = {
            "IPP_CLUSTER_ID": self.cluster.cluster_id,
            "IPP_PROFILE_DIR": self.cluster.profile_dir,
        }
        name = "ipcluster engines -n 1" if self._on_hosts else "ipengine"
        command = f"{name} --file={file} --timeout=60"
        self.guests.append(Running(command, where, on_host=on_host))

    def add_visitor(self) -> None:
        """Start a process with a client that submits, too."""
        file, on_host = self._way_for("client")
        words: list[object] = [file, self._random.random()]
        words += [self.starts, f"v{self._started}x", self._patience]
        command = [sys.executable, "-m", "tests.chaos.visitor", *map(str, words)]
        with (self._folder / f"visitor-{self._started}.log").open("w") as log:
            self.visitors.append(
                subprocess.Popen(
                    on_host(command),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
            )

    def _connect_client(self) -> Client:
        """Connect a client of this process: it is on no other host."""
        if self._on_hosts:
            return Client(self._file("client"))
        return Client(self._way_for("client")[0])

    def _file(self, role: str) -> Path:
        cluster = self.cluster
        return connection_file(Path(cluster.profile_dir), cluster.cluster_id, role)

    def _way_for(self, role: str) -> tuple[Path, Callable[[list[str]], list[str]]]:
        """Return a connection file for who comes from outside, and how it is run."""
        self._started += 1
        file = self._file(role)
        if not self.ways:
            return file, list
        way = self.ways[self._started % len(self.ways)]
        copy = self._folder / f"{role}-{self._started}.json"
        return way.file(file, copy), way.words

    # What is done to them

    def strike(self, pid: int, signum: int) -> str:
        """Send a signal to a process, and note it; say so."""
        words = f"{signal.Signals(signum).name} to {pid}"
        self.struck[pid] = words
        with suppress(ProcessLookupError):
            os.kill(pid, signum)
        return words

    def end(self, guest: Running) -> str:
        """Have a guest end in order, with the engine that it watches; say so."""
        pid = guest.process.pid
        watched = psutil.Process(pid).children(recursive=True)
        words = self.strike(pid, signal.SIGTERM)
        self.struck.update((each.pid, words) for each in watched)
        return words

    def stop_for(self, pid: int, seconds: float) -> str:
        """Stop a process, and let it go on after a while; say so."""
        words = self.strike(pid, signal.SIGSTOP)
        self._stopped.add(pid)
        self.later(seconds, lambda: self._go_on(pid))
        return f"{words} for {seconds:.1f} s"

    def _go_on(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        """Do something after a while."""
        timer = threading.Timer(seconds, what)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def restore(self) -> None:
        """Let everybody go on, and everything pass."""
        for timer in self._timers:
            timer.cancel()
            timer.join()
        for pid in self._stopped:
            self._go_on(pid)
        for way in self.ways:
            way.heal()
        for guest in self.guests:
            done = self.struck.get(guest.process.pid, "")
            if done.startswith(("SIGKILL", "SIGTERM")):
                guest.process.wait(ENDING)
        self.replace_those_that_left()

    def replace_those_that_left(self) -> None:
        """See to it that there is a guest and a visitor, and no engine too few.

        Without an agent nobody else replaces those that it had.
        """
        guests = {g.process.pid for g in self.guests if g.process.poll() is None}
        short = len(guests.union(self.engines)) < self._n
        if not guests or (short and not is_alive(self.agent)):
            self.add_guest()
        if all(visitor.poll() is not None for visitor in self.visitors):
            self.add_visitor()

    # The end

    def stop_visitors(self) -> None:
        """Have them submit no more."""
        for visitor in self.visitors:
            if visitor.stdin is not None:
                with suppress(OSError):
                    visitor.stdin.close()
                visitor.stdin = None

    def dismiss_visitors(self) -> None:
        """Have those that were not killed end, and take their tallies."""
        for visitor in self.visitors:
            killed = visitor.pid in self.struck and visitor.poll() is not None
            out, _ = visitor.communicate(timeout=4 * self._patience)
            if visitor.returncode == 0:
                self.tally.add(Tally.from_json(out))
            elif not killed:
                words = f"a visitor ended with the status {visitor.returncode}"
                self.tally.complaints.append(words)

    def dead(self, pids: set[int]) -> set[int]:
        """Return which of these processes have died."""
        return {pid for pid in pids if not is_alive(pid)}

    def _close(self) -> None:
        for visitor in self.visitors:
            visitor.kill()
            visitor.wait()
            if visitor.stdout is not None:
                visitor.stdout.close()
        self.second.close()
        for guest in self.guests:
            guest.process.terminate()
        for guest in self.guests:
            with suppress(subprocess.TimeoutExpired):
                guest.process.wait(ENDING)
            log = self._folder / f"guest-{guest.process.pid}.log"
            log.write_text(guest.said())
            guest.close()
        for way in self.ways:
            way.close()

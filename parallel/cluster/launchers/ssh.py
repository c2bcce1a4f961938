"""`SSHLauncher`: engines on hosts that one can log in to, or a controller on one."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from ...engine.spec import JOB
from ...errors import LauncherError, TransportError
from ...protocol.connection import ConnectionInfo, from_json, to_json
from ...transport.addresses import is_loopback
from ...transport.connectionfiles import read_connection_file
from ...transport.locations import connection_file, log_file
from ...transport.privatefiles import write_private
from ..prologue import LINE_FAILED, SHELL_ELSEWHERE
from ..shares import name_shared
from .job import Job
from .login import Login
from .logins import LOOK_EVERY, PATIENCE, start_all, tell_all
from .program import CONTROLLER, ENGINES
from .remote import Remote
from .remotescripts import ANSWER, HOME, fetch_script, from_home, start_script
from .sshhosts import SSHHosts

__all__ = ["SSHLauncher"]

log = logging.getLogger("parallel.cluster")

#: A controller's files are waited for over there for so long at a time, seconds.
FETCHING = 5.0


class SSHLauncher(SSHHosts):
    """On hosts that one can log in to with a key.

    Each host is logged in to once. What runs there goes on when the connection breaks.
    """

    kind = "ssh"

    #: Whether the connection file is put where the program looks for it, for as long as
    #: it runs, and not only told to its process.
    sends_file: ClassVar[bool] = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._remotes: list[Remote] = []
        self._fetched: list[Path] = []

    # Starting

    def start(self, n: int | None = None) -> None:
        """Start it on each host; return once all have told that it runs.

        Raises
        ------
        LauncherError
            A host cannot be reached, or cannot start it: nothing is left running.
        """
        self.n = n
        shares = self.shares(n)
        self._remotes = []
        try:
            for host, share in shares.items():
                remote = self.remote(host, share)
                self._remotes.append(remote)
            starters = [self._starter(remote) for remote in self._remotes]
            start_all(starters, self.logins_at_once)
            failures = [r.failure for r in self._remotes if r.failure]
            if failures:
                more = f"\n(and {len(failures) - 3} more)" if len(failures) > 3 else ""
                what = "the controller" if n is None else "engines"
                raise LauncherError(
                    f"cannot start {what} on {len(failures)} of {len(shares)} hosts: "
                    + "\n".join(failures[:3]) + more
                )  # fmt: skip
        except BaseException:
            with contextlib.suppress(LauncherError):
                self.stop()
            raise
        for remote in self._remotes:
            if LINE_FAILED in remote.complaints:
                log.warning("%s: %s", remote.name, remote.complaints)

    def _starter(self, remote: Remote) -> tuple[Remote, Callable[[], None]]:
        """Return how a host's program is started."""
        option = self.options_of(remote.name)
        profile = option("remote_profile_dir") or from_home(self.program.profile_dir)
        program = msgspec.structs.replace(self.program, profile_dir=profile)
        info = self._connection() if program.role == ENGINES else None
        fed, file, only_on = "", None, None
        if info is not None:
            text = to_json(info).decode()
            only_on = _only_on(info)
            if self.sends_file:
                path = connection_file(Path(profile), info.cluster_id, "engine")
                file = (str(path), text.rstrip())
            else:
                fed = text
                arguments = [*program.arguments, "--file=-"]
                program = msgspec.structs.replace(program, arguments=arguments)
        own_log = str(
            log_file(Path(profile), self._log_name(remote), program.cluster_id)
        )
        script = start_script(
            self.words_for(program.words(remote.n, option("python"))),
            folder=from_home(option("work_dir"), HOME),
            log=own_log,
            environment={
                **self.environment_of(),
                **name_shared({**self.environment, **option("environment")}),
                "IPP_PROFILE_DIR": profile,
                JOB: remote.name,
            },
            prologue=option("prologue"),
            is_fed=bool(fed),
            file=file,
            only_on=only_on,
            lines=self.output_limit,
        )
        shell = SHELL_ELSEWHERE if option("prologue") else "/bin/sh"
        return remote, lambda: remote.start(script, own_log, fed, shell)

    def words_for(self, words: list[str]) -> list[str]:
        """Return the command that is run on a host."""
        return words

    def _log_name(self, remote: Remote) -> str:
        if self.program.role == CONTROLLER:
            return "ipcontroller"
        host = "".join(c if c.isalnum() or c in ".-" else "-" for c in remote.name)
        return f"ipengines-{self.program.set_id}-{host}"

    def _connection(self) -> ConnectionInfo | None:
        """Return what engines are to know; None if there is no file of it here yet."""
        program = self.program
        path = connection_file(Path(program.profile_dir), program.cluster_id, "engine")
        if not path.exists():  # they wait for theirs
            return None
        try:
            return read_connection_file(path)
        except TransportError as error:
            raise LauncherError(str(error)) from error

    # Looking

    def jobs(self) -> list[Job]:
        """Return where each host's program stands."""
        deadline = time.monotonic() + PATIENCE
        for remote in self._remotes:
            while not remote.is_in_sight() and time.monotonic() < deadline:
                time.sleep(LOOK_EVERY)
        return [remote.job() for remote in self._remotes]

    def fetch(self) -> None:
        """Bring a controller's connection files here, if they are not."""
        program, option = self.program, self.options_of(self._remotes[0].name)
        profile = option("remote_profile_dir") or from_home(program.profile_dir)
        roles = ("client", "engine")
        there = [
            str(connection_file(Path(profile), program.cluster_id, role))
            for role in roles
        ]
        login = self.remote(self._remotes[0].name, None)
        with contextlib.closing(
            Login(login.words, fetch_script(there, FETCHING))
        ) as fetching:
            fetching.wait(FETCHING + PATIENCE)
            texts = fetching.said().split(f"{ANSWER} file\n")[1:]
        if len(texts) != len(roles):
            return
        for role, text in zip(roles, texts, strict=True):
            path = connection_file(Path(program.profile_dir), program.cluster_id, role)
            if not path.exists():
                info = from_json(text.encode(), f"{path.name} of {login.name}")
                write_private(path, to_json(info))
                self._fetched.append(path)

    # Ending

    def stop(self) -> None:
        """End it on all hosts; return once all have told that it has ended.

        Raises
        ------
        LauncherError
            Some hosts could not be told: what runs there ends with its controller.
        """
        seconds = self.stop_timeout / 2
        failures = tell_all(
            self._remotes,
            lambda remote: remote.stop(seconds),
            seconds,
            self.logins_at_once,
        )
        for remote in self._remotes:
            if remote in failures:
                remote.release()
            else:
                remote.be_over()
        fetched, self._fetched = self._fetched, []
        for path in fetched:
            path.unlink(missing_ok=True)
        _raise_if_any(failures)

    def signal(self, signum: int) -> None:
        """Send each host's program a signal."""
        failures = tell_all(
            self._remotes,
            lambda remote: remote.signal(signum),
            0.0,
            self.logins_at_once,
        )
        _raise_if_any(failures)

    def detach(self) -> None:
        """Look no more; what runs on the hosts goes on."""
        for remote in self._remotes:
            remote.release()

    # Found again

    def state_to_dict(self) -> dict[str, Any]:
        """Return what finds the programs again, from any host with the same key."""
        return {
            "hosts": [remote.to_dict() for remote in self._remotes],
            "fetched": [str(path) for path in self._fetched],
        }

    def state_from_dict(self, state: dict[str, Any]) -> None:
        """Take over what another process has started."""
        self._fetched = [Path(path) for path in state["fetched"]]
        for each in state["hosts"]:
            remote = self.remote(each["host"], each["n"])
            remote.take_over(each)
            self._remotes.append(remote)


def _only_on(info: ConnectionInfo) -> tuple[str, str] | None:
    """Return the one host from where a controller can be reached, if there is one."""
    if info.ssh or not all(map(is_loopback, info.urls)):
        return None
    why = (
        f"the controller listens to {info.host or info.location} only "
        f"({', '.join(info.urls)}): start it with ip='*'"
    )
    return info.host or info.location, why


def _raise_if_any(failures: Mapping[Remote, str]) -> None:
    if failures:
        told = "\n".join(f"{remote.name}: {why}" for remote, why in failures.items())
        raise LauncherError(f"these hosts cannot be told: {told}")

"""One ssh tunnel to a controller's one address, made again whenever it breaks."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import subprocess
import threading
from collections import deque
from pathlib import Path
from time import monotonic

import msgspec

from ..errors import ControllerUnreachable
from ..protocol.connection import ConnectionInfo
from . import ssh
from .holding import hold, make_runtime_dir
from .probing import reach

__all__ = ["Tunnel", "tunnelled"]

log = logging.getLogger("parallel.tunnel")

#: A tunnel that broke is made anew after so long, seconds, and ever later.
AGAIN, AGAIN_LATEST = 0.25, 8.0
#: One that held for so long, seconds, is made anew as soon as the first time.
HELD = 20.0
#: How often it is looked whether ssh listens, seconds.
LOOK_EVERY = 0.02
#: So many lines of what ssh says are kept.
LINES = 20
#: Ends ssh with the process that reads its words, however that one ends: its pipe is
#: the only thing that tells. ssh alone would carry on for ever, for nobody.
_GUARD = """\
exec 3<&0 </dev/null
"$@" 3<&- &
ssh=$!
{ read -r _ <&3; kill $ssh; } >/dev/null 2>&1 &
wait $ssh
status=$?
kill $! 2>/dev/null
wait $! 2>/dev/null
exit $status
"""
_SETTINGS = {
    # A socket that a killed ssh has left is in nobody's way.
    "StreamLocalBindUnlink": "yes",
    # Its own connection, which ends with it, and forwards nothing else.
    "ControlPath": "none",
    "ForwardX11": "no",
    "ForwardAgent": "no",
}


def tunnelled(info: ConnectionInfo, server: str, folder: Path) -> ConnectionInfo:
    """Return what leads to a controller through a tunnel.

    Parameters
    ----------
    server
        The host that it goes to, `user@host:port`.
    folder
        Where its near ends are.

    Raises
    ------
    LauncherError
        The server's name means nothing.
    """
    far = " or ".join(info.urls)
    return msgspec.structs.replace(
        info,
        urls=[f"ipc://{folder}/ssh{i}" for i in range(len(info.urls))],
        host=socket.gethostname(),
        through=f"{far} through ssh to {ssh.Destination.read(server)}",
    )


class Tunnel:
    """Carries connections to all addresses of a controller through a host.

    The near ends are sockets in a private folder, so nobody else on this host can
    use them; the far ends may be ports or sockets.

    Parameters
    ----------
    server
        The host to log in to, `user@host:port`.
    key
        The file of a private key, if ssh does not find it by itself.
    folder
        A private folder for the near ends, which somebody else holds and removes; by
        default it has one of its own.

    Raises
    ------
    LauncherError
        There can be no private folder, or the server's name means nothing.
    """

    def __init__(
        self,
        info: ConnectionInfo,
        server: str,
        key: str = "",
        folder: Path | None = None,
    ) -> None:
        self._server = ssh.Destination.read(server, key)
        self._own_folder = None if folder else make_runtime_dir()
        self._held = hold(self._own_folder) if self._own_folder else -1
        #: What leads to the controller through it.
        self.info = tunnelled(info, server, folder or self._own_folder or Path())
        self._near = [Path(url.removeprefix("ipc://")) for url in self.info.urls]
        for path in self._near:  # of one before, which was killed
            path.unlink(missing_ok=True)
        self._words = self._make_words(info.urls)
        self._said: deque[str] = deque(maxlen=LINES)
        self._closed = threading.Event()
        self._opened = threading.Event()
        self._ssh: subprocess.Popen[str] | None = None
        #: Why there will be none, if that is so.
        self.failure = ""
        self._thread = threading.Thread(
            target=self._carry, name="parallel-tunnel", daemon=True
        )
        self._thread.start()

    def _make_words(self, urls: list[str]) -> list[str]:
        options = ["-N", "-T"]
        for near, url in zip(self._near, urls, strict=True):
            far = url.partition("://")[2]
            options += ["-L", f"{near}:{far}"]
        guarded = self._server.words(*options, settings=_SETTINGS)
        return ["/bin/sh", "-c", _GUARD, "ssh-tunnel", *guarded]

    def reach(self, timeout: float) -> ConnectionInfo:
        """Return what leads to the controller by one address, which answers.

        Raises
        ------
        ControllerUnreachable
            ssh cannot log in, or nobody answers there: what it said.
        """
        deadline = monotonic() + timeout
        while not self._opened.wait(LOOK_EVERY):
            self._look()
            if self.failure or monotonic() > deadline:
                why = self.failure or f"it did not log in within {timeout:.3g} s"
                raise ControllerUnreachable(
                    f"no tunnel to the controller on {self.info.location} by ssh to "
                    f"{self._server}: {why}{self._quote()}"
                )
        try:
            return reach(self.info, max(LOOK_EVERY, deadline - monotonic()))
        except ControllerUnreachable as error:
            raise ControllerUnreachable(f"{error}{self._quote()}") from None

    def _look(self) -> None:
        if all(path.exists() for path in self._near):
            self._opened.set()

    def story(self) -> str:
        """Say what is to be looked at if nobody answers, and what ssh has said last."""
        return f"can {self._server} reach that?{self._quote()}"

    def _quote(self) -> str:
        said = ssh.last_words("\n".join(self._said))
        return (
            f"\nssh said: {said}{ssh.advice(said, str(self._server))}" if said else ""
        )

    # The thread's side

    def _carry(self) -> None:
        """Run ssh again and again, until this is closed."""
        pause = AGAIN
        while not self._closed.is_set():
            begin = monotonic()
            status = self._run()
            if self._closed.is_set():
                return
            said = "\n".join(self._said)
            self._look()
            if not self._opened.is_set() and not ssh.is_transient(said):
                self.failure = f"ssh ended with status {status}"
                return
            pause = AGAIN if monotonic() - begin > HELD else pause
            log.warning(
                "the tunnel by ssh to %s broke (status %s)%s; making it anew",
                self._server, status, self._quote(),
            )  # fmt: skip
            self._closed.wait(pause)
            pause = min(2 * pause, AGAIN_LATEST)

    def _run(self) -> int | str:
        """Run ssh until it ends; return its status, or why there is none."""
        self._said.clear()
        try:
            process = subprocess.Popen(
                self._words,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,  # Ctrl-C is for this process alone
            )
        except OSError as error:
            return str(error)
        with process:
            self._ssh = process
            if self._closed.is_set():  # close() may have been too early to end it
                self._end(process)
            assert process.stderr is not None
            for line in process.stderr:
                self._said.append(line.rstrip())
        return process.returncode

    def _end(self, process: subprocess.Popen[str]) -> None:
        if process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                process.stdin.close()

    # Ending

    def close(self) -> None:
        """End it; return once ssh is gone."""
        self._closed.set()
        if self._ssh is not None:
            self._end(self._ssh)
        self._thread.join(10)
        if self._own_folder is not None:
            shutil.rmtree(self._own_folder, ignore_errors=True)
        held, self._held = self._held, -1
        if held >= 0:
            os.close(held)

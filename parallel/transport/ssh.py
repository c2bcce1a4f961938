"""The system's ssh: how it is asked, and what its words mean."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import msgspec

from ..errors import LauncherError

__all__ = ["FAILED", "Destination", "advice", "is_transient", "last_words"]

#: The status of ssh itself, where that of a command is expected.
FAILED = 255
#: Never ask anybody, and notice within half a minute that the other side is gone.
_OPTIONS = {
    "BatchMode": "yes",
    "ConnectTimeout": "10",
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "3",
}
_WRITTEN = re.compile(
    r"(?:ssh://)?(?:(?P<user>[^@/\s]+)@)?"
    r"(?P<host>\[[^\]\s]+\]|[^:/@\s]+|[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)"
    r"(?::(?P<port>\d+))?/?"
)
#: What ssh says of a host that has too many logins under way, or was not there just
#: now. That nobody may log in, or that no host has the name, is not among them.
_TRANSIENT = re.compile(
    r"kex_exchange_identification|Connection (closed|reset|timed out)|Broken pipe"
    r"|ssh_exchange_identification|Connection to \S+ closed by remote host"
)
#: What to do where ssh says this.
_ADVICE = {
    "Permission denied": "Let a key of yours in there (`ssh-copy-id {host}`), or name "
    "the file of one that is (sshkey)",
    "Host key verification failed": "Log in there once by hand, and accept its key: "
    "`ssh {host}`",
    "Could not resolve hostname": "Is the host's name spelled as you, or your "
    "~/.ssh/config, know it?",
}
#: Which of many connections through a tunnel it speaks of.
_CHANNEL = re.compile(r"^channel \d+: ")
#: Its own chatter, which explains nothing.
_CHATTER = re.compile(r"Warning: Permanently added|^\s*$|Pseudo-terminal will not")


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """A host to log in to, and as whom.

    Parameters
    ----------
    key
        The file of a private key; '' leaves it to ssh's own settings, and its agent.
    port
        None for the one that ssh's settings say.
    """

    host: str
    user: str = ""
    port: int | None = None
    key: str = ""

    @classmethod
    def read(cls, written: str, key: str = "") -> Destination:
        """Return what `user@host:port` means; all but the host may lack.

        Raises
        ------
        LauncherError
            It means nothing.
        """
        found = _WRITTEN.fullmatch(written)
        if found is None or found["host"].startswith("-"):
            raise LauncherError(
                f"{written!r} is no host to reach by ssh: give host, user@host or "
                "user@host:port, or a Host of your ~/.ssh/config"
            )
        port = found["port"]
        return cls(
            host=found["host"].strip("[]"),
            user=found["user"] or "",
            port=int(port) if port else None,
            key=str(Path(key).expanduser()) if key else "",
        )

    def words(
        self,
        *options: str,
        command: list[str] | None = None,
        settings: dict[str, str] | None = None,
    ) -> list[str]:
        """Return the command that logs in, up to the host.

        Parameters
        ----------
        options
            More words for ssh.
        command
            Which ssh; by default what `$PARALLEL_SSH` says, or `ssh`.
        settings
            More of what `ssh -o` sets.
        """
        ssh = command or shlex.split(os.environ.get("PARALLEL_SSH", "")) or ["ssh"]
        sets = {**_OPTIONS, **(settings or {})}
        if self.key:
            sets["IdentitiesOnly"] = "yes"
        words = [*ssh, *(f"-o{name}={value}" for name, value in sets.items())]
        words += ["-i", self.key] if self.key else []
        words += ["-l", self.user] if self.user else []
        words += ["-p", str(self.port)] if self.port else []
        return [*words, *options, "--", self.host]

    @property
    def for_a_shell(self) -> str:
        """What follows `ssh` where somebody types it; ssh takes no `host:port`."""
        port = ["-p", str(self.port)] if self.port else []
        user = f"{self.user}@" if self.user else ""
        return shlex.join([*port, f"{user}{self.host}"])

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return f"{user}{self.host}{port}"


def is_transient(said: str) -> bool:
    """Tell whether it is worth while to try again what ssh has failed to do."""
    return "connect to host" not in said and _TRANSIENT.search(said) is not None


def last_words(said: str, lines: int = 10) -> str:
    """Return the end of what ssh said, without its chatter, and each thing once."""
    told = [
        _CHANNEL.sub("", line.rstrip())
        for line in said.splitlines()
        if not _CHATTER.search(line)
    ]
    return "\n".join(list(dict.fromkeys(told))[-lines:])


def advice(said: str, host: str) -> str:
    """Return, to be added to what ssh said, what to do about it; '' if that is open.

    Parameters
    ----------
    host
        Where to, as `Destination.read` takes it.
    """
    for words, what in _ADVICE.items():
        if words in said:
            return f"\n{what.format(host=Destination.read(host).for_a_shell)}"
    return ""

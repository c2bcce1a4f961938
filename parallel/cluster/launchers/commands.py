"""Commands of other systems: run with a bound, and told in full when they fail."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from ...errors import LauncherError

__all__ = ["Answer", "ask"]

#: Seconds that a command may take: one whose server does not answer gives up by itself.
PATIENCE = 60.0


class Answer(msgspec.Struct, frozen=True):
    """What a command said, and how it ended."""

    command: str
    status: int
    output: str
    errors: str

    @property
    def refusal(self) -> LauncherError:
        """The error that it is, for whom the command had to succeed."""
        said = "\n".join(filter(None, [self.errors.strip(), self.output.strip()]))
        return LauncherError(
            f"`{self.command}` failed with status {self.status}"
            + (f":\n{said}" if said else ", and said nothing")
        )


def ask(
    words: Sequence[str],
    *,
    text: str | None = None,
    environment: Mapping[str, str] | None = None,
    folder: str | Path | None = None,
    patience: float = PATIENCE,
) -> Answer:
    """Run a command, and return what it answers, in English.

    Parameters
    ----------
    words
        The command, word by word.
    text
        What it reads; by default nothing.
    environment
        Variables beside those of this process.
    folder
        Where it is run; by default here.
    patience
        Seconds that it may take.

    Raises
    ------
    LauncherError
        There is no such command here, or it does not end.
    """
    command = shlex.join(words)
    variables = {**os.environ, "LC_ALL": "C", **(environment or {})}
    try:
        done = subprocess.run(
            words,
            input=text or "",
            capture_output=True,
            text=True,
            errors="replace",
            env=variables,
            cwd=folder,
            timeout=patience,
        )
    except FileNotFoundError as error:
        if folder is not None and not Path(folder).is_dir():
            raise LauncherError(
                f"`{command}` cannot be run in {folder}: there is no such folder"
            ) from error
        raise LauncherError(
            f"`{command}` cannot be run: there is no command {words[0]} on this host, "
            f"in PATH={variables.get('PATH', '')}"
        ) from error
    except OSError as error:
        raise LauncherError(
            f"`{command}` cannot be run: {error.strerror or error}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise LauncherError(
            f"`{command}` has not ended within {patience:g} s, and was killed"
        ) from error
    return Answer(command, done.returncode, done.stdout, done.stderr)

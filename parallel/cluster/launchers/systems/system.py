"""What batch systems differ in, as a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from ..job import SUBMITTED
from ..polling import Key, Status

__all__ = [
    "BatchSystem",
    "describe_exit",
    "exit_code",
    "leave_nothing",
    "say_nothing",
    "unknown_state",
]

#: There is no signal above this number.
_LAST_SIGNAL = 64


def leave_nothing(output: str) -> dict[Key, Status]:
    """Read an answer that says nothing of any job."""
    return {}


def say_nothing(output: str) -> dict[str, str]:
    """Read an answer that does not say why jobs wait."""
    return {}


class BatchSystem(msgspec.Struct, frozen=True, kw_only=True):
    """A batch system: its commands, its job script, and how to read its answers.

    In the commands `{ids}` stands for the ids of jobs, each a word of its own unless
    there is a `joint`, `{signal}` for a signal's name, and `{user}` for the user's.

    Parameters
    ----------
    name
        What people call it.
    directive
        What its lines in a job script begin with, which are left out if they have an
        option that was not given.
    template
        What is submitted, by default.
    script
        The shell script that it names, if it is none itself.
    submit
        The command to which the script's path is added.
    by_stdin
        Whether it reads the script instead.
    job_id
        A pattern, whose first group is the job's id in the answer.
    cancel, signal
        The commands that end jobs, and send them a signal; empty if there is none.
    present, past
        The commands that tell of jobs, and of those that the first does not know any
        more; empty if there is none.
    waiting
        The command that tells why jobs wait, if `present` does not; empty if there is
        none.
    read_present, read_past, read_waiting
        What reads their answers; of the last, reasons by the jobs' numbers.
    unknown
        A pattern of the complaints about jobs that it does not know.
    joint
        What stands between ids that are one word.
    element
        How a job of an array is called, from its number and its index.
    single_output, array_output
        What follows the beginning of the output's path in a job, and in an array, in
        the system's own signs for the number and the index.
    signs
        Those signs: what each stands for, `number` or `index`.
    spread
        What starts a command on each host of a job; empty if nothing does, and there
        is to be a job for each host's engines.
    single_name, array_name
        What a job is called, and one of an array, in the variables that its script has:
        as this package calls it. Empty if the template itself says so.
    counts_from_zero
        Whether each job is one of an array, and the first has the index 0.
    """

    name: str
    directive: str
    template: str
    script: str = ""
    submit: tuple[str, ...]
    by_stdin: bool = False
    job_id: str = r"(\d+)"
    cancel: tuple[str, ...] = ()
    signal: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    read_present: Callable[[str], Mapping[Key, Status]] = leave_nothing
    read_past: Callable[[str], Mapping[Key, Status]] = leave_nothing
    read_waiting: Callable[[str], Mapping[str, str]] = say_nothing
    unknown: str = r"(?!)"
    joint: str = ""
    element: str = "{}[{}]"
    single_output: str = ".out"
    array_output: str = ".out"
    signs: Mapping[str, str] = {}
    single_name: str = ""
    array_name: str = ""
    spread: str = ""
    counts_from_zero: bool = False

    def words(self, command: tuple[str, ...], ids: list[str], user: str) -> list[str]:
        """Return one of its commands, word by word."""
        words: list[str] = []
        for word in command:
            several = [self.joint.join(ids)] if self.joint else ids
            if "{ids}" in word:
                words += [word.replace("{ids}", each) for each in several]
            else:
                words.append(word.replace("{user}", user))
        return words

    def output_of(self, pattern: str, job: str, index: int) -> str:
        """Return the path of a job's output, from what the script says of it."""
        values = {"number": job, "index": str(index)}
        for sign, what in self.signs.items():
            pattern = pattern.replace(sign, values[what])
        return pattern


def exit_code(status: int, *bases: int) -> int:
    """Return an exit code, negative if it is a signal's number.

    Systems and shells add 128 to the number of a signal, some systems 256: a status
    such as 255 is none of those, but what a program has returned.
    """
    for base in bases or (128,):
        if base < status <= base + _LAST_SIGNAL:
            return base - status
    return status


def unknown_state(state: str) -> Status:
    """Return what is made of a state that no manual has: the job may still be there."""
    return Status(SUBMITTED, f"its state is {state or 'not told'}, which is not known")


def describe_exit(code: int | None) -> str:
    """Say how a script ended; nothing if it is not known, or if it ended well."""
    if not code:
        return ""
    return f"killed by signal {-code}" if code < 0 else f"exit status {code}"

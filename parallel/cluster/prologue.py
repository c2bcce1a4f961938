"""The lines of shell that run before a program: which of them fail is told.

As in any shell, what comes after a line that fails is run nevertheless: many files that
are read so end with a test that is false. Who wants it otherwise says `set -e`, or
`… || exit`.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import MutableMapping, Sequence

__all__ = [
    "FAILED",
    "LINE_FAILED",
    "SHELL_ELSEWHERE",
    "shell",
    "watched",
    "words_of_failure",
]

#: The variable that tells the program which lines have failed.
FAILED = "IPP_PROLOGUE_FAILED"
#: What begins the words about such a line, after what it wrote to stderr itself.
LINE_FAILED = "this line of the prologue failed"
#: The command that is the shell for a prologue on another host, in any login shell.
SHELL_ELSEWHERE = """/bin/sh -c 'exec "$(command -v bash || echo /bin/sh)"'"""

# Bash runs an ERR trap for what fails outside of functions only, and not in conditions:
# so `module` and `conda`, which are functions, are judged by how they end. What is told
# is the line, since after a function the command is one of that. Other shells have no
# such trap, but for ksh and zsh: there, each line is followed by a look at its status.
_WATCH = """\
ipp_line_failed() {{
    case $(($2 - ipp_lines)) in
{cases}
    *) set -- "$1" "" "$3" ;;
    esac
    {failed}="${{{failed}:+${failed}, }}\\`$3\\` with status $1"
    export {failed}
    echo "{line_failed} with status $1, and what comes after it is \
run nevertheless: $3" >&2
}}
[ -z "${{BASH_VERSION-}}" ] || trap 'ipp_line_failed $? $LINENO "$BASH_COMMAND"' ERR
ipp_lines=${{LINENO:-0}}"""
_REST = '[ -z "${BASH_VERSION-}" ] || trap - ERR'


def watched(prologue: Sequence[str], *, in_bash: bool = True) -> list[str]:
    """Return a prologue, in lines of shell that tell which of it fails.

    Parameters
    ----------
    in_bash
        Any other shell only runs it; otherwise they tell it there, too, if each line is
        a command of its own.
    """
    if not prologue:
        return []
    lines = "\n".join(prologue).splitlines()
    cases = [
        f'    {number}) set -- "$1" "" {shlex.quote(line.strip())} ;;'
        for number, line in enumerate(lines, 1)
    ]
    watch = _WATCH.format(
        cases="\n".join(cases), failed=FAILED, line_failed=LINE_FAILED
    )
    if in_bash or not all(map(_is_whole, lines)):
        return [watch, *lines, _REST]
    return [
        watch,
        'if [ -n "${BASH_VERSION-}" ]; then ipp_lines=$LINENO',
        *lines,
        "else ipp_lines=0",
        *(f"{line}\n{_look(line, i)}" for i, line in enumerate(lines, 1)),
        "fi",
        _REST,
    ]


def _is_whole(line: str) -> bool:
    """Tell whether something can be put after a line that is to be like nothing."""
    if line.endswith("\\") or "<<" in line or "$?" in line:
        return False
    command = [shell(), "-n", "-c", line]
    return not subprocess.run(command, stderr=subprocess.DEVNULL).returncode


def _look(line: str, number: int) -> str:
    """Return what tells that the line before it has failed, but for a false test."""
    if "&&" in line:
        return ":"
    return f"ipp_status=$?; [ $ipp_status = 0 ] || ipp_line_failed $ipp_status {number}"


def shell() -> str:
    """Return the shell of this host that is to run a prologue."""
    return shutil.which("bash") or "/bin/sh"


def words_of_failure(environment: MutableMapping[str, str]) -> str:
    """Return, for people, which lines have failed; '' if none has.

    It is no matter for processes to come: the variable is removed.
    """
    failed = environment.pop(FAILED, "")
    return f"of the prologue failed {failed}, and the rest was run" if failed else ""

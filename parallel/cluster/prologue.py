"""The lines of shell that run before a program: which of them fail is told.

As in any shell, what comes after a line that fails is run nevertheless: many files that
are read so end with a test that is false. Who wants it otherwise says `set -e`, or
`… || exit`.
"""

from __future__ import annotations

import shlex
import shutil
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
# is the line, since after a function the command is one of that.
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
ipp_lines=$LINENO"""
_REST = '[ -z "${BASH_VERSION-}" ] || trap - ERR'


def watched(prologue: Sequence[str]) -> list[str]:
    """Return a prologue, in lines of shell that tell which of it fails.

    They do so where the shell is bash; any other runs the prologue.
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
    return [watch, *lines, _REST]


def shell() -> str:
    """Return the shell of this host that is to run a prologue."""
    return shutil.which("bash") or "/bin/sh"


def words_of_failure(environment: MutableMapping[str, str]) -> str:
    """Return, for people, which lines have failed; '' if none has.

    It is no matter for processes to come: the variable is removed.
    """
    failed = environment.pop(FAILED, "")
    return f"of the prologue failed {failed}, and the rest was run" if failed else ""

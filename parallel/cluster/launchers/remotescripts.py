"""What is said to a shell on another host: start a program there, watch it, end it.

The words go by ssh's input, so no secret stands in an argument list, and whatever
shell the user has there only has to start /bin/sh, or bash for a prologue. What is
answered begins with a word of ours, for a login may say other things first.
"""

from __future__ import annotations

import contextlib
import shlex
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..prologue import watched

__all__ = [
    "ANSWER",
    "HOME",
    "end_script",
    "fetch_script",
    "from_home",
    "quoted",
    "signal_script",
    "start_script",
    "watch_script",
]

#: Stands in words for the home folder there.
HOME = "\0home"
#: What lines of ours begin with.
ANSWER = "parallel-ssh:"
_TEXT = "PARALLEL_END_OF_TEXT"

#: `is_there` holds for a process that is the one that was started, and runs.
_IS_THERE = """\
began() {
    cut -d' ' -f22 "/proc/$1/stat" 2>/dev/null || ps -o lstart= -p "$1" | tr -d ' '
}
is_there() {
    case $(ps -o stat= -p "$1" 2>/dev/null) in Z* | '') return 1 ;; esac
    [ "$(began "$1")" = "$2" ]
}
pause() { sleep 0.1 2>/dev/null || sleep 1; }
"""
#: Whoever cannot be told finds the status in a file.
_TELL_END = f"""\
tell_end() {{
    echo "{ANSWER} ended $1" || echo "$1" >"$2.ended"
    tail -c "+$(($3 + 1))" "$2" 2>/dev/null | tail -n "$4"
}}
"""
_FAIL = f"""\
fail() {{
    echo "{ANSWER} failed $1 $2"
    exit "$1"
}}
"""


def quoted(word: str) -> str:
    """Return a word as the shell there is to be given it."""
    parts = [shlex.quote(part) if part else "" for part in word.split(HOME)]
    return '"$HOME"'.join(parts) or "''"


def from_home(folder: str, home: str = "") -> str:
    """Return a folder of this host as it is found from the home folder of another.

    Parameters
    ----------
    home
        What stands for the folder that a program starts in.
    """
    if folder in ("", "."):
        return home or folder
    path = Path(folder).expanduser()
    with contextlib.suppress(ValueError):
        inside = path.relative_to(Path.home())
        return f"{HOME}/{inside}" if str(inside) != "." else HOME
    return str(path)


def start_script(
    words: Sequence[str],
    *,
    folder: str,
    log: str,
    environment: Mapping[str, str],
    prologue: Sequence[str],
    is_fed: bool = False,
    file: tuple[str, str] | None = None,
    only_on: tuple[str, str] | None = None,
    lines: int = 100,
) -> str:
    """Return what starts a program, tells its pid, and then how it ended.

    It goes on when the connection breaks, and so does who waits for it there; before
    it is started, a connection that broke is the end.

    Parameters
    ----------
    is_fed
        What follows the script is for the program's input.
    file
        A file to be there for as long as it runs, and its text.
    only_on
        The one host where it can work, and what to say on others.
    lines
        How many of the last lines of its log are told when it has ended.
    """
    python = quoted(words[0])
    absent = f'"there is no "{python}" on $(uname -n): python= says which one is there"'
    given = "<&3" if is_fed else "</dev/null"
    sent, remove = [], []
    if file is not None:
        path, text = quoted(file[0]), file[1]
        sent = [
            f'mkdir -p "$(dirname {path})"',
            f"cat >{path} <<'{_TEXT}'\n{text}\n{_TEXT}",
        ]
        remove = [f"rm -f {path}"]
    only = []
    if only_on is not None:
        host, why = map(shlex.quote, only_on)
        only = [f'[ "$(uname -n)" = {host} ] || fail 1 {why}" (this is $(uname -n))"']
    return "\n".join(
        [
            "{",  # all is read before any of it is done: what follows is not for it
            "exec 3<&0 </dev/null",
            _IS_THERE + _TELL_END + _FAIL,
            "umask 077",
            *only,
            f'cd {quoted(folder)} || fail 1 "cannot work in "{quoted(folder)}',
            *(f"export {key}={quoted(each)}" for key, each in environment.items()),
            *watched(prologue, in_bash=False),
            f"command -v {python} >/dev/null 2>&1 || fail 127 {absent}",
            f"log={quoted(log)}",
            'mkdir -p "$(dirname "$log")" && : >>"$log" || fail 1 "cannot write $log"',
            'rm -f "$log.ended"',
            'begin=$(wc -c <"$log" | tr -d " ")',
            "trap '' HUP PIPE",
            f"echo '{ANSWER} begins' || exit 1",
            *sent,
            f'{" ".join(map(quoted, words))} >>"$log" 2>&1 {given} 3<&- &',
            "pid=$!",
            "exec 3<&-",
            "sid=$(cut -d' ' -f6 /proc/$$/stat 2>/dev/null || echo 0)",
            "began=$(began $pid)",  # nothing, if it has ended by now
            f'echo "{ANSWER} started $pid ${{began:-0}} $sid $begin $(uname -n)"',
            "wait $pid",
            "status=$?",
            *remove,
            f'tell_end $status "$log" "$begin" {lines}',
            "exit 0",
            "}",
            "",
        ]
    )


def watch_script(pid: int, began: str, log: str, begin: int, lines: int = 100) -> str:
    """Return what tells whether a program runs there, and then how it ended."""
    return "\n".join(
        [
            _IS_THERE + _TELL_END,
            "trap '' PIPE",
            f"log={quoted(log)}",
            f"is_there {pid} {began} && echo '{ANSWER} runs'",
            f"while is_there {pid} {began}; do pause; done",
            '[ -s "$log.ended" ] || pause',
            'status=$(cat "$log.ended" 2>/dev/null || echo unknown)',
            f'tell_end "$status" "$log" {begin} {lines}',
            "",
        ]
    )


def signal_script(pid: int, began: str, signum: int) -> str:
    """Return what sends a program a signal, if it runs."""
    name = signal.Signals(signum).name.removeprefix("SIG")
    return f"{_IS_THERE}is_there {pid} {began} && kill -s {name} {pid}\nexit 0\n"


def end_script(pid: int, began: str, sid: int, seconds: float) -> str:
    """Return what ends a program, and all of its session if it does not by SIGTERM."""
    kill = f"kill -s KILL {pid}"
    if sid > 1:
        kill = f"{{ pkill -KILL -s {sid} 2>/dev/null || {kill}; }}"
    return "\n".join(
        [
            _IS_THERE,
            "trap '' HUP PIPE",
            f"is_there {pid} {began} && kill -s TERM {pid} && kill -s CONT {pid}",
            f"turns={max(1, int(10 * seconds))}",
            f'while is_there {pid} {began} && [ "$turns" -gt 0 ]; do',
            "    turns=$((turns - 1))",
            "    pause",
            "done",
            f"is_there {pid} {began} && {kill}",
            "exit 0",
            "",
        ]
    )


def fetch_script(files: Sequence[str], seconds: float) -> str:
    """Return what shows some files, once all are there, each after a line of ours."""
    names = " ".join(map(quoted, files))
    return "\n".join(
        [
            _IS_THERE,
            'all_there() { for each; do [ -s "$each" ] || return 1; done; }',
            f"turns={int(10 * seconds)}",
            f'while ! all_there {names} && [ "$turns" -gt 0 ]; do',
            "    turns=$((turns - 1))",
            "    pause",
            "done",
            f"all_there {names} || exit 0",
            f"for each in {names}; do echo '{ANSWER} file'; cat \"$each\"; done",
            "",
        ]
    )

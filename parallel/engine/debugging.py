"""pdb in an engine, line by line: each is a short task, and its text the result."""

from __future__ import annotations

import bdb
import codeop
import contextlib
import io
import pdb  # noqa: T100
from types import TracebackType
from typing import Any, NamedTuple

from .postmortem import is_users, last_error

__all__ = ["Answer", "open_debugger", "tell_debugger"]

#: What a command says beyond this is cut, characters.
MOST = 1 << 20
#: The commands that would have the program go on, stop or begin anew.
_GOING_ON = (
    *("b", "break", "c", "cl", "clear", "commands", "condition", "cont", "continue"),
    *("debug", "disable", "enable", "ignore", "interact", "j", "jump", "n", "next"),
    *("r", "restart", "return", "run", "s", "step", "tbreak", "unt", "until"),
)
_OVER = (
    "this task is over, and there is nothing to go on with: w, u, d, l, p, pp, args "
    "and !statement look at it, q ends"
)
_DEBUGGERS = "bdb", "pdb"


class Answer(NamedTuple):
    """What an engine says to a command."""

    text: str
    #: What names the error that is looked at; 0 if there is none, or it is over.
    number: int = 0


class _Debugger(pdb.Pdb):
    """Looks at the frames of an error that was raised."""

    def __init__(self, frames: TracebackType) -> None:
        self._said = io.StringIO()
        super().__init__(
            stdin=io.StringIO(), stdout=self._said, nosigint=True, readrc=False
        )
        self.reset()
        self.setup(None, frames)
        # Where a breakpoint is refused, it is by a step of ours.
        while self.curindex and not _is_of_interest(self.stack[self.curindex][0]):
            self.do_up("")
        self.take()
        self.print_stack_entry(self.stack[self.curindex])

    def obey(self, line: str) -> bool:
        """Do what a line says; return whether to go on.

        `;;` stands between several commands.
        """
        over: Any = False
        with contextlib.redirect_stdout(self._said):  # of what expressions call
            try:
                self.cmdqueue = [line]
                while self.cmdqueue and not over:
                    over = self.onecmd(self.precmd(self.cmdqueue.pop(0)))
            except bdb.BdbQuit:
                over = True
            except (Exception, KeyboardInterrupt) as error:  # of a repr of the user's
                self.error(f"{type(error).__name__}: {error}")
        return not over

    def default(self, line: str) -> None:
        """Run a statement; nobody is asked for more lines of it."""
        if _is_complete(line.removeprefix("!").strip()):
            super().default(line)
        else:
            self.error(
                "a statement is one line here, as in: for each in x: print(each)"
            )

    def take(self) -> str:
        """Return what was said since the last call."""
        text = self._said.getvalue()
        self._said.seek(0)
        self._said.truncate()
        if len(text) > MOST:
            cut = len(text) - MOST
            text = f"{text[:MOST]}\n[... {cut:,} characters cut here ...]\n"
        return text

    def refuse(self, _: str) -> None:
        """Say that the program does not go on."""
        self.error(_OVER)


for _name in _GOING_ON:
    setattr(_Debugger, f"do_{_name}", _Debugger.refuse)


def _is_complete(statement: str) -> bool:
    try:
        return codeop.compile_command(f"{statement}\n", "<stdin>", "single") is not None
    except (SyntaxError, ValueError, OverflowError):  # pdb tells them
        return True


def _is_of_interest(frame: Any) -> bool:
    return is_users(frame) and frame.f_globals.get("__name__") not in _DEBUGGERS


def open_debugger(msg_id: str = "", told: str = "") -> Answer:
    """Look at the last error of the engine that this is called in.

    Parameters
    ----------
    msg_id
        The task that raised it; empty for whichever did.
    told
        The error's name and message; empty for any.
    """
    last = last_error()
    if last is None:
        return Answer("no task has failed there yet, or it was cleared")
    if (msg_id and msg_id != last.msg_id) or (told and told != last.told):
        return Answer(
            "it does not have this error any more: the last error there is another "
            f"one, {last.told}"
        )
    if last.frames is None:
        return Answer(f"the frames of {last.told} were not kept: {last.missing}")
    last.debugger = _Debugger(last.frames)
    return Answer(f"{last.told}\n{last.debugger.take()}", last.number)


def tell_debugger(number: int, line: str) -> Answer:
    """Do what a line says, where `open_debugger` has been called.

    Parameters
    ----------
    number
        What that answered.
    """
    last = last_error()
    if last is None or last.number != number or last.debugger is None:
        return Answer("the error is gone: another task failed there, or it was cleared")
    debugger: _Debugger = last.debugger
    goes_on = debugger.obey(line)
    return Answer(debugger.take(), number if goes_on else 0)

"""A program on one other host: started by ssh, watched by the same ssh, found again."""

from __future__ import annotations

import signal
from time import monotonic
from typing import Any

from ...transport import ssh
from ..ends import say_exit
from .job import ENDED, RUNNING, SUBMITTED, Job
from .login import Login
from .remotescripts import ANSWER, end_script, signal_script, watch_script

__all__ = ["Remote"]

#: Who lost sight of a host looks again after so long, seconds, and ever later.
LOOK_AGAIN, LOOK_AGAIN_LATEST = 1.0, 30.0
#: What Python says where this package lacks, and what is to be done then.
NO_PACKAGE_SAID = f"No module named {__name__.partition('.')[0]!r}"
NO_PACKAGE = "install the package there, or have python= name one that has it"


class Remote:
    """Some engines, or a controller, on one host.

    Parameters
    ----------
    n
        How many engines.
    words
        The command that logs in there.
    """

    def __init__(self, name: str, n: int | None, words: list[str], lines: int) -> None:
        self.name = name
        self.n = n
        #: The command that logs in there.
        self.words = words
        self._lines = lines
        self._login: Login | None = None
        #: What ssh wrote to stderr by the end.
        self._complained = ""
        self._fed = ""
        self._pid = 0
        self._began = ""
        self._sid = 0
        self._begin = 0
        self.log = ""
        self._ended = False
        self._exit_code: int | None = None
        self._reason = ""
        self._last_lines = ""
        self._again, self._pause = 0.0, LOOK_AGAIN

    # Starting

    def start(
        self, script: str, log: str, fed: str = "", shell: str = "/bin/sh"
    ) -> None:
        """Log in, and have the program started; `settled` tells when that is over.

        Parameters
        ----------
        fed
            What the program is told by its input, once it is known to run: if the
            connection breaks before, it ends for want of that.
        shell
            The command that is the shell there.
        """
        self.log = log
        self._fed = fed
        self._login = Login(self.words, script, is_fed=bool(fed), shell=shell)

    def settled(self) -> bool:
        """Tell whether it is known by now if the program was started."""
        self.look()
        return self._pid > 0 or self._ended

    def try_again(self) -> bool:
        """Tell whether the host only had too much to do, and forget that if so."""
        login = self._login
        if self._pid or login is None or login.status != ssh.FAILED:
            return False
        if login.said() or not ssh.is_transient(login.complained()):
            return False
        self._let_go()
        self._ended, self._reason = False, ""
        return True

    @property
    def failure(self) -> str:
        """Why the program was not started; '' if it was."""
        return "" if self._pid or not self._ended else self._reason

    @property
    def complaints(self) -> str:
        """What was written to stderr before the program was started."""
        login = self._login
        return self._complained if login is None else login.complained().strip()

    # Looking

    def look(self) -> None:
        """Take in what ssh has said, and log in anew if the connection broke."""
        if self._ended:
            return
        login = self._login
        if login is None:
            self._watch()
            return
        status = login.status  # before what it said: then nothing more comes
        self._read_start(login)
        ended = login.answer("ended")
        if ended is not None and status is not None:
            self._end(login, ended)
        elif status is not None:
            self._lose(login, status)
        elif login.answer("runs") is not None or self._pid:
            self._reason, self._pause = "", LOOK_AGAIN

    def _read_start(self, login: Login) -> None:
        started = login.answer("started")
        if started and not self._pid:
            self._pid, self._began = int(started[0]), started[1]
            self._sid, self._begin = int(started[2]), int(started[3])
            if self._fed:
                login.feed(self._fed)

    def _end(self, login: Login, answer: list[str]) -> None:
        self._ended = True
        status = answer[0] if answer else ""
        if status.isdigit():
            self._exit_code = _as_here(int(status))
            how = say_exit(self._exit_code)
        else:
            how = "has ended"
        said = login.said().partition(f"{ANSWER} ended")[2].partition("\n")[2]
        self._last_lines = "\n".join(said.splitlines()[-self._lines :])
        absent = f": {NO_PACKAGE}" if NO_PACKAGE_SAID in said else ""
        self._reason = f"{how} (pid {self._pid} on {self.name}){absent}"
        self._complained = self.complaints
        self._let_go()

    def _lose(self, login: Login, status: int) -> None:
        """Take note that ssh has ended, and not told of the program's end."""
        said = ssh.last_words(login.complained())
        failed = login.answer("failed")
        if not self._pid:
            why = " ".join(failed[1:]) if failed else ""
            told = "\n".join(filter(None, [why, said]))
            code = int(failed[0]) if failed else status
            how = say_exit(status) if status < 0 else f"ended with status {code}"
            command = " ".join(login.words)
            self._reason = f"{self.name}: `{command}` {how}: {told or 'no word'}"
            if not failed:
                self._reason += ssh.advice(said, self.name)
            self._exit_code = code
            self._ended = True
            return
        self._reason = f"cannot be seen: ssh ended with status {status}: {said}"
        self._let_go()
        self._again = monotonic() + self._pause
        self._pause = min(2 * self._pause, LOOK_AGAIN_LATEST)

    def _watch(self) -> None:
        if not self._pid or monotonic() < self._again:
            return
        script = watch_script(
            self._pid, self._began, self.log, self._begin, self._lines
        )
        self._login = Login(self.words, script)

    def is_in_sight(self) -> bool:
        """Tell whether it is known by now how it stands, or that this cannot be."""
        self.look()
        login = self._login
        if self._ended or login is None:
            return self._ended or bool(self._reason)
        return any(login.answer(word) is not None for word in ("started", "runs"))

    def job(self) -> Job:
        """Return where it stands."""
        self.look()
        state = ENDED if self._ended else RUNNING if self._pid else SUBMITTED
        return Job(
            name=self.name,
            n=self.n or 1,
            state=state,
            reason=self._reason,
            exit_code=self._exit_code,
            last_lines=self._last_lines,
        )

    # Ending

    def signal(self, signum: int) -> Login | None:
        """Begin to send a signal; return what is to be waited for, if it runs."""
        if self._ended or not self._pid:
            return None
        return Login(self.words, signal_script(self._pid, self._began, signum))

    def stop(self, seconds: float) -> Login | None:
        """Begin to end it; return what is to be waited for, if it runs."""
        if self._ended or not self._pid:
            return None
        script = end_script(self._pid, self._began, self._sid, seconds)
        return Login(self.words, script)

    def be_over(self) -> None:
        """Take note that it is known to have ended, if nobody has told how."""
        self.look()
        login = self._login
        if login is not None and not self._ended:
            login.wait(1.0)
            self.look()
        if not self._ended:
            self._ended, self._exit_code = True, -signal.SIGKILL
            self._reason = f"{say_exit(-signal.SIGKILL)} (pid {self._pid})"
        self.release()

    def release(self) -> None:
        """End the ssh that watches, which the program survives."""
        if self._login is not None and self._login.status is None:
            self._login.close()
        self._let_go()

    def _let_go(self) -> None:
        login, self._login = self._login, None
        if login is not None:
            login.close()

    # Found again

    def to_dict(self) -> dict[str, Any]:
        """Return, for JSON, what finds it again."""
        return {
            "host": self.name,
            "n": self.n,
            "pid": self._pid,
            "began": self._began,
            "sid": self._sid,
            "begin": self._begin,
            "log": self.log,
            "ended": self._ended,
            "exit_code": self._exit_code,
            "reason": self._reason,
        }

    def take_over(self, state: dict[str, Any]) -> None:
        """Be the one that another process has started."""
        self._pid, self._began = int(state["pid"]), str(state["began"])
        self._sid, self._begin = int(state["sid"]), int(state["begin"])
        self.log = str(state["log"])
        self._ended, self._exit_code = bool(state["ended"]), state["exit_code"]
        self._reason = str(state["reason"]) if self._ended else ""


def _as_here(status: int) -> int:
    """Return a status that a shell has told as `subprocess` would tell it."""
    if status - 128 in {int(each) for each in signal.Signals}:
        return 128 - status
    return status

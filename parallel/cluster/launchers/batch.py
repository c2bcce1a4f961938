"""Launchers through batch systems: they submit scripts, and ask how the jobs fare."""

from __future__ import annotations

import contextlib
import re
import signal
import time
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from traitlets import Int, List, Unicode

from ...errors import LauncherError
from ...transport.privatefiles import write_private
from ..ends import last_lines
from .commands import Answer, ask
from .job import ENDED, Job
from .jobscript import JobScript
from .polling import Status, number_of
from .program import Program
from .questions import poll_of
from .systems.system import BatchSystem

__all__ = ["BatchLauncher"]

#: Seconds between two looks at jobs that are to end: at first, and at last.
FIRST_LOOK, LAST_LOOK, GROWTH = 0.2, 5.0, 1.25
#: What has not ended so many seconds after it was cancelled is cancelled again: a batch
#: system may miss it for a job that it is just starting.
ASK_AGAIN = 10.0


class _Submission(msgspec.Struct):
    """A job that was submitted, or an array of them, each of so many engines."""

    job: str
    engines: int
    #: The path of its output, in the system's signs.
    output: str


class BatchLauncher(JobScript):
    """Through a batch system of which nothing is known but the commands given."""

    kind = "batch"
    sections = ("BatchSystemLauncher",)
    system: ClassVar[BatchSystem] = BatchSystem(
        name="the batch system", directive="#", template="", submit=()
    )

    submit_command = List(
        Unicode(), help="The command that submits a script, whose path follows."
    )
    delete_command = List(Unicode(), help="The command that ends jobs; ids follow.")
    signal_command = List(
        Unicode(), help="The command that signals jobs; a signal's name and ids follow."
    )
    status_command = List(
        Unicode(),
        help="For batch: a command that succeeds while there is a job; its id follows.",
    )
    job_id_regexp = Unicode(help="A pattern that finds the job's id in the answer.")
    job_id_regexp_group = Int(1, min=0, help="Which group of the pattern is the id.")
    batch_file_name = Unicode(help="Where the script is written; by default with logs.")

    for _batch_option in (submit_command, delete_command, signal_command,
                          status_command, job_id_regexp, job_id_regexp_group,
                          batch_file_name):  # fmt: skip
        _batch_option.tag(config=True)
    del _batch_option

    def __init__(self, program: Program, **options: Any) -> None:
        super().__init__(program, **options)
        self._submissions: list[_Submission] = []
        self._poll = poll_of(self.system, tuple(self.status_command))

    def start(self, n: int | None = None) -> None:
        """Submit the jobs; those of engines may be several.

        It may be called again, for more engines.
        """
        begun = len(self._submissions)
        try:
            for jobs, engines in self.portions(n):
                self._submissions.append(self._submit(jobs, engines))
        except LauncherError:
            for submission in self._submissions[begun:]:
                with contextlib.suppress(LauncherError):
                    self._cancel(submission)
            del self._submissions[begun:]
            raise
        if n is not None:
            self.n = (self.n or 0) + n

    def jobs(self) -> list[Job]:
        """Return where each job stands, as its system said when it was asked last."""
        return [
            self._job(submission, index, status)
            for submission in self._submissions
            for index, status in sorted(self._poll.statuses(submission.job).items())
        ]

    def stop(self) -> None:
        """Cancel all jobs; return once they have ended."""
        if troubles := self._cancel_each(self._submissions):
            raise troubles[0]
        begun = asked = time.monotonic()
        pause = FIRST_LOOK
        while left := [each for each in self._submissions if self._is_there(each)]:
            now = time.monotonic()
            if now > begun + self.stop_timeout:
                raise self._not_ended(left, troubles)
            if now > asked + ASK_AGAIN:
                troubles, asked = self._cancel_each(left), now
            time.sleep(pause)
            pause = min(pause * GROWTH, LAST_LOOK)

    def signal(self, signum: int) -> None:
        """Have the batch system send its jobs a signal."""
        command = self.system.signal
        if self.signal_command:
            command = (*self.signal_command, "{signal}", "{ids}")
        if not command:
            raise LauncherError(
                f"{self.system.name} has no command that sends a job a signal; "
                "Client.send_signal sends engines one"
            )
        if ids := [each.job for each in self._submissions if self._is_there(each)]:
            name = signal.Signals(signum).name.removeprefix("SIG")
            words = self.system.words(command, ids, "")
            _insist([word.replace("{signal}", name) for word in words])

    def state_to_dict(self) -> dict[str, Any]:
        """Return the ids of the jobs, and where their output is."""
        return {"n": self.n, "jobs": msgspec.to_builtins(self._submissions)}

    def state_from_dict(self, state: dict[str, Any]) -> None:
        """Take over jobs that another process has submitted."""
        self.n = state["n"]
        self._submissions = msgspec.convert(state["jobs"], list[_Submission])
        for submission in self._submissions:
            self._poll.watch(submission.job, is_new=False)

    # One submission

    def _submit(self, jobs: int, engines: int) -> _Submission:
        fields = self.fields(jobs, engines)
        text = self.render(self.template, fields)
        path = Path(f"{self.output_base}-{engines}.{self.kind}")
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.batch_file_name:
            path = self.folder / self.batch_file_name
        _write(path, text)
        if self.system.script:
            _write(Path(fields["script_file"]), self.render(self.system.script, fields))
        command = [*(self.submit_command or self.system.submit)]
        if not command:
            raise LauncherError(f"the launcher {self.kind!r} needs a submit_command")
        by_stdin = self.system.by_stdin
        answer = ask(
            command if by_stdin else [*command, str(path)],
            text=text if by_stdin else None,
            environment=self.script_environment(),
            folder=self.folder,
        )
        if answer.status:
            raise LauncherError(
                f"{self.system.name} does not take the job: {answer.refusal}\n"
                f"what was submitted is {path}"
            )
        job = self._read_id(answer)
        self._poll.forget(job)  # of another run of the batch system
        self._poll.watch(job)
        return _Submission(job, engines, fields["output_file"])

    def _read_id(self, answer: Answer) -> str:
        pattern = self.job_id_regexp or self.system.job_id
        found = re.search(pattern, answer.output)
        if found is None:
            raise LauncherError(
                f"`{answer.command}` succeeded, and its answer has no job's id by the "
                f"pattern {pattern!r}: {answer.output.strip()!r}"
            )
        return found[self.job_id_regexp_group if self.job_id_regexp else 1]

    def _cancel_each(self, submissions: list[_Submission]) -> list[LauncherError]:
        """Cancel jobs; return the refusals."""
        troubles = []
        for submission in submissions:
            try:
                self._cancel(submission)
            except LauncherError as error:
                troubles.append(error)
        return troubles

    def _not_ended(
        self, left: list[_Submission], troubles: list[LauncherError]
    ) -> LauncherError:
        words = [
            f"{self._job(each, index, status).name} ({status.reason or status.state})"
            for each in left
            for index, status in sorted(self._poll.statuses(each.job).items())
            if status.state != ENDED
        ]
        refused = "".join(f"\n{error}" for error in troubles)
        return LauncherError(
            f"of {self.system.name} these have not ended {self.stop_timeout:g} s after "
            f"they were cancelled: {', '.join(words)}{refused}"
        )

    def _cancel(self, submission: _Submission) -> None:
        command = self.system.cancel
        if self.delete_command:
            command = (*self.delete_command, "{ids}")
        if not command:
            raise LauncherError(f"the launcher {self.kind!r} needs a delete_command")
        answer = ask(self.system.words(command, [submission.job], ""))
        if answer.status and self._is_there(submission):
            raise answer.refusal

    def _is_there(self, submission: _Submission) -> bool:
        if not self.system.present and not self.status_command:
            return False  # nobody can say
        found = self._poll.statuses(submission.job, ending=True)
        return any(status.state != ENDED for status in found.values())

    def _job(self, submission: _Submission, index: int, status: Status) -> Job:
        number = number_of(submission.job)
        is_alone = index == 0 and not self.system.counts_from_zero
        name = number if is_alone else self.system.element.format(number, index)
        return Job(
            name=name,
            n=submission.engines,
            state=status.state,
            reason=status.reason,
            exit_code=status.exit_code,
            last_lines=self._last_lines(submission, number, index),
        )

    def _last_lines(self, submission: _Submission, number: str, index: int) -> str:
        live = f"{self.output_base}-{number}.{index}.log"
        output = self.system.output_of(submission.output, number, index)
        for path in (Path(live), self.folder / output):
            if path.is_file():
                return last_lines(path, 0).lstrip("\n")
        return ""


def _write(path: Path, text: str) -> None:
    try:
        write_private(path, text.encode())
        path.chmod(0o700)
    except OSError as error:
        raise LauncherError(f"cannot write {path}: {error.strerror}") from error


def _insist(words: list[str]) -> Answer:
    answer = ask(words)
    if answer.status:
        raise answer.refusal
    return answer

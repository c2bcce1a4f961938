"""Submissions whose function has not come yet, and all that came after them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator

from msgspec.structs import replace

from ..aliases import Digest, Uuid
from .work import Work

__all__ = ["Parking"]


class Parking:
    """Work that waits, in the order of its submission, client by client."""

    def __init__(self) -> None:
        self._lines: dict[Uuid, deque[Work]] = {}

    def __contains__(self, client: Uuid) -> bool:
        """Tell whether a client's work has to wait in line."""
        return client in self._lines

    def park(self, client: Uuid, work: Work) -> None:
        """Have work wait behind all that its client has submitted before."""
        self._lines.setdefault(client, deque()).append(work)

    def release(
        self, client: Uuid, is_known: Callable[[Digest], bool]
    ) -> Iterator[Work]:
        """Yield the work that waits no longer, up to the next unknown function."""
        line = self._lines.get(client)
        while line and is_known(line[0].submit.digest):
            yield line.popleft()
        if line is not None and not line:
            self._lines.pop(client, None)

    def lacking(self, client: Uuid) -> Digest | None:
        """Return the function that a client's line waits for."""
        line = self._lines.get(client)
        return line[0].submit.digest if line else None

    def of(self, client: Uuid) -> Collection[Work]:
        """Return a client's work that waits."""
        return self._lines.get(client, ())

    def clients(self) -> list[Uuid]:
        """Return the clients whose work waits."""
        return list(self._lines)

    def withdraw(self, client: Uuid, seqs: Collection[int]) -> list[int]:
        """Take out the tasks of these numbers; return those that were here."""
        found: list[int] = []
        left: deque[Work] = deque()
        for work in self._lines.pop(client, ()):
            numbers = _numbers(work)
            gone = [seq for seq in numbers if seq in seqs]
            found += gone
            if not gone:
                left.append(work)
            elif len(gone) < len(numbers):
                left.extend(_one(work, seq) for seq in numbers if seq not in seqs)
        if left:
            self._lines[client] = left
        return found

    def forget(self, client: Uuid) -> None:
        """Drop what a client that has left submitted."""
        self._lines.pop(client, None)


def _numbers(work: Work) -> range:
    """Return the numbers of the tasks that a submission makes."""
    submit = work.submit
    return range(submit.seq, submit.seq + len(submit.targets or [None]))


def _one(work: Work, seq: int) -> Work:
    """Return what submits one of several tasks alone."""
    submit, targets = work.submit, work.submit.targets or []
    alone = [targets[seq - submit.seq]]
    return replace(work, submit=replace(submit, seq=seq, targets=alone))

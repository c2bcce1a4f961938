"""`Dependency`: tasks that others wait for, and which of their ends count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..protocol.terms import Condition

__all__ = ["Dependency", "as_condition", "msg_ids_of"]


class Dependency(set[str]):
    """A set of message ids that a task depends on, and how.

    Parameters
    ----------
    dependencies
        A message id, a result, several of them, or what `as_dict` returned.
    all
        Whether all of them must have ended so, or any one.
    success, failure
        Which ends count: with a result, with an exception, or both.

    Raises
    ------
    ValueError
        Neither end counts, or something is no dependency.
    """

    def __init__(
        self,
        dependencies: Any = (),
        all: bool = True,  # noqa: A002 - as users know it
        success: bool = True,
        failure: bool = False,
    ) -> None:
        if isinstance(dependencies, Mapping):
            known = dict(dependencies)
            all = known.get("all", all)  # noqa: A001
            success = known.get("success", success)
            failure = known.get("failure", failure)
            dependencies = known.get("dependencies", ())
        if not (success or failure):
            raise ValueError(
                "a dependency on tasks that neither succeed nor fail can never hold: "
                "give success=True or failure=True"
            )
        super().__init__(msg_ids_of(dependencies))
        self.all = all
        self.success = success
        self.failure = failure

    def check(
        self, completed: Iterable[str], failed: Iterable[str] | None = None
    ) -> bool:
        """Tell whether it holds, given what has succeeded and what has failed."""
        counts = self._ends(completed, failed, self.success, self.failure)
        if not self:
            return True
        return self <= counts if self.all else not self.isdisjoint(counts)

    def unreachable(
        self, completed: Iterable[str], failed: Iterable[str] | None = None
    ) -> bool:
        """Tell whether it can never hold, given what has succeeded and failed."""
        against = self._ends(completed, failed, not self.success, not self.failure)
        if not self:
            return False
        return not self.isdisjoint(against) if self.all else self <= against

    def _ends(
        self, completed: Iterable[str], failed: Iterable[str] | None,
        good: bool, bad: bool,
    ) -> set[str]:  # fmt: skip
        return {*(completed if good else ()), *(failed or () if bad else ())}

    def as_dict(self) -> dict[str, Any]:
        """Return it as a dict of plain values, from which it can be made again."""
        return {
            "dependencies": sorted(self),
            "all": self.all,
            "success": self.success,
            "failure": self.failure,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.as_dict(),)

    def __repr__(self) -> str:
        how = f"all={self.all}, success={self.success}, failure={self.failure}"
        return f"{type(self).__name__}({sorted(self)}, {how})"


def msg_ids_of(jobs: Any) -> Iterator[str]:
    """Yield the message ids of an id, of a result, or of several of either.

    A map whose sequences are still read is waited for: its last tasks have no ids
    before they are submitted.

    Raises
    ------
    ValueError
        Something is neither.
    """
    if isinstance(jobs, str):
        yield jobs
    elif hasattr(jobs, "msg_ids"):
        if not getattr(jobs, "sent", True):
            jobs.wait_for_send()
        yield from jobs.msg_ids
    elif isinstance(jobs, Iterable) and not isinstance(jobs, (bytes, Mapping)):
        for job in jobs:
            yield from msg_ids_of(job)
    else:
        raise ValueError(
            "a dependency is a message id, a result, a Dependency, or a list of "
            f"these, not {jobs!r}"
        )


def as_condition(dependency: Any) -> Condition | None:
    """Return what travels of the `after` or `follow` of a view.

    Raises
    ------
    ValueError
        It is no dependency.
    """
    if dependency is None:
        return None
    msg_ids = list(dict.fromkeys(msg_ids_of(dependency)))
    if isinstance(dependency, Dependency):
        how = dependency.all, dependency.success, dependency.failure
        return Condition(msg_ids, *how)
    return Condition(msg_ids)

"""What an engine's tasks have submitted, by how deep they are in one another."""

from __future__ import annotations

from .opentasks import OpenTasks

__all__ = ["Levels"]


class Levels:
    """Unfinished tasks by depth.

    Those that have ended are counted until it matters whether there are fewer.
    """

    def __init__(self, tasks: OpenTasks) -> None:
        self._tasks = tasks
        self._levels: dict[int, dict[int, int]] = {}
        self._nbytes: dict[int, int] = {}
        #: How many tasks had ended when a level was looked through last.
        self._ended: dict[int, int] = {}

    def add(self, depth: int, seqs: range, nbytes: int) -> None:
        """Count tasks that are submitted now, with so many bytes each."""
        level = self._levels.setdefault(depth, {})
        level.update(dict.fromkeys(seqs, nbytes))
        self._nbytes[depth] = self._nbytes.get(depth, 0) + nbytes * len(seqs)
        if len(level) > 2 * len(self._tasks.open) + 1000:
            self._look_through(depth)

    def exceeds(self, depth: int, tasks: float, nbytes: float) -> bool:
        """Tell whether there are so many of a depth, or so many bytes."""
        if not self._may_exceed(depth, tasks, nbytes):
            return False
        if self._ended.get(depth) != self._tasks.finished:
            self._look_through(depth)
        return self._may_exceed(depth, tasks, nbytes)

    def _may_exceed(self, depth: int, tasks: float, nbytes: float) -> bool:
        level = self._levels.get(depth, ())
        return len(level) >= tasks or self._nbytes.get(depth, 0) >= nbytes

    def _look_through(self, depth: int) -> None:
        """Count out what has ended."""
        self._ended[depth] = self._tasks.finished
        under_way = self._tasks.open
        level = self._levels.get(depth, {})
        left = {seq: nbytes for seq, nbytes in level.items() if seq in under_way}
        self._levels[depth] = left
        self._nbytes[depth] = sum(left.values())

"""A launcher for tests: engines and controllers as processes of this host."""

from __future__ import annotations

import msgspec

from parallel.cluster.launchers.local import LocalLauncher
from parallel.errors import LauncherError


class HouseLauncher(LocalLauncher):
    """As another package would bring one along, with options and all."""

    kind = "house"
    without = frozenset({"nodes", "engines_per_node", "cores", "memory"})


class FailingLauncher(LocalLauncher):
    """Starts what ends at once."""

    kind = "failing"

    def start(self, n: int | None = None) -> None:
        """Start it with an option that there is not."""
        words = [*self.program.arguments, "--bogus=1"]
        self.program = msgspec.structs.replace(self.program, arguments=words)
        super().start(n)


class StubbornLauncher(LocalLauncher):
    """Starts what never becomes an engine, and cannot be stopped at the first try."""

    kind = "stubborn"

    def command(self, n: int | None) -> list[str]:
        """Return a command that waits."""
        return ["/bin/sleep", "600"]

    def stop(self) -> None:
        """End it, unless nobody has tried to yet."""
        tried = self.log_file.with_suffix(".tried")
        if not tried.exists():
            tried.touch()
            raise LauncherError("the queue does not answer")
        super().stop()

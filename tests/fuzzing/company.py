"""A client that works beside the attack, in a process of its own, and is watched."""

from __future__ import annotations

import mmap
import os
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from parallel import Client
from tests.integration.tasks import add
from tests.waiting import wait_until

__all__ = ["Company"]

#: An answer that takes longer than this has not come, seconds.
PATIENCE = 60.0
_COUNT = struct.Struct("=Q")


class Company:
    """Has a process ask some engines for sums, until it is stopped.

    Parameters
    ----------
    client
        Of the cluster; those engines are asked that it knows now, before any enemy.
    """

    def __init__(self, client: Client) -> None:
        file = Path(client.cluster.profile_dir, "security")
        tag = f"-{client.cluster.cluster_id}" if client.cluster.cluster_id else ""
        with tempfile.NamedTemporaryFile(prefix="company-") as shared:
            shared.truncate(mmap.PAGESIZE)
            self._page = mmap.mmap(shared.fileno(), mmap.PAGESIZE)
            self._process = subprocess.Popen(
                [
                    sys.executable, "-m", __name__, shared.name,
                    str(file / f"ipcontroller{tag}-client.json"),
                    *map(str, client.ids),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )  # fmt: skip
            wait_until(lambda: self.count or self.stopped, PATIENCE, "a first answer")

    @property
    def count(self) -> int:
        """How many calls were answered, rightly."""
        return int(_COUNT.unpack_from(self._page)[0])

    @property
    def stopped(self) -> bool:
        """Whether something was wrong, and it has ended."""
        return self._process.poll() is not None

    def rate(self, seconds: float) -> float:
        """Return how many calls a second there are, watched for so long."""
        begin, before = time.monotonic(), self.count
        time.sleep(seconds)
        return (self.count - before) / (time.monotonic() - begin)

    def stop(self) -> list[str]:
        """End it; return what was wrong."""
        try:
            said, _ = self._process.communicate(timeout=2 * PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            said, _ = self._process.communicate()
            said += "a call was not answered"
        self._page.close()
        if self._process.returncode and not said:
            said = f"a client beside it ended with status {self._process.returncode}"
        return said.splitlines()


def work(page: mmap.mmap, file: str, engine_ids: list[int]) -> str:
    """Ask for sums until nobody wants more; return what was wrong."""
    os.set_blocking(0, False)
    count = 0
    with Client(file) as client:
        view = client[engine_ids]
        while sys.stdin.buffer.read(1) is None:
            try:
                answers = view.apply_async(add, count).get(PATIENCE)
            except Exception as error:
                return f"{type(error).__name__}: {error}"
            if answers != [count + 1] * len(engine_ids):
                return f"add({count}) was {answers}"
            count += 1
            _COUNT.pack_into(page, 0, count)
    return ""


def main() -> None:
    """Be that process: the page to count in, a connection file, engine ids."""
    shared, file, *engine_ids = sys.argv[1:]
    with Path(shared).open("r+b") as page:
        memory = mmap.mmap(page.fileno(), mmap.PAGESIZE)
    print(work(memory, file, [int(each) for each in engine_ids]), end="")


if __name__ == "__main__":
    main()

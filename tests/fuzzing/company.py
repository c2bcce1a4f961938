"""A client that works beside the attack: its answers, and how many a second."""

from __future__ import annotations

import threading
import time

from parallel import Client
from tests.integration.tasks import add

__all__ = ["Company"]

#: An answer that takes longer than this has not come, seconds.
PATIENCE = 60.0


class Company:
    """Asks some engines for sums in a thread of its own, until it is stopped."""

    def __init__(self, client: Client) -> None:
        #: Those that were there before any enemy.
        self._view = client[client.ids]
        self._count = 0
        self._wrong: list[str] = []
        self._ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        expected = len(self._view)
        while not self._ended and not self._wrong:
            try:
                answers = self._view.apply_async(add, self._count).get(PATIENCE)
            except Exception as error:
                self._wrong.append(f"{type(error).__name__}: {error}")
                return
            if answers != [self._count + 1] * expected:
                self._wrong.append(f"add({self._count}) was {answers}")
            self._count += 1

    def rate(self, seconds: float) -> float:
        """Return how many calls a second there are, watched for so long."""
        begin, before = time.monotonic(), self._count
        time.sleep(seconds)
        return (self._count - before) / (time.monotonic() - begin)

    @property
    def count(self) -> int:
        """How many calls were answered, rightly."""
        return self._count

    @property
    def stopped(self) -> bool:
        """Whether something was wrong, and it has ended."""
        return not self._thread.is_alive()

    def stop(self) -> list[str]:
        """End; return what was wrong."""
        self._ended = True
        self._thread.join(2 * PATIENCE)
        if self._thread.is_alive():
            self._wrong.append("a call was not answered")
        return self._wrong

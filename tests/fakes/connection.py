"""A connection whose other end is the test: it sees what leaves, and answers."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from parallel.client.opentasks import OpenTasks
from parallel.client.results import AsyncResult
from parallel.client.waits import Waits
from parallel.errors import ParallelError
from parallel.protocol.messages import (
    EngineInfo,
    Method,
    Outcome,
    Published,
    Status,
    TaskOutput,
)
from parallel.protocol.terms import Terms
from parallel.serialize.callables import Function
from parallel.serialize.exceptions import pack_error
from parallel.serialize.objects import Packed, pack
from tests.waiting import wait_until


class FakeConnection:
    """Notes what is submitted and aborted; `answer` delivers."""

    session = "cafe"

    def __init__(self, engines: int = 2) -> None:
        self.engines = {
            i: EngineInfo(i, bytes([i]) * 16, "here", 100 + i) for i in range(engines)
        }
        self.closed: ParallelError | None = None
        self.aborted: list[tuple[list[int], bool]] = []
        #: By number: where the outcome goes, as which part, and what was submitted.
        self.open: dict[int, tuple[Any, int, Any]] = {}
        self.tasks = OpenTasks()  # which knows the maps
        self.terms: list[Terms | None] = []
        self.attended = 0
        self.waits = Waits(lambda done, follow, deadline: done())
        self._next = 0
        self._lock = threading.RLock()

    # What results and maps call

    def defers(self, call: Callable[[], object]) -> bool:
        return False

    def submit(
        self, sink: Any, method: Any, digest: bytes, packed: Packed,
        targets: Any = None, index: int = 0, terms: Terms | None = None,
    ) -> int:  # fmt: skip
        if self.closed is not None:
            raise self.closed
        with self._lock:
            seq, self._next = self._next, self._next + len(targets or [None])
            for i in range(len(targets or [None])):
                self.open[seq + i] = (
                    sink,
                    index + i,
                    pickle.loads(packed.payload, buffers=packed.buffers),
                )
            self.terms.append(terms)
        return seq

    def abort(self, seqs: Sequence[int], *, interrupt: bool = False) -> None:
        self.aborted.append(([seq for seq in seqs if seq in self.open], interrupt))

    def pack_function(self, f: Callable[..., Any]) -> Function:
        return Function(b"digest", b"code", f.__name__)

    def wait(
        self, done: Callable[[], bool], follow: Any = None, timeout: float | None = None
    ) -> bool:
        deadline = time.monotonic() + (10 if timeout is None else timeout)
        while not done():
            left = deadline - time.monotonic()
            if left <= 0:
                assert timeout is not None, "waited for what never comes"
                return done()
            threading.Event().wait(min(0.001, left))
        return True

    def look(self) -> None: ...

    def set_off(self) -> None: ...

    def pace(self) -> None: ...

    def attend(self) -> None:
        self.attended += 1

    def is_open(self, seq: int) -> bool:
        return seq in self.open

    @property
    def outstanding(self) -> list[int]:
        return list(self.open)

    def seq_of(self, msg_id: str) -> int | None:
        session, _, seq = msg_id.rpartition("_")
        return int(seq) if session == self.session else None

    # What the test calls

    def answer(
        self, seq: int, value: Any = None, *, status: Status = Status.OK,
        engine_id: int = 0, seconds: float = 1.0, stdout: str = "", stderr: str = "",
        note: str = "",
    ) -> None:  # fmt: skip
        """Deliver how a task ended: with a value, an exception, or a text."""
        if isinstance(value, BaseException):
            info = {"engine_id": engine_id, "engine_uuid": "u", "method": "apply"}
            packed, status = pack_error(value, info), Status.ERROR
        else:
            packed = pack(value)
        frames = [bytes(memoryview(buffer)) for buffer in packed.buffers]
        now = time.time()
        outcome = Outcome(
            seq, status, packed.payload, len(frames), engine_id, now, now + seconds,
            stdout, stderr, note,
        )  # fmt: skip
        sink, index, _ = self.open.pop(seq)
        sink.deliver(index, outcome, frames)

    def say(self, seq: int, stdout: str = "", stderr: str = "") -> None:
        """Let a task that runs print something."""
        sink, index, _ = self.open[seq]
        sink.show(index, TaskOutput(seq, stdout, stderr, running=True))

    def publish(self, seq: int, kind: str, value: Any) -> None:
        """Let a task that runs show something."""
        packed = pack(value)
        frames = [bytes(memoryview(buffer)) for buffer in packed.buffers]
        sink, index, _ = self.open[seq]
        sink.publish(index, Published(seq, kind, packed.payload, len(frames)), frames)

    def close(self, error: ParallelError) -> None:
        """End, and tell who waits."""
        self.closed = error
        for sink in {id(sink): sink for sink, *_ in self.open.values()}.values():
            sink.give_up(error)
        self.open.clear()


def are_open(connection: FakeConnection, *seqs: int) -> None:
    """Wait until these tasks are under way, and no others."""
    wait_until(lambda: sorted(connection.open) == list(seqs), what=f"tasks {seqs}")


def direct(connection: Any, count: int = 2, **options: Any) -> AsyncResult:
    """Return the result of one call on several engines."""
    ar = AsyncResult(connection, "f", single=False, count=count, **options)
    targets = list(range(count))
    seq = connection.submit(ar, Method.APPLY, b"", pack("call"), targets)
    ar.number(seq, targets)
    return ar

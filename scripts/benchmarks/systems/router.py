"""The raw ROUTER floor, behind the operations of a system."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import zmq

from benchmarks import floor, tasks
from benchmarks.systems.base import Function, System

#: Calls that leave in one message where throughput counts, and as many may wait
#: in a worker: more did not help.
BATCH = 100

#: Bytes that leave in one message: large calls make smaller batches.
BATCH_BYTES = 400_000


class Router(System):
    """One dispatcher and its workers, forked before this process has sockets."""

    has_controller = True

    def start(self, engines: int, transport: str) -> None:
        """Fork all, and wait for a first result of each worker."""
        self.folder = tempfile.TemporaryDirectory(prefix="floor-")
        keys = zmq.curve_keypair() if transport == "tcp" else None
        server = keys[0] if keys else None
        endpoint = "tcp://127.0.0.1:*" if keys else f"ipc://{self.folder.name}/router"
        reader, writer = os.pipe()

        def dispatch() -> None:
            floor.dispatch(endpoint, engines, keys, announce)

        def announce(bound: str) -> None:
            os.write(writer, bound.encode())

        self.dispatcher = fork(dispatch)
        bound = os.read(reader, 200).decode()
        os.close(reader)
        os.close(writer)
        names = [b"%d" % number for number in range(engines)]
        self.workers = [
            fork(partial(floor.work, bound, each, server)) for each in names
        ]
        self.caller = floor.Caller(bound, server)
        self.call_all(tasks.nothing)

    def stop(self) -> None:
        """Kill all and wait for them: there is nothing to save."""
        for process in (*self.workers, self.dispatcher):
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        self.caller.socket.close()
        self.folder.cleanup()

    def engine_pids(self) -> list[int]:
        """Return the workers."""
        return self.workers

    def call_direct(self, function: Function, *arguments: Any) -> Any:
        """Call on the first worker."""
        self.caller.submit(function, *arguments)
        self.caller.flush(b"0")
        return self.caller.collect(1)[0]

    def call_balanced(self, function: Function, *arguments: Any) -> Any:
        """Call on any worker."""
        self.caller.submit(function, *arguments)
        self.caller.flush()
        return self.caller.collect(1)[0]

    def call_all(self, function: Function) -> list[Any]:
        """Send one task to every worker."""
        self.caller.submit(function)
        self.caller.flush(floor.EVERY)
        return self.caller.collect(len(self.workers))

    def submit(self, function: Function, calls: Sequence[tuple[Any, ...]]) -> None:
        """Pack the calls one by one and send them in batches."""
        self.send_packed(function, calls)

    def map_single(self, function: Function, values: Sequence[Any]) -> list[Any]:
        """Do the same, and keep the results."""
        return self.send_packed(function, [(value,) for value in values])

    def map_uneven(self, function: Function, values: Sequence[Any]) -> list[Any]:
        """Let no call wait in a worker."""
        return self.send_packed(function, [(value,) for value in values], depth=1)

    def send_packed(
        self, function: Function, calls: Sequence[tuple[Any, ...]], depth: int = 0
    ) -> list[Any]:
        """Send calls in batches that fit their size, and wait for the results."""
        batch = 1
        for number, arguments in enumerate(calls, start=1):
            self.caller.submit(function, *arguments)
            if number == 1:
                batch = min(BATCH, 1 + BATCH_BYTES // len(self.caller.waiting[0]))
            if number % batch == 0 or number == len(calls):
                self.caller.flush(depth=depth or batch)
        return self.caller.collect(len(calls))

    def map_direct(self, function: Function, values: Sequence[Any]) -> list[Any]:
        """Send each worker its chunk."""
        return self.map_chunks(function, values, len(self.workers))

    def map_automatic(self, function: Function, values: Sequence[Any]) -> list[Any]:
        """Send four chunks for each worker, to any."""
        return self.map_chunks(function, values, 4 * len(self.workers))

    def map_chunks(
        self, function: Function, values: Sequence[Any], chunks: int
    ) -> list[Any]:
        """Cut the values into so many tasks, and join their results."""
        size = -(-len(values) // chunks)
        starts = range(0, len(values), size)
        for start in starts:
            self.caller.submit(tasks.map_chunk, function, values[start : start + size])
            self.caller.flush()
        parts = self.caller.collect(len(starts))
        return [value for part in parts for value in part]


def fork(run: Callable[[], object]) -> int:
    """Run this in a child that does nothing else; return its process."""
    child = os.fork()
    if child == 0:
        try:
            run()
        finally:
            os._exit(1)
    return child

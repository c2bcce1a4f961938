"""Values unpacked when they are looked at, at once or one by one."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import CancelledError
from functools import partial
from typing import Any

from ..aliases import EngineId
from ..errors import CompositeError, ParallelError, TimeoutError
from ..protocol.messages import Outcome, Status
from .asynchronous import Bell
from .deliveries import Delivered
from .facts import Facts
from .values import error_of, failure_of, value_of

__all__ = ["END", "Opened", "without_payload"]

_UNSET: Any = object()
#: To let go of fewer bytes of an outcome, once it is unpacked, is not worth it.
SMALL = 128
#: The end of an iteration, in the place of an index.
END = -1


class Opened(Facts):
    """What a result's tasks returned or raised."""

    #: What errors say was done: `apply` or `execute`.
    _method = "apply"
    _return_exceptions = False

    def _value(self, index: int) -> Any:
        """Return one task's value, or the exception that stands for it."""
        value = self._values.get(index, _UNSET)
        if value is _UNSET:
            delivered = self._delivered[index]
            if delivered is None:
                raise TimeoutError(f"result {index} of {self._fname} has not come")
            # Another thread may have unpacked it, and let go of the bytes, by now.
            value = self._values.get(index, _UNSET)
            if value is not _UNSET:
                return value
            value = self._unpack(index, delivered)
            self._values[index] = value
            # The value keeps what it needs of the buffers.
            kept = delivered.outcome
            if kept.frames or len(kept.payload) > SMALL:
                kept = without_payload(kept)
                self._delivered[index] = Delivered(kept, (), delivered.received)
        return value

    def _unpack(self, index: int, delivered: Delivered) -> Any:
        outcome = delivered.outcome
        if outcome.status == Status.OK:
            what = f"the result of {self._fname}"
            return value_of(outcome, delivered.frames, what)
        where = {} if outcome.engine_id < 0 else self._where(index, outcome.engine_id)
        return error_of(outcome, delivered.frames, self._fname, where)

    def _where(self, index: int, engine_id: EngineId) -> dict[str, Any]:
        """Return what an error tells of the engine that a task ended on."""
        uuid = self._engine_uuid(engine_id)
        return {"engine_id": engine_id, "engine_uuid": uuid, "method": self._method}

    def _collect(self, return_exceptions: bool) -> Any:
        values = [self._value(i) for i in range(len(self._delivered))]
        if self._single:
            if isinstance(values[0], ParallelError) and not return_exceptions:
                raise values[0]
            return values[0]
        if not return_exceptions:
            self._raise_errors(values)
        return values

    def _raise_errors(self, values: list[Any]) -> None:
        failures = [failure_of(v) for v in values if isinstance(v, ParallelError)]
        if failures:
            raise CompositeError(
                f"one or more exceptions raised in: {self._fname}", failures
            )

    def __len__(self) -> int:
        return len(self._delivered)

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, key: int | slice | str) -> Any:
        if isinstance(key, str):
            return self._metadata_of(key)
        if not isinstance(key, (int, slice)):
            raise TypeError(
                f"a result is indexed by int, slice or str, not {type(key).__name__}"
            )
        if not self.ready():
            raise TimeoutError(f"{self!r} has not finished")
        return self.result()[key]

    # One by one

    def _turn_of(self, at: int) -> int | None:
        """Return the index of the task whose turn it is in an iteration.

        None means that it has not come yet, and `END` that there is no more.
        """
        if at >= len(self._delivered):
            return END
        if self._delivered[at] is not None:
            return at
        if self._failure is not None:
            raise self._why()
        return None

    def _values_of(self, index: int) -> Sequence[Any]:
        """Return what an iteration gives of one task."""
        value = self._value(index)
        if isinstance(value, ParallelError) and not self._return_exceptions:
            raise value
        return [value]

    def _must_be_several(self) -> None:
        if self._single:
            raise TypeError(f"{self!r} has a single result: use get()")

    def __iter__(self) -> Iterator[Any]:
        self._must_be_several()
        return self._one_by_one()

    def drain(self) -> Iterator[Any]:
        """Return an iterator that keeps nothing: what it has given is gone here."""
        self._must_be_several()
        return self._one_by_one(forget=True)

    def _one_by_one(self, *, forget: bool = False) -> Iterator[Any]:
        for at in itertools.count():
            there = partial(self._is_due, at)
            if not there():
                self._connection.wait(there, self._follow_parts)
            index = self._turn_of(at)
            if index is None or index == END:
                return
            if not forget:
                yield from self._values_of(index)
                continue
            values = [*self._values_of(index)]
            self._values[index] = ()
            values.reverse()
            while values:
                yield values.pop()

    def _is_due(self, at: int) -> bool:
        return self._failure is not None or self._turn_of(at) is not None

    async def __aiter__(self) -> AsyncIterator[Any]:
        self._must_be_several()
        bell = Bell()
        with self.watched(bell.ring):
            self._connection.attend()
            for at in itertools.count():
                while (index := self._turn_of(at)) is None:
                    with self._connection.waits.awaiting():
                        await bell.heard()
                if index == END:
                    return
                for value in self._values_of(index):
                    yield value

    def _follow_parts(self, seconds: float | None) -> None:
        with self._condition:
            self._condition.wait(0.005 if seconds is None else min(seconds, 0.005))

    def _why(self) -> Exception:
        """Return why it is not complete, with what has come of it since."""
        failure = self._failure
        assert failure is not None
        if not isinstance(failure, CancelledError):
            return failure
        ends = [
            str(self._value(i))
            for i, delivered in enumerate(self._delivered)
            if delivered is not None and delivered.outcome.status != Status.OK
        ]
        return CancelledError("; ".join([str(failure), *dict.fromkeys(ends)]))


def without_payload(outcome: Outcome) -> Outcome:
    """Return an outcome without its bytes."""
    return Outcome(
        outcome.seq, outcome.status, b"", 0, outcome.engine_id, outcome.started,
        outcome.completed, outcome.stdout, outcome.stderr, outcome.note,
    )  # fmt: skip

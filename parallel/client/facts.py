"""What is known of a result's tasks: by whom, when, and what they showed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from time import time as timestamp
from typing import Any

from ..errors import TimeoutError
from ..protocol.messages import Status
from ..protocol.terms import Condition
from .cancellable import Cancellable
from .datetimes import as_datetime
from .deliveries import Delivered
from .metadata import KEYS, Metadata, status_word
from .printed import overwritten
from .shown import NOTHING, SILENCE, News, Piece, Told

__all__ = ["Facts"]


class Facts(Cancellable):
    """A result's metadata, as attributes, items and times; there before it is."""

    #: Whether who made it may forget it; nothing else is kept here.
    owner = True
    #: What is known of all tasks beforehand.
    _known: dict[str, Any] | None = None

    def tell(self, **facts: Any) -> None:
        """Note something about all of its tasks, by the keys of `metadata`."""
        self._known = {**(self._known or {}), **facts}

    @property
    def progress(self) -> int:
        """How many of its parts have come: of a map, its elements."""
        self._connection.look()
        return self._progress()

    def _progress(self) -> int:
        return len(self._delivered) - self._missing

    @property
    def msg_ids(self) -> list[str]:
        """The ids of its tasks."""
        return [self._msg_id(seq) for seq in self._seqs]

    def _msg_id(self, seq: int) -> str:
        return f"{self._connection.session}_{seq}"

    @property
    def metadata(self) -> Any:
        """The facts of its task, or a list with those of each."""
        self._connection.look()
        facts = self._facts_of_all()
        return facts[0] if self._single else facts

    def _facts_of_all(self) -> list[Metadata]:
        return [self._facts(i) for i in range(len(self._delivered))]

    def _facts(self, index: int) -> Metadata:
        terms = self._terms
        stdout, stderr, outputs = self._said(index)
        facts = Metadata(
            submitted=as_datetime(self._submitted_at(index)),
            follow=_ids(terms.follow),
            after=_ids(terms.after),
            label=terms.label or None,
            stdout=overwritten(stdout),
            stderr=overwritten(stderr),
            outputs=outputs,
        )
        if self._known:
            facts.update(self._known)
        if index < len(self._seqs):
            facts["msg_id"] = self._msg_id(self._seqs[index])
        if index in self._shown:
            facts["data"] = dict(self._shown[index].data)
        delivered = self._delivered[index]
        if delivered is not None:
            self._tell_outcome(facts, index, delivered)
        return facts

    def _tell_outcome(self, facts: Metadata, index: int, delivered: Delivered) -> None:
        outcome = delivered.outcome
        facts.update(
            started=as_datetime(outcome.started),
            completed=as_datetime(outcome.completed),
            received=as_datetime(delivered.received),
            status=status_word(outcome.status),
        )
        if outcome.engine_id >= 0:
            uuid = self._engine_uuid(outcome.engine_id)
            facts.update(engine_id=outcome.engine_id, engine_uuid=uuid)
        if outcome.status != Status.OK:
            facts["error"] = self._value(index)

    def _said(self, index: int) -> tuple[str, str, list[dict[str, Any]]]:
        """Return what a task printed, on both streams, and displayed so far."""
        shown = self._shown.get(index)
        if shown is not None:
            return shown.stdout.text, shown.stderr.text, shown.outputs
        delivered = self._delivered[index]
        if delivered is None:
            return "", "", []
        return delivered.outcome.stdout, delivered.outcome.stderr, []

    def news(self, index: int, told: Told = NOTHING) -> News:
        """Return what a task printed and displayed since so much was told of it."""
        shown = self._shown.get(index)
        if shown is not None:
            return shown.since(told)
        delivered = self._delivered[index]
        if delivered is not None and not any(told):
            stdout, stderr = delivered.outcome.stdout, delivered.outcome.stderr
            if stdout or stderr:
                pieces = [Piece(stdout, stderr)]
                return News(pieces, told=Told(len(stdout), len(stderr)))
        return SILENCE if told is NOTHING else News(told=told)

    def engine_of(self, index: int) -> int | None:
        """Return the engine of a task, if it is known yet."""
        delivered = self._delivered[index]
        if delivered is not None and delivered.outcome.engine_id >= 0:
            return delivered.outcome.engine_id
        return self._targets[index] if index < len(self._targets) else None

    def failure_of(self, index: int) -> BaseException | None:
        """Return what a task ended with that has failed, or None."""
        delivered = self._delivered[index]
        if delivered is None or delivered.outcome.status == Status.OK:
            return None
        found: BaseException = self._value(index)
        return found

    def engines_at_work(self) -> list[int]:
        """Return the engines, in order, of tasks that have not ended."""
        tasks = [i for i, each in enumerate(self._delivered) if each is None]
        engines = {self.engine_of(i) for i in tasks}
        return sorted(each for each in engines if each is not None)

    def _engine_uuid(self, engine_id: int) -> str | None:
        engine = self._connection.engines.get(engine_id)
        uuid = engine.uuid if engine else self._connection.departed_uuids.get(engine_id)
        return uuid.hex() if uuid else None

    def _submitted_at(self, index: int) -> float:
        return self._submitted

    def _value(self, index: int) -> Any:
        """Return one task's value, or the exception that stands for it."""
        raise NotImplementedError

    def _metadata_of(self, key: str) -> Any:
        if key not in KEYS:
            raise KeyError(key)
        facts = self.metadata
        return facts[key] if self._single else [each[key] for each in facts]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in KEYS:
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
        return self._metadata_of(name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *KEYS})

    # Times

    @property
    def elapsed(self) -> float:
        """Seconds since submission; until the last result came, once it has."""
        if not self.ready():
            return max(0.0, timestamp() - self._submitted)  # a clock may be set back
        return self.wall_time

    @property
    def wall_time(self) -> float:
        """Seconds from submission to the last result's coming.

        Raises
        ------
        TimeoutError
            It has not all come yet.
        """
        last = max((d.received for d in self._all_delivered()), default=0.0)
        return max(0.0, last - self._submitted)

    @property
    def serial_time(self) -> float:
        """Seconds that its tasks took, one after the other.

        Raises
        ------
        TimeoutError
            It has not all come yet.
        """
        outcomes = [d.outcome for d in self._all_delivered()]
        return sum(max(0.0, o.completed - o.started) for o in outcomes)

    def timedelta(
        self,
        start: Any,
        end: Any,
        start_key: Callable[[Any], Any] = min,
        end_key: Callable[[Any], Any] = max,
    ) -> float:
        """Return the seconds between two times, or lists of times, of `metadata`."""
        if not hasattr(start, "timestamp"):
            start = start_key(start)
        if not hasattr(end, "timestamp"):
            end = end_key(end)
        passed: timedelta = end - start
        return passed.total_seconds()

    def _all_delivered(self) -> list[Delivered]:
        if not self.ready():
            raise TimeoutError(f"{self!r} has not finished")
        return [d for d in self._delivered if d is not None]


def _ids(condition: Condition | None) -> list[str]:
    return list(condition.msg_ids) if condition is not None else []

"""One task run: what the method says, its result or error packed, timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic, time
from typing import Any

import msgspec

from ..errors import ImpossibleDependency, RemoteError, UnmetDependency
from ..protocol.messages import Assign, Method, Status
from ..serialize.callables import name_of
from ..serialize.calls import pack_value, unpack_value
from ..serialize.exceptions import Caught, pack_error
from ..serialize.functions import ABSENT
from ..serialize.objects import Packed, is_plain, pack_plain
from .breakpoints import explain_prompt
from .functions import Functions
from .halves import hear
from .namespace import Namespace
from .postmortem import drop_error, keep_error, rejoin
from .sources import Sources
from .turns import Turns, cut_handler_off

__all__ = ["Ending", "Execution", "Ran"]


class Ending(BaseException):
    """Raised in the main thread by a signal that ends the engine."""


class Ran(msgspec.Struct, frozen=True):
    """How a task went."""

    status: Status
    packed: Packed
    started: float
    completed: float


class Execution:
    """Runs tasks in a namespace.

    Parameters
    ----------
    where
        What an error tells of its place: `engine_id` and `engine_uuid`.
    """

    def __init__(
        self, namespace: Namespace, where: dict[str, Any], turns: Turns | None = None
    ) -> None:
        self.functions = Functions()
        self.sources = Sources(namespace)
        self._turns = turns or Turns()
        self._namespace = namespace
        self._where = where
        #: The ordinal of the last task that failed, and what waits behind it with it.
        self.failed = 0
        self._methods: dict[Method, Callable[[Assign, Any], Any]] = {
            Method.APPLY: self._apply,
            Method.MAP: self._map,
            Method.MAP_EACH: self._map_each,
            Method.EXECUTE: self._execute,
            Method.PUSH: lambda _, call: self._namespace.push(call[1]),
            Method.PULL: lambda _, names: self._namespace.pull(names),
            Method.CLEAR: self._clear,
            Method.COMM: lambda _, messages: hear(messages),
        }

    @property
    def running(self) -> bool:
        """Whether users' code runs."""
        return self._turns.running

    def run(self, assign: Assign, payload: Any, buffers: Sequence[Any]) -> Ran:
        """Run a task; whatever it raises becomes its result."""
        started, begun = time(), monotonic()
        try:
            status, value = self._attempt(assign, payload, buffers)
        except KeyboardInterrupt as error:  # as the users' code had just ended
            status, value = Status.ERROR, error
        self._turns.running = False
        completed = started + monotonic() - begun  # a clock may be set meanwhile
        if status is Status.OK:
            try:
                return Ran(status, self._pack(value, assign), started, completed)
            except Ending:
                raise
            except BaseException as error:
                status, value = Status.ERROR, error
        return Ran(status, self._pack_error(value, assign), started, completed)

    def _pack(self, value: Any, assign: Assign) -> Packed:
        if is_plain(value):  # nothing to blame by name
            return pack_plain(value)
        return pack_value(value, f"the result of {self._name(assign)}")

    def _attempt(
        self, assign: Assign, payload: Any, buffers: Sequence[Any]
    ) -> tuple[Status, Any]:
        turns = self._turns
        try:
            value = unpack_value(payload, buffers, "the arguments")
            turns.run()
            try:
                value = self._methods[assign.method](assign, value)
            finally:
                if self.sources.shell is not None and assign.digest:
                    self.sources.shell.executed()
            turns.running = False
            return Status.OK, value
        except Ending:  # not the task's doing
            raise
        except BaseException as error:
            turns.running = False
            if isinstance(error, Exception):
                explain_prompt(error)
                keep_error(error, assign.task)
            elif isinstance(error, KeyboardInterrupt):
                self._keep_interrupt(error, assign)
            return _status_of(error), error

    def _keep_interrupt(self, error: KeyboardInterrupt, assign: Assign) -> None:
        """Keep where the user interrupted a task: not where one was told to end."""
        if self._turns.order(assign.ordinal) is None:
            cut_handler_off(error)
            keep_error(error, assign.task)

    def refuse(self, assign: Assign, error: Exception) -> Ran:
        """End a task with an error without running it."""
        now = time()
        return Ran(Status.ERROR, self._pack_error(error, assign), now, now)

    def _apply(self, assign: Assign, call: Any) -> Any:
        args, kwargs = call
        return self.functions.get(assign.digest)(*args, **kwargs)

    def _map(self, assign: Assign, sequences: Any) -> Any:
        # Not by `map`, which a StopIteration of the function's own would end.
        function = self.functions.get(assign.digest)
        if len(sequences) == 1:
            return [function(element) for element in sequences[0]]
        return [function(*each) for each in zip(*sequences, strict=False)]

    def _map_each(self, assign: Assign, sequences: Any) -> Any:
        function = self.functions.get(assign.digest)
        values: list[Any] = []
        errors: dict[int, bytes] = {}
        for place, arguments in enumerate(zip(*sequences, strict=False)):
            try:
                values.append(function(*arguments))
            except UnmetDependency:  # this engine does not suit the whole of it
                raise
            except Exception as error:
                keep_error(error, assign.task)
                values.append(None)
                errors[place] = self._pack_error(error, assign).payload
        return Caught(values, errors) if errors else values

    def _execute(self, assign: Assign, source: Any) -> Any:
        parts = (source, True) if isinstance(source, str) else source
        code, silent, filename = (*parts, None)[:3]  # it may be of no file
        try:
            return self.sources.execute(code, silent, filename)
        except BaseException:
            if not silent:
                self.failed = assign.ordinal
            raise

    def _clear(self, *_: Any) -> None:
        self._namespace.clear()
        self.sources.settle()
        self.functions.current = b""
        drop_error()

    def _name(self, assign: Assign) -> str:
        if assign.method in (Method.APPLY, Method.MAP, Method.MAP_EACH):
            found = self.functions.peek(assign.digest)  # or was forgotten meanwhile
            return "a function" if found is None else name_of(found)
        return assign.method.name.lower()

    def _pack_error(self, error: BaseException, assign: Assign) -> Packed:
        if isinstance(error, NameError):
            self._explain(error, assign)
        if isinstance(error, KeyboardInterrupt):
            cut_handler_off(error)
        method = "execute" if assign.method is Method.EXECUTE else "apply"
        packed = pack_error(error, {**self._where, "method": method})
        rejoin(error)
        return packed

    def _explain(self, error: NameError, assign: Assign) -> None:
        """Say why a name of the session did not come along with the function."""
        absent = getattr(self.functions.peek(assign.digest), ABSENT, {})
        name = getattr(error, "name", None)
        if name in absent:
            why = f"the {name!r} of your session did not come along, for {absent[name]}"
            error.args = (f"{error}: {why}",)


def _status_of(error: BaseException) -> Status:
    """Return how a task ended that raised this: it may ask for another engine."""
    if not isinstance(error, UnmetDependency):
        return Status.ERROR
    # These are not the task's own: it has asked for a result that cannot be had.
    if isinstance(error, (RemoteError, ImpossibleDependency)):
        return Status.ERROR
    return Status.UNMET

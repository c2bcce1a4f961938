"""One task run: what the method says, its result or error packed, timed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from time import monotonic, time
from typing import Any, NamedTuple

from ..aliases import Digest
from ..errors import CannotUnpack, ImpossibleDependency, RemoteError, UnmetDependency
from ..protocol.messages import Assign, Method, Status
from ..serialize.calls import (
    Caught,
    name_of,
    pack_error,
    pack_value,
    unpack_function,
    unpack_value,
)
from ..serialize.functions import ABSENT
from ..serialize.main import adopt, gathered
from ..serialize.modules import generation
from ..serialize.objects import Packed, is_plain, pack_plain
from .namespace import Namespace
from .sources import Sources
from .turns import Turns

__all__ = ["Ending", "Execution", "Functions", "Ran"]

#: So many functions an engine remembers, of so many bytes; it asks again for an
#: older one.
REMEMBERED, REMEMBERED_NBYTES = 1024, 64 << 20


class Ending(BaseException):
    """Raised in the main thread by a signal that ends the engine."""


class Ran(NamedTuple):
    """How a task went."""

    status: Status
    packed: Packed
    started: float
    completed: float


class Functions:
    """The functions an engine was told, unpacked once each."""

    def __init__(self) -> None:
        self._known: OrderedDict[Digest, Callable[..., Any] | CannotUnpack]
        self._known = OrderedDict()
        self._companions: dict[Digest, list[tuple[str, Any]]] = {}
        self._sizes: dict[Digest, int] = {}
        self._nbytes = 0
        #: The function whose companions are in the namespace.
        self.current: Digest = b""
        self._generation = generation()

    def __contains__(self, digest: Digest) -> bool:
        if self._generation != generation():  # modules came, or came anew
            self._generation = generation()
            self._known.clear()
            self._companions.clear()
            self._sizes.clear()
            self._nbytes = 0
            self.current = b""
        return not digest or digest in self._known

    def define(self, digest: Digest, code: bytes) -> None:
        """Remember a function; one that cannot be unpacked, with the reason."""
        with gathered() as companions:
            try:
                self._known[digest] = unpack_function(code)
            except CannotUnpack as error:
                self._known[digest] = error
        self._companions[digest] = companions
        self._nbytes += len(code) - self._sizes.get(digest, 0)
        self._sizes[digest] = len(code)
        while len(self._known) > 1 and (
            len(self._known) > REMEMBERED or self._nbytes > REMEMBERED_NBYTES
        ):
            oldest, _ = self._known.popitem(last=False)
            del self._companions[oldest]
            self._nbytes -= self._sizes.pop(oldest)

    def get(self, digest: Digest) -> Callable[..., Any]:
        """Return a function, the names that came along with it in their place.

        Raises
        ------
        CannotUnpack
            It came, and could not be unpacked here.
        """
        found = self._known[digest]
        if isinstance(found, CannotUnpack):
            raise CannotUnpack(*found.args) from found.__cause__
        if digest != self.current:
            # Another function may have brought other values under these names.
            self.restore(digest)
        return found

    def peek(self, digest: Digest) -> Any:
        """Return what there is under a digest, if only to speak of it."""
        return self._known.get(digest)

    def restore(self, digest: Digest) -> None:
        """Put the names that came along with a function in their place again."""
        self.current = digest
        for name, value in self._companions.get(digest, ()):
            adopt(name, value)


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
            value = self._methods[assign.method](assign, value)
            turns.running = False
            return Status.OK, value
        except Ending:  # not the task's doing
            raise
        except BaseException as error:
            turns.running = False
            return _status_of(error), error

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

    def _name(self, assign: Assign) -> str:
        if assign.method in (Method.APPLY, Method.MAP, Method.MAP_EACH):
            found = self.functions.peek(assign.digest)  # or was forgotten meanwhile
            return "a function" if found is None else name_of(found)
        return assign.method.name.lower()

    def _pack_error(self, error: BaseException, assign: Assign) -> Packed:
        if isinstance(error, NameError):
            self._explain(error, assign)
        method = "execute" if assign.method is Method.EXECUTE else "apply"
        return pack_error(error, {**self._where, "method": method})

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

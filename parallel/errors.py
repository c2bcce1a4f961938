"""Every exception that the package raises.

Cut by what the caller can do about it::

    ParallelError
    ├── ProtocolError               a peer broke the wire's rules
    ├── InvalidTransition           a machine was told what cannot be: a bug of ours
    ├── TransportError              the line: may be tried again
    │   ├── ControllerUnreachable   nobody answers there
    │   ├── ConnectionRefused       the controller said no, and why
    │   └── ConnectionClosed        you closed it
    ├── TooMuchUnderWay             wait for some of it, and submit then
    ├── EngineError                 an engine died, or never came
    ├── NoEnginesRegistered         there is nobody to ask
    ├── NotAvailable                this release, or this installation, lacks it
    ├── TaskAborted                 this task will have no result
    ├── TaskTimeout                 … because it waited, or ran, for too long
    ├── TaskRejectError             … because no engine may take it
    ├── UnmetDependency             an engine does not suit a task: another may
    │   └── ImpossibleDependency    … and none ever will
    │       ├── DependencyTimeout
    │       └── InvalidDependency   … for nobody knows that task
    ├── SerializationError          an object cannot travel
    │   ├── CannotPack              … from here (also a TypeError)
    │   └── CannotUnpack            … into there
    ├── LauncherError               a process could not be started, or has ended
    │   ├── ClusterRunning          … one of this profile and id is there already
    │   └── NotRunning              … what a launcher is to find again
    └── RemoteError                 your function raised, over there
        ├── CompositeError          several did
        └── AlreadyDisplayedError   … and their output has shown it

What your function raised arrives as an exception that is both a `RemoteError` and
the original type, where that type can be imported here: `remote_error` builds it.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, NamedTuple, TypeVar

__all__ = [
    "AlreadyDisplayedError",
    "CannotPack",
    "CannotUnpack",
    "ClusterRunning",
    "CompositeError",
    "ConnectionClosed",
    "ConnectionRefused",
    "ControllerUnreachable",
    "DependencyTimeout",
    "EngineError",
    "Failure",
    "IPythonError",
    "ImpossibleDependency",
    "InvalidDependency",
    "InvalidTransition",
    "KernelError",
    "LauncherError",
    "NoEnginesRegistered",
    "NotAvailable",
    "NotRunning",
    "ParallelError",
    "ProtocolError",
    "RemoteError",
    "SerializationError",
    "TaskAborted",
    "TaskRejectError",
    "TaskTimeout",
    "TimeoutError",
    "TooMuchUnderWay",
    "TransportError",
    "UnmetDependency",
    "collect_exceptions",
    "parts_of",
    "remote_error",
    "unwrap_exception",
    "without_init",
    "wrap_exception",
]

Results = TypeVar("Results", bound="dict[Any, Any] | list[Any]")


if sys.version_info >= (3, 11):
    #: What a wait raises that takes too long.
    TimeoutError = builtins.TimeoutError
else:  # who waits for futures catches theirs, which was another one then
    import concurrent.futures

    class TimeoutError(builtins.TimeoutError, concurrent.futures.TimeoutError):
        """Raised when a wait takes too long; the result may still come."""


class ParallelError(Exception):
    """The root of all that the package raises on purpose."""


#: The names under which users of IPython know it.
IPythonError = KernelError = ParallelError


class ProtocolError(ParallelError):
    """Raised when a peer sends what the wire's rules do not allow."""


class InvalidTransition(ParallelError):
    """Raised when a state machine is told what cannot be; carries the story.

    Parameters
    ----------
    machine
        The kind of thing whose state was to change.
    before, after
        The states that no transition joins.
    story
        What happened to it so far, oldest first.
    """

    def __init__(
        self, machine: str, before: str, after: str, story: Sequence[str] = ()
    ) -> None:
        self.machine = machine
        self.before = before
        self.after = after
        self.story = list(story)
        super().__init__(machine, before, after, self.story)

    def __str__(self) -> str:
        told = "".join(f"\n  {line}" for line in self.story)
        return f"{self.machine} cannot go from {self.before} to {self.after}{told}"


class TransportError(ParallelError):
    """Raised when the line to the controller does not serve."""


class ControllerUnreachable(TransportError, TimeoutError):
    """Raised when no controller answers; a `TimeoutError`, and so an `OSError`."""


class ConnectionRefused(TransportError):
    """Raised when the controller answers with a no: a wrong key or version."""


class ConnectionClosed(TransportError):
    """Raised when a client is used after it was closed."""


class EngineError(ParallelError):
    """Raised when an engine died under a task, or never came up."""


class NoEnginesRegistered(ParallelError):
    """Raised when engines are needed and none is registered."""


class NotAvailable(ParallelError, NotImplementedError):
    """Raised when something is asked for that this release does not have."""


class TooMuchUnderWay(ParallelError):
    """Raised by a view that is not to wait when its client has used up its credit."""


class TaskAborted(ParallelError):
    """Raised in place of the result of a task that was aborted."""


class TaskTimeout(ParallelError):
    """Raised when a task was not started in time, or ran for too long."""


class TaskRejectError(ParallelError):
    """Raised when no engine may take a task."""


class UnmetDependency(ParallelError):
    """Raised in a task that does not suit its engine: it is tried on another one."""


class ImpossibleDependency(UnmetDependency):
    """Raised when what a task depends on can never be."""


class DependencyTimeout(ImpossibleDependency):
    """Raised when what a task depends on did not come in time."""


class InvalidDependency(ImpossibleDependency):
    """Raised when a task depends on one that nobody knows."""


class SerializationError(ParallelError):
    """Raised when an object cannot be turned into bytes or back."""


class CannotPack(SerializationError, TypeError):
    """Raised at submission when an object cannot be pickled; names it."""


class CannotUnpack(SerializationError):
    """Raised when packed bytes cannot be turned into an object here; says why."""


class LauncherError(ParallelError):
    """Raised when a process could not be started; carries the last of its log."""


class ClusterRunning(LauncherError, RuntimeError):
    """Raised when a cluster of this profile and id is running already."""


class NotRunning(LauncherError):
    """Raised when a launcher is to be found again whose processes have ended."""


class Failure(NamedTuple):
    """One remote exception, as `CompositeError.elist` lists it."""

    ename: str
    evalue: str
    traceback: str
    engine_info: dict[str, Any]


class RemoteTraceback(Exception):
    """The traceback text of another process, shown as the cause of an error."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"\n{self.text}"


class RemoteError(ParallelError):
    """Raised here for an exception that was raised on an engine.

    Parameters
    ----------
    ename, evalue
        The name of the exception's type, and its message.
    traceback
        The traceback as the engine printed it.
    engine_info
        `engine_id`, `engine_uuid` and `method` of where it happened.
    """

    ename: str
    evalue: str
    traceback: str
    engine_info: dict[str, Any]
    #: The exception as the engine raised it, where it could travel.
    original: Exception | None = None
    #: Colours the text of a traceback: a session puts its own way here.
    paint: Callable[[str], str] = staticmethod(str)

    def __init__(
        self,
        ename: str,
        evalue: str,
        traceback: str = "",
        engine_info: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(ename, evalue)
        self._tell(Failure(ename, evalue, traceback, dict(engine_info or {})))

    def _tell(self, failure: Failure) -> None:
        self.ename, self.evalue, self.traceback, self.engine_info = failure
        if failure.traceback:
            self.__cause__ = RemoteTraceback(failure.traceback)

    @property
    def failure(self) -> Failure:
        """The facts of it, without the exception."""
        return Failure(self.ename, self.evalue, self.traceback, self.engine_info)

    @property
    def engine_id(self) -> int | None:
        """The engine that raised it."""
        found: int | None = self.engine_info.get("engine_id")
        return found

    def __str__(self) -> str:
        told = f"{self.ename}: {self.evalue}" if self.evalue else self.ename
        return f"{_place(self.engine_info)}{told}"

    def __repr__(self) -> str:
        return f"<RemoteError[{self.engine_info.get('engine_id')}]:{self._short()}>"

    def _short(self) -> str:
        return f"{self.ename}({self.evalue})"

    def render_traceback(self) -> list[str]:
        """Return the remote traceback as lines."""
        return (self.traceback or str(self)).splitlines()

    def print_traceback(self) -> None:
        """Print the remote traceback."""
        print("\n".join(self.render_traceback()))

    def painted_traceback(self) -> str:
        """Return the remote traceback in the session's colours."""
        return self.paint("\n".join(self.render_traceback()))

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in the place of the steps on this side."""
        if not self._has_steps():
            return [str(self)]
        return [*self.painted_traceback().splitlines(), str(self)]

    def _has_steps(self) -> bool:
        """Tell whether there is more in the traceback than the error's own words."""
        text = self.traceback.strip()
        module, name, rest = text.partition(f"{self.ename}: ")
        words = text if " " in module else name + rest
        return not str(self).endswith(words)

    def __reduce__(self) -> tuple[Any, ...]:
        original = self.original
        parts = None if original is None else parts_of(original)
        return _unpickled, (self.failure, parts)


def _place(engine_info: dict[str, Any]) -> str:
    if not engine_info:
        return ""
    told = (engine_info.get(key, "?") for key in ("engine_id", "method"))
    return f"[{':'.join(map(str, told))}] "


class CompositeError(RemoteError):
    """Raised when several engines raised, or several parts of one call.

    Parameters
    ----------
    message
        What was being done.
    elist
        The failures, in the order of the parts.
    """

    #: So many of the failures are named in the message.
    tb_limit = 4

    def __init__(
        self, message: str, elist: Iterable[Failure | tuple[Any, ...]]
    ) -> None:
        self.elist = [Failure(*failure) for failure in elist]
        self.message = message
        super().__init__("CompositeError", message)
        if self.elist and self.elist[0].traceback:  # or nothing tells the remote line
            self.__cause__ = RemoteTraceback(self.elist[0].traceback)

    def __str__(self) -> str:
        lines = [self.message]
        lines += [str(RemoteError(*failure)) for failure in self.elist[: self.tb_limit]]
        more = len(self.elist) - self.tb_limit
        if more > 0:
            lines.append(f"... {more} more exceptions ...")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<CompositeError({len(self.elist)})>"

    def render_traceback(self, excid: int | None = None) -> list[str]:
        """Return the remote tracebacks' lines: of one failure, or of the first few."""
        if excid is not None:
            return [*RemoteError(*self._failure(excid)).render_traceback(), ""]
        return self._first_few(str)

    def _first_few(
        self, paint: Callable[[str], str], *, once: bool = False
    ) -> list[str]:
        lines: list[str] = []
        shown: dict[str, int | None] = {}
        for failure in self.elist[: self.tb_limit]:
            error = RemoteError(*failure)
            first = shown.setdefault(failure.traceback or str(error), error.engine_id)
            if once and first != error.engine_id:
                lines.append(f"{error} (as on engine {first})")
                continue
            lines += [_place(failure.engine_info).rstrip()] * bool(failure.engine_info)
            lines += [*paint("\n".join(error.render_traceback())).splitlines(), ""]
        more = len(self.elist) - self.tb_limit
        return [*lines, *[f"... {more} more exceptions ..."] * (more > 0)]

    def print_traceback(self, excid: int | None = None) -> None:
        """Print the remote tracebacks: of one failure, or of the first few."""
        print("\n".join(self.render_traceback(excid)))

    def raise_exception(self, excid: int = 0) -> None:
        """Raise one of the failures by itself.

        Raises
        ------
        RemoteError
            The failure asked for.
        IndexError
            There are not so many.
        """
        raise RemoteError(*self._failure(excid))

    def _failure(self, excid: int) -> Failure:
        try:
            return self.elist[excid]
        except IndexError:
            raise IndexError(
                f"no exception {excid}: there are {len(self.elist)}"
            ) from None

    def _render_traceback_(self) -> list[str]:
        return [*self._first_few(self.paint, once=True), self.message]

    def __reduce__(self) -> tuple[Any, ...]:
        return CompositeError, (self.message, self.elist)


class AlreadyDisplayedError(RemoteError):
    """Raised in place of an error whose traceback was shown as output before.

    Parameters
    ----------
    original_error
        The error; it is here for programs, and not shown again.
    """

    def __init__(self, original_error: RemoteError) -> None:
        self.original_error = original_error
        super().__init__(*original_error.failure[:2])
        self.engine_info = original_error.engine_info

    def _count(self) -> str:
        count = len(getattr(self.original_error, "elist", "1"))
        return f"{count} error{'s' * (count != 1)}"

    def __str__(self) -> str:
        return self._count()

    def __repr__(self) -> str:
        return f"<AlreadyDisplayedError({self._count()})>"

    def render_traceback(self) -> list[str]:
        """Return one line: that there were errors."""
        return [self._count()]

    def _render_traceback_(self) -> list[str]:
        return self.render_traceback()

    def __reduce__(self) -> tuple[Any, ...]:
        return AlreadyDisplayedError, (self.original_error,)


def collect_exceptions(results: Results, method: str = "unspecified") -> Results:
    """Return results as they are if there is no remote error among them.

    Parameters
    ----------
    results
        A list of results, or a dict whose values they are.
    method
        What gave them, for the message.

    Raises
    ------
    CompositeError
        There are errors; those of a `CompositeError` stand by themselves.
    """
    values = results.values() if isinstance(results, dict) else results
    failures: list[Failure] = []
    for error in values:
        if isinstance(error, CompositeError):
            failures += error.elist
        elif isinstance(error, RemoteError):
            failures.append(error.failure)
    if failures:
        raise CompositeError(f"one or more exceptions raised in: {method}", failures)
    return results


def wrap_exception(engine_info: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the exception that is being handled as a dict that can travel.

    Its keys are `status`, `ename`, `evalue`, `traceback` (a list of lines) and
    `engine_info`.
    """
    cls, error, step = sys.exc_info()
    lines = "".join(traceback.format_exception(cls, error, step)).splitlines()
    return {
        "status": "error",
        "ename": "None" if cls is None else cls.__name__,
        "evalue": str(error),
        "traceback": lines,
        "engine_info": dict(engine_info or {}),
    }


def unwrap_exception(content: dict[str, Any]) -> RemoteError:
    """Return the error that `wrap_exception` made a dict of."""
    lines = "\n".join(content["traceback"])
    info = content.get("engine_info")
    return RemoteError(content["ename"], content["evalue"], lines, info)


_NOT_TAKEN = RemoteError, StopIteration, StopAsyncIteration


def remote_error(failure: Failure, original: BaseException | None) -> RemoteError:
    """Return the exception to raise here for one that was raised on an engine.

    It is a `RemoteError`, and also of the original's type where that can be: what
    is no `Exception` (`KeyboardInterrupt`, `SystemExit`) would stop the program
    that asked, what ends an iteration would silently end the program's own, and
    neither is taken over.
    """
    failure = Failure(*failure)
    if isinstance(original, _NOT_TAKEN) or not isinstance(original, Exception):
        return RemoteError(*failure)
    try:
        error = _in_the_shape_of(original)
    except Exception:  # a type that cannot be built without its own __init__
        return RemoteError(*failure)
    error.original = original
    error._tell(failure)
    return error


def _in_the_shape_of(original: Exception) -> RemoteError:
    cls, args, attributes = parts_of(original)
    error: RemoteError = without_init(_both(cls), args, attributes)
    return error


def _unpickled(failure: Failure, parts: tuple[Any, ...] | None) -> RemoteError:
    return remote_error(failure, without_init(*parts) if parts else None)


def parts_of(error: BaseException) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """Return an exception's type, its arguments and its attributes.

    The attributes of built-in exceptions are kept in C: `OSError.filename` is neither
    in its `args` nor in its `__dict__`.
    """
    attributes: dict[str, Any] = {}
    for cls in type(error).__mro__:
        for name, kind in vars(cls).items() if cls is not BaseException else ():
            kept = isinstance(kind, (MemberDescriptorType, GetSetDescriptorType))
            if kept and not name.startswith("__"):
                attributes[name] = getattr(error, name, None)
    attributes.update(vars(error))
    return type(error), error.args, attributes


def without_init(
    cls: type[Exception], args: tuple[Any, ...], attributes: dict[str, Any]
) -> Any:
    """Return an exception of a type whose own ways of making one are left alone.

    They may take other arguments than `args` tells of.

    Raises
    ------
    TypeError
        There is no such way.
    """
    error = _blank(cls, args)
    for name, value in {**attributes, "args": args}.items():
        with contextlib.suppress(AttributeError, TypeError):  # set by _blank, or ours
            object.__setattr__(error, name, value)
    return error


def _blank(cls: type[Exception], args: tuple[Any, ...]) -> Exception:
    for base in cls.__mro__:
        if base.__module__ == "builtins":
            with contextlib.suppress(TypeError):  # of several, one has the right shape
                error: Exception = base.__new__(cls, *args)
                return error
    raise TypeError(f"{cls.__name__} cannot be made without its own __init__")


# A function may define the class of what it raises, and so a new one in each call.
@functools.lru_cache(maxsize=256)
def _both(original: type[Exception]) -> type[RemoteError]:
    body = {
        "__module__": original.__module__,
        "__init__": RemoteError.__init__,
        "__setattr__": RemoteError.__setattr__,  # the original may refuse
    }
    cls = type(original.__name__, (RemoteError, original), body)
    cls.__qualname__ = original.__qualname__
    return cls

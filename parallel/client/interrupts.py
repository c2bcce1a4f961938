"""Ctrl-C kept away from where it would lose what is on its way.

A `KeyboardInterrupt` can come between any two steps of the main thread: after a
message was taken from a queue and before it is sent, or between the frames of one
that is received. So while the main thread is at such work, an interrupt is noted,
and raised where nothing is in its hands.
"""

from __future__ import annotations

# `signal`'s own functions wrap its, for the sake of enums, and take ten times as long:
# a round trip of 200 µs meets six of them.
import _signal  # type: ignore[import-not-found]
import signal
from collections.abc import Callable
from threading import get_ident, main_thread
from types import FrameType, TracebackType
from typing import Any

from ..transport import nesting

__all__ = ["INTERRUPTS", "Interrupts"]

_SIGINT = int(signal.SIGINT)


class Interrupts:
    """Notes interrupts for the length of a `with` block; blocks may be nested.

    It does so in the main thread only, and only where nobody has put a handler of
    their own, other than the engine whose task this may be. A second Ctrl-C is raised
    at once.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._installed = False
        self._noted = False
        self._wake: Callable[[], object] = bool
        #: The handler that is put back, and that says what an interrupt does.
        self._handler: Callable[[int, FrameType | None], Any]
        self._handler = signal.default_int_handler

    def __enter__(self) -> None:
        if get_ident() != main_thread().ident:
            return
        if not self._depth:
            handler = _signal.getsignal(_SIGINT)
            if handler is signal.default_int_handler or _is_engines(handler):
                self._noted, self._handler = False, handler
                _signal.signal(_SIGINT, self._note)  # from here on, none is raised
                self._installed = True
        self._depth += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if get_ident() != main_thread().ident:
            return
        self._depth -= 1
        if self._depth or not self._installed:
            return
        self._installed = False
        self._wake = bool
        if _signal.getsignal(_SIGINT) == self._note:
            _signal.signal(_SIGINT, self._handler)
        # Where a second one is on its way, that is for both.
        if self._noted and not isinstance(error, KeyboardInterrupt):
            self._handler(_SIGINT, None)

    def check(self, wake: Callable[[], object]) -> None:
        """Raise an interrupt that was noted, unless this is a block within a block.

        Of one that comes from now on, `wake` is told.
        """
        if get_ident() != main_thread().ident:
            return
        self._wake = wake
        if self._noted and self._depth == 1:
            self._noted = False
            self._handler(_SIGINT, None)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if self._noted:
            self._handler(signum, frame)
        self._noted = True
        self._wake()


def _is_engines(handler: Any) -> bool:
    return nesting.current is not None and handler == nesting.current.on_interrupt


#: A process has one main thread, and one handler.
INTERRUPTS = Interrupts()

"""Bars of what has come of a result, where somebody can see them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from time import monotonic
from typing import Any, Protocol

from .frontend import in_notebook, in_qt_console, in_terminal, ipython
from .screen import make_room
from .waits import Waits

__all__ = ["Bar", "Silence", "is_wanted", "new_bar", "watch_progress"]

#: Set in the environment, no bar is shown.
QUIET = "IPP_NONINTERACTIVE"


class Bar(Protocol):
    """What shows progress."""

    n: float
    total: float | None

    def update(self, n: float = 1) -> object:
        """Add to what is done."""

    def close(self) -> object:
        """Leave it as it is."""


class Silence:
    """A bar that nobody sees."""

    def __init__(self, total: float | None) -> None:
        self.n = 0.0
        self.total = total

    def update(self, n: float = 1) -> None:
        """Add to what is done."""
        self.n += n

    def close(self) -> None:
        """Leave it as it is."""


def is_wanted(asked: bool | None = None, *, waits: bool = True) -> bool:
    """Tell whether to show a bar.

    Parameters
    ----------
    asked
        What the user says; None for nothing: then there is one in IPython, where
        somebody waits and sees it.
    waits
        Whether somebody waits.
    """
    if asked is not None:
        return asked
    return waits and ipython() is not None and not _is_quiet()


def _is_quiet() -> bool:
    if os.environ.get(QUIET, "0") not in ("", "0"):
        return True
    is_kernel = in_notebook() or in_qt_console()
    return not (is_kernel or sys.stderr.isatty() or in_terminal())


def new_bar(
    total: float | None, what: str, unit: str = "tasks", widget: bool | None = None,
    delay: float = 0, elapsed: float = 0,
) -> Bar:  # fmt: skip
    """Return a bar, or something that is silent where nobody would see one.

    Parameters
    ----------
    total
        What there is to do; None if that is not known.
    what
        What is written before it.
    widget
        A notebook's bar; by default where one shows it. Without ipywidgets it is
        one of text.
    delay
        Seconds after which it is shown: not at all of what takes less.
    elapsed
        Seconds that it has taken before, which rates are told of as well.
    """
    if widget is None:
        widget = in_notebook()
    if _is_quiet() and not widget:
        return Silence(total)
    bar = _kind_of_bar(widget)(total=total, desc=what, unit=unit, delay=delay)
    bar.start_t -= elapsed
    bar.last_print_t -= elapsed
    found: Bar = bar
    return found


def _kind_of_bar(widget: bool) -> Any:
    import tqdm

    kind = tqdm.tqdm
    if widget:
        with contextlib.suppress(ImportError):
            import ipywidgets  # noqa: F401
            import tqdm.notebook

            kind = tqdm.notebook.tqdm
    # tqdm would start a thread that stays, to look after bars that stand still.
    body: dict[str, Any] = {"monitor_interval": 0}
    if kind is tqdm.tqdm:
        body["display"] = _display
    return type("Bar", (kind,), body)


def _display(bar: Any, *args: Any, **kwargs: Any) -> Any:
    """Draw a bar of text, beneath what was begun in its line."""
    make_room()
    return super(type(bar), bar).display(*args, **kwargs)


def watch_progress(
    waits: Waits,
    bar: Bar,
    progress: Callable[[], float],
    wait: Callable[[float], bool],
    interval: float,
    timeout: float | None,
) -> bool:
    """Wait in steps of `interval` seconds, and move a bar; tell whether it is over.

    Parameters
    ----------
    waits
        Those of which the steps are.
    """
    deadline = None if timeout is None else monotonic() + timeout
    try:
        with waits.as_one():
            while True:
                left = interval if deadline is None else deadline - monotonic()
                over = wait(max(0.0, min(interval, left)))
                bar.update(progress() - bar.n)
                if over or (deadline is not None and monotonic() >= deadline):
                    return over
    finally:
        bar.close()

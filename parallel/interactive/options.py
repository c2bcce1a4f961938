"""The options of the magics: how they are written, and what they mean."""

from __future__ import annotations

import re
import signal
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic_arguments import argument

from ..errors import ParallelError

__all__ = ["Settings", "for_running", "for_showing", "parsed", "read_targets"]

#: Engines with a space between them, which are several words.
_CUT = re.compile(r"(?:^|\s)(?:-t|--targets)[ =]?\s*[\w.]*[\[(][^\s\])]*\s")
_QUOTED = 'ENGINES with spaces stand in quotes: --targets "[0, 1]"'

Magic = Callable[..., Any]


@dataclass(frozen=True)
class Settings:
    """How cells are run, unless a cell's own options say otherwise."""

    #: Whether what engines print is shown while they run.
    stream: bool = True
    #: Whether it is told which engines run something.
    verbose: bool = False
    #: Seconds after which a bar is drawn; a negative number for never.
    progress_after: float = 2.0
    #: The signal that Ctrl-C sends to engines; '' for none.
    signal: str = "SIGINT"

    def changed(self, options: Namespace) -> Settings:
        """Return these with what options say."""
        told = {
            "stream": options.stream,
            "verbose": options.set_verbose,
            "progress_after": options.progress_after,
        }
        changes = {name: value for name, value in told.items() if value is not None}
        if options.signal_on_interrupt is not None:
            changes["signal"] = _signal_named(options.signal_on_interrupt)
        return replace(self, **changes)


def for_running(magic: Magic) -> Magic:
    """Give a magic the options that say where and how something is run."""
    options: list[Magic] = [
        argument(
            "-b", "--block", action="store_const", const=True, dest="block",
            help="wait, and show what comes of it",
        ),
        argument(
            "-a", "--noblock", action="store_const", const=False, dest="block",
            help="do not wait: return an AsyncResult",
        ),
        argument(
            "-t", "--targets", type=str, metavar="ENGINES",
            help="which engines: all, a number, a slice such as ::2, or an expression "
            "of your session that gives a list",
        ),
        argument(
            "--stream", action="store_const", const=True, dest="stream",
            help="show what is printed as it comes, when waiting (default)",
        ),
        argument(
            "--no-stream", action="store_const", const=False, dest="stream",
            help="show what is printed at the end",
        ),
        argument(
            "--verbose", action="store_const", const=True, dest="set_verbose",
            help="tell which engines run it",
        ),
        argument(
            "--no-verbose", action="store_const", const=False, dest="set_verbose",
            help="do not tell which engines run it (default)",
        ),
        argument(
            "--progress-after", type=float, metavar="SECONDS",
            help="draw a bar after so many seconds (2): 0 at once, -1 never",
        ),
        argument(
            "--signal-on-interrupt", type=str, metavar="SIGNAL",
            help="what Ctrl-C sends to the engines (SIGINT): a name or a number, "
            "0 for nothing",
        ),
    ]  # fmt: skip
    return _with(options, magic)


def for_showing(magic: Magic) -> Magic:
    """Give a magic the options that say how a result is shown."""
    options: list[Magic] = [
        argument(
            "-r", action="store_const", const="order", dest="groupby",
            help="the same as --group-outputs=order",
        ),
        argument(
            "-e", action="store_const", const="engine", dest="groupby",
            help="the same as --group-outputs=engine",
        ),
        argument(
            "--group-outputs", choices=["engine", "order", "type"], dest="groupby",
            help="how to show what is not streamed: 'type' (default), all that was "
            "printed, then displays, then values; 'engine', one after the other; "
            "'order', the first displays of all, then the second ones",
        ),
        argument(
            "-o", "--out", type=str, dest="save_name", metavar="NAME",
            help="bind the AsyncResult to this name",
        ),
    ]  # fmt: skip
    return _with(options, magic)


def _with(options: list[Magic], magic: Magic) -> Magic:
    for option in reversed(options):
        magic = option(magic)
    return magic


def parsed(magic: Magic, line: str) -> Namespace:
    """Return the options of a magic's line.

    Raises
    ------
    UsageError
        They are none of its options.
    """
    try:
        found: Namespace = magic.parser.parse_argstring(line)  # type: ignore[attr-defined]
    except UsageError as error:
        if _CUT.search(line):
            raise UsageError(f"{error} ({_QUOTED})") from None
        raise
    if getattr(found, "groupby", "") is None:  # argparse takes the first one's default
        found.groupby = "type"
    name = getattr(found, "save_name", None)
    if name is not None and not name.isidentifier():
        raise UsageError(f"--out takes a name, not {name!r}")
    return found


def read_targets(client: Any, text: str, names: dict[str, Any]) -> Any:
    """Return the engines that an option means, as a view takes them.

    Parameters
    ----------
    names
        The session's: an expression may use them.

    Raises
    ------
    UsageError
        It can be no engines, or not all of them are there.
    """
    text = text.strip()
    if text[:1] in ("'", '"') and text[-1:] == text[:1]:  # for the spaces in it
        text = text[1:-1].strip()
    if text == "all":
        return "all"
    try:
        targets = _evaluated(text, names)
        ids = client.resolve(targets)
    except Exception as error:
        what = str(error)
        if not isinstance(error, (ParallelError, IndexError)):
            what = (
                f"{what} ({type(error).__name__}). Engines are 'all', a number, a "
                "slice such as ::2, or an expression that gives a list of numbers"
            )
        raise UsageError(f"--targets {text}: {what}") from None
    if not ids:
        raise UsageError(f"--targets {text}: these are none of {client.ids}")
    return targets if hasattr(targets, "__index__") else ids


def _evaluated(text: str, names: dict[str, Any]) -> Any:
    bounds = text.split(":")
    if len(bounds) in (2, 3) and all(_is_bound(each) for each in bounds):
        return slice(*(int(each) if each.strip() else None for each in bounds))
    return eval(text, {**names})


def _is_bound(text: str) -> bool:
    text = text.strip()
    return not text or text.removeprefix("-").isdecimal()


def _signal_named(text: str) -> str:
    """Return a signal's name; '' for none."""
    if text in ("0", ""):
        return ""
    try:
        if text.isdecimal():
            return signal.Signals(int(text)).name
        return signal.Signals[text.upper()].name
    except (KeyError, ValueError):
        raise UsageError(
            f"--signal-on-interrupt {text}: there is no such signal; names are as "
            "'SIGINT', and 0 means none"
        ) from None

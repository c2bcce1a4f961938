"""What engines give, in the colours that the session's IPython has for its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..client import names
from ..client.frontend import in_notebook, in_qt_console, in_terminal
from ..client.names import plain_name
from ..errors import RemoteError

__all__ = ["colour_in"]


def colour_in(shell: Any) -> None:
    """Have tracebacks, and names of values, shown as a shell colours them, from now on.

    Parameters
    ----------
    shell
        The session's `InteractiveShell`.
    """

    def paint(text: str) -> str:
        return _painted_traceback(text, shell)

    def paint_name(number: str) -> str:
        return _painted_name(number, shell)

    RemoteError.paint = staticmethod(paint)
    names.paint = paint_name


def _style_of(shell: Any) -> str:
    return str(getattr(shell, "colors", "nocolor")).lower()


def _painted_name(number: str, shell: Any) -> str:
    """Return the name of a value in IPython's red, if colours are wanted."""
    # A notebook draws escape sequences, a file does not.
    is_drawn = in_notebook() or in_qt_console() or in_terminal()
    if _style_of(shell) == "nocolor" or not is_drawn:
        return plain_name(number)
    return f"\x1b[31mOut[\x1b[1;91m{number}\x1b[0;31m]:\x1b[0m"


def _painted_traceback(text: str, shell: Any) -> str:
    """Return a traceback with escape sequences, or as it is if none are wanted."""
    style = _style_of(shell)
    if "\x1b" in text or style == "nocolor" or not text:
        return text
    from IPython import version_info
    from pygments.lexers.python import PythonTracebackLexer

    # Without the last line's end the lexer takes each of its characters for an error.
    lexer = PythonTracebackLexer(stripnl=False)
    tokens = list(lexer.get_tokens(text))
    if version_info >= (9,):
        from IPython.utils.PyColorize import theme_table

        found: str = theme_table[style].format(list(_as_ipythons(tokens)))
        return found.rstrip("\n")
    from pygments import format as formatted
    from pygments.formatters.terminal256 import Terminal256Formatter

    told: str = formatted(tokens, Terminal256Formatter(style="default"))
    return told.rstrip("\n")


def _as_ipythons(tokens: Iterable[tuple[Any, str]]) -> Iterator[tuple[Any, str]]:
    """Return the tokens of a traceback's frame as IPython has them in its own.

    Those have the colours of the user's terminal or page, legible on its background.
    """
    from pygments.token import Generic, Token

    ours = {Generic.Traceback: Token.Text, Generic.Error: Token.ExcName}
    before = ""
    for kind, text in tokens:
        is_file = before == "  File "
        yield (Token.FilenameEm if is_file else ours.get(kind, kind)), text
        before = text

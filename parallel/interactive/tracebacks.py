"""Tracebacks of engines in the colours that the session's IPython has for its own."""

from __future__ import annotations

from typing import Any

from ..errors import RemoteError

__all__ = ["colour_in"]


def colour_in(shell: Any) -> None:
    """Have tracebacks of engines shown as a shell colours text, from now on."""

    def paint(text: str) -> str:
        return _painted(text, shell)

    RemoteError.paint = staticmethod(paint)


def _painted(text: str, shell: Any) -> str:
    """Return a traceback with escape sequences, or as it is if none are wanted."""
    style = str(getattr(shell, "colors", "nocolor"))
    if "\x1b" in text or style.lower() == "nocolor" or not text:
        return text
    from IPython import version_info
    from pygments.lexers.python import PythonTracebackLexer

    # Without the last line's end the lexer takes each of its characters for an error.
    lexer = PythonTracebackLexer(stripnl=False)
    tokens = list(lexer.get_tokens(text))
    if version_info >= (9,):
        from IPython.utils.PyColorize import theme_table

        found: str = theme_table[style.lower()].format(tokens)
        return found.rstrip("\n")
    from pygments import format as formatted
    from pygments.formatters.terminal256 import Terminal256Formatter

    told: str = formatted(tokens, Terminal256Formatter(style="default"))
    return told.rstrip("\n")

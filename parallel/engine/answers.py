"""What front ends ask IPython beside running cells: to complete, to explain."""

from __future__ import annotations

import platform
import traceback
from typing import Any

from ..transport.jupyter import VERSION
from .postmortem import users_frames

__all__ = ["ANSWERS", "describe", "traceback_lines"]


def describe(_: Any = None) -> dict[str, Any]:
    """Tell what kind of kernel this is."""
    language = {
        "name": "python",
        "version": platform.python_version(),
        "mimetype": "text/x-python",
        "file_extension": ".py",
        "pygments_lexer": "ipython3",
        "codemirror_mode": {"name": "ipython", "version": 3},
    }
    return {
        "status": "ok",
        "protocol_version": VERSION,
        "implementation": "parallel",
        "implementation_version": VERSION,
        "language_info": language,
        "banner": f"Python {platform.python_version()} of an engine\n",
        "help_links": [],
    }


def _complete(shell: Any, asked: dict[str, Any]) -> dict[str, Any]:
    from IPython.core.completer import provisionalcompleter

    code, at = str(asked["code"]), int(asked["cursor_pos"])
    with provisionalcompleter():
        found = list(shell.Completer.completions(code, at))
    start = min((each.start for each in found), default=at)
    end = max((each.end for each in found), default=at)
    matches = [code[start : c.start] + c.text + code[c.end : end] for c in found]
    return {
        "matches": list(dict.fromkeys(matches)),
        "cursor_start": start,
        "cursor_end": end,
        "metadata": {},
        "status": "ok",
    }


def _inspect(shell: Any, asked: dict[str, Any]) -> dict[str, Any]:
    from IPython.utils.tokenutil import token_at_cursor

    name = token_at_cursor(asked["code"], asked["cursor_pos"])
    try:
        data = shell.object_inspect_mime(name, asked.get("detail_level", 0))
    except KeyError:
        return {"status": "ok", "found": False, "data": {}, "metadata": {}}
    return {"status": "ok", "found": True, "data": data, "metadata": {}}


def _is_complete(shell: Any, asked: dict[str, Any]) -> dict[str, Any]:
    status, spaces = shell.input_transformer_manager.check_complete(asked["code"])
    return {"status": status, "indent": " " * (spaces or 0)}


def traceback_lines(error: BaseException) -> list[str]:
    """Return the lines of an error as IPython shows them, in colour."""
    from IPython.core import ultratb

    tb = users_frames(error.__traceback__)
    try:
        kind: Any = ultratb.FormattedTB
        try:
            form = kind(mode="Context", theme_name="linux")
        except Exception:  # before IPython 9
            form = kind(mode="Context", color_scheme="Linux")
        lines: list[str] = form.structured_traceback(type(error), error, tb)
    except Exception:  # it stumbles over errors that are odd enough
        return traceback.format_exception(type(error), error, tb)
    return lines


#: What is answered out of IPython's shell, by the kind of the request.
ANSWERS = {
    "complete_request": _complete,
    "inspect_request": _inspect,
    "is_complete_request": _is_complete,
}

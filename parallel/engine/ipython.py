"""The IPython shell that an engine makes: what it does otherwise than in a terminal."""

from __future__ import annotations

import functools
import os
import sys
import tempfile
import traceback
import warnings
from types import SimpleNamespace, TracebackType
from typing import Any
from zlib import crc32

from ..errors import NotAvailable
from . import publishing
from .breakpoints import INSTEAD, has_prompt
from .insets import innermost
from .namespace import Namespace
from .postmortem import last_error
from .publishing import publish
from .widgets import Widgets

__all__ = ["make_ipython", "settle_backend", "users_part"]

#: Who runs a cell raises its error to us: the others only show theirs.
_CELLS = {"_run_cell", "run_cell", "run_cell_async", "run_ast_nodes", "run_code"}
#: The last inputs, which history is asked for with each cell.
_INPUTS = dict.fromkeys(("_i", "_ii", "_iii", "_i00"), "")
#: What is told of `exit` in a cell.
_LEFT = "this ends the cell alone: rc.shutdown(0) ends engine 0"
#: A notebook sets these for itself, and its engines inherit it.
_OF_NOTEBOOKS = "module://matplotlib_inline.", "module://ipykernel."


def make_ipython(namespace: Namespace) -> Any:
    """Return a shell whose names are those of a namespace, and that keeps no files.

    Raises
    ------
    ImportError
        IPython is not installed.
    """
    from IPython import version_info
    from IPython.core.compilerop import CachingCompiler
    from IPython.core.history import HistoryManager
    from IPython.core.interactiveshell import InteractiveShell

    history: Any = type("History", (HistoryManager,), dict(_INPUTS))
    body: dict[str, Any] = {
        # What each cell changes or needs is no trait: on 16 engines on two cores,
        # where nothing stays in the processors' caches, these took 60 µs a cell.
        "execution_count": 1,
        "ast_transformers": [],
        "input_transformers_post": [],
        "init_history": lambda its: _keep_history(its, history),
        "compiler_class": type(
            "Compiler", (CachingCompiler,), {"get_code_name": _name_code}
        ),
        # They would make folders.
        "init_ipython_dir": _do_nothing,
        "init_profile_dir": _do_nothing,
        # Where %cd, %bookmark and %rehashx keep things: in a profile, which is none.
        "db": {},
        # To the descriptors that all output is read from, and interrupted with us.
        "system": InteractiveShell.system_raw,
        "showtraceback": _show_error,
        "showsyntaxerror": _show_error,
        "showindentationerror": _show_error,
        "enable_gui": _enable_gui,
        "ask_exit": _exit,
    }
    plain = "nocolor" if version_info >= (9,) else "NoColor"
    config = _config(
        HistoryManager={"enabled": False, "hist_file": ":memory:"},
        InteractiveShell={"colors": plain, "xmode": "Plain"},
    )
    with tempfile.TemporaryDirectory() as folder:  # for IPython 8, which makes a file
        body["profile_dir"] = SimpleNamespace(location=folder)
        shell: Any = type("EngineShell", (InteractiveShell,), body)
        made = shell.instance(
            config=config, user_module=namespace.module, user_ns=namespace.names
        )
    made.db = {}
    made.displayhook.write_output_prompt = _do_nothing
    made.displayhook.finish_displayhook = _do_nothing
    widgets = made.engine_widgets = Widgets()
    made.display_pub.publish = functools.partial(_publish_display, widgets)
    made.events.register("post_execute", widgets.settle)
    made.display_pub.clear_output = _publish_clear
    _hear_less(made)
    _guard_debug(made)
    # Of a prompt, which is not here.
    warnings.filterwarnings("ignore", "To exit: use 'exit'", UserWarning, "IPython")
    _set_builtins(made)
    made.set_hook("show_in_pager", _print_page, 0)
    return made


def _config(**sections: dict[str, Any]) -> Any:
    from traitlets.config import Config

    return Config(sections)


def settle_backend() -> None:
    """Have figures drawn without windows, unless the user wants it otherwise."""
    chosen = os.environ.get("MPLBACKEND", "")
    if not chosen or chosen.startswith(_OF_NOTEBOOKS):
        os.environ["MPLBACKEND"] = "agg"


def users_part(step: TracebackType | None) -> TracebackType | None:
    """Return a traceback from where IPython hands over to the user's code."""
    while step is not None and _is_ipythons(step.tb_frame.f_globals):
        step = step.tb_next
    return step


def _is_ipythons(names: dict[str, Any]) -> bool:
    return str(names.get("__name__")).partition(".")[0] == "IPython"


def _keep_history(shell: Any, kind: Any) -> None:
    shell.history_manager = kind(shell=shell, parent=shell)
    shell.configurables.append(shell.history_manager)


def _set_builtins(shell: Any) -> None:
    """Have `get_ipython` in reach of all code for good.

    IPython has it there while a cell runs, and hides `exit` and `quit` meanwhile, of
    which cells have its own. To change the builtins undoes what Python has learnt of
    each function that uses one: that took 10 µs a cell.
    """
    trap = shell.builtin_trap
    for name in ("exit", "quit"):
        trap.auto_builtins.pop(name, None)
    trap.__enter__()


def _hear_less(shell: Any) -> None:
    """Tell IPython's publisher of no cells: what it would show is published by us."""
    publisher = shell.display_pub
    for heard in shell.events.callbacks.values():
        heard[:] = [h for h in heard if getattr(h, "__self__", None) is not publisher]


def _name_code(_: Any, __: str, code: str, number: int) -> str:
    """Return the name of a cell's file in tracebacks."""
    return f"<ipython-input-{number}-{crc32(code.rstrip().encode()):08x}>"


def _do_nothing(*args: Any, **kwargs: Any) -> None:
    pass


def _show_error(_: Any, exception: Any = None, *__: Any, **___: Any) -> None:
    """Print an error that does not end the cell: of a repr, a callback, %run, %time.

    Where there is none, `%tb` asks for the last one.
    """
    if sys._getframe(1).f_code.co_name in _CELLS:
        return  # it is raised
    error = (exception if isinstance(exception, tuple) else sys.exc_info())[1]
    if error is None:
        _show_last_error()
        return
    told = not isinstance(error, SystemExit)
    _print_error(error, users_part(error.__traceback__) if told else None)


def _show_last_error() -> None:
    last = last_error()
    error = getattr(sys, "last_value", None)
    if last is None:
        print("nothing has failed on this engine yet", file=sys.stderr)
    elif error is None:
        print(f"{last.told}\n(no traceback: {last.missing})", file=sys.stderr)
    else:
        _print_error(error, last.frames)


def _print_error(error: BaseException, part: TracebackType | None) -> None:
    lines = traceback.format_exception(type(error), error, part)
    print("".join(lines), end="", file=sys.stderr)


def _guard_debug(shell: Any) -> None:
    """Have `%debug` open its prompt only where somebody answers that."""
    debug = shell.find_line_magic("debug")

    def guarded(line: str = "", cell: str | None = None) -> Any:
        if has_prompt():
            return debug(line, cell)
        # And no error, for the one that is meant would not be the last any more.
        print(f"%debug opens no prompt, for {INSTEAD}", file=sys.stderr)
        return None

    shell.register_magic_function(guarded, "line_cell", "debug")


def _enable_gui(_: Any, gui: str | None = None) -> None:
    """Refuse event loops; of `%matplotlib inline` this is the last step."""
    if gui not in (None, "", "inline", "agg"):
        raise NotAvailable(
            f"an engine runs no event loop for {gui!r}: '%matplotlib inline' sends "
            "figures to the session, and 'agg' draws them for files"
        )
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None and "inline" in pyplot.get_backend():
        pyplot.close("all")  # else a figure made before is drawn on, and never shown


def _publish_display(
    widgets: Widgets,
    data: dict[str, Any],
    metadata: dict[str, Any] | None = None,
    *_: Any,
    transient: dict[str, Any] | None = None,
    update: bool = False,
    **__: Any,
) -> None:
    value: dict[str, Any] = {"data": data, "metadata": metadata or {}}
    if transient:
        value["transient"] = transient
    if update:
        value["update"] = True
    if publishing.current is None:  # in a process that a task forked
        print(data.get("text/plain", ""))
    else:
        publish("display", widgets.note(value))


def _publish_clear(wait: bool = False) -> None:
    if publishing.current is not None:
        clear = {"wait": wait}
        publish("clear", {**clear, "into": into} if (into := innermost()) else clear)


def _exit(_: Any) -> None:
    raise SystemExit(_LEFT)


def _print_page(_: Any, data: Any, *__: Any, **___: Any) -> None:
    print(data["text/plain"] if isinstance(data, dict) else data)

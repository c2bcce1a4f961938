"""IPython in an engine: made when something is executed that only it can run."""

from __future__ import annotations

import tempfile
from types import SimpleNamespace, TracebackType
from typing import Any

from . import publishing
from .namespace import Namespace
from .publishing import publish

__all__ = ["Shell"]


class Shell:
    """An IPython shell whose names are those of a namespace.

    It writes no files: there is no profile and no history on disk. What is displayed
    is published.

    Raises
    ------
    ImportError
        IPython is not installed.
    """

    def __init__(self, namespace: Namespace) -> None:
        self._shown: dict[str, Any] | None = None
        self._ipython = _make_shell(namespace)
        self._direct_displays()
        self._silence()

    def _direct_displays(self) -> None:
        """Send what is displayed to the client, and keep results for the reply."""
        hook, displays = self._ipython.displayhook, self._ipython.display_pub
        hook.write_output_prompt = hook.finish_displayhook = _do_nothing
        hook.write_format_data = self._keep
        displays.publish = _publish_display
        displays.clear_output = _publish_clear
        self._ipython.set_hook("show_in_pager", _print_page, 0)

    def _silence(self) -> None:
        """Have errors raised by us, rather than shown by it."""
        for name in (
            *("showtraceback", "showsyntaxerror", "showindentationerror"),
            "show_usage_error",
        ):
            setattr(self._ipython, name, _do_nothing)
        self._ipython.ask_exit = _exit

    def _keep(self, data: dict[str, Any], metadata: dict[str, Any] | None) -> None:
        self._shown = {"data": data, "metadata": metadata or {}}

    def run(self, code: str, silent: bool) -> dict[str, Any]:
        """Run source text in IPython's syntax; see `Sources.execute`.

        Whatever it raises comes through.
        """
        outer, self._shown = self._shown, None  # this may run within another
        try:
            # What is silent neither counts nor has a result.
            ran = self._ipython.run_cell(code, store_history=not silent, silent=silent)
            shown = self._shown
        finally:
            self._shown = outer
        error = ran.error_before_exec or ran.error_in_exec
        if error is not None:
            raise error.with_traceback(_users_part(error.__traceback__))
        count = ran.execution_count or self._ipython.execution_count
        return {"execution_count": count, "execute_result": shown}

    def settle(self) -> None:
        """Put IPython's own names into the namespace."""
        self._ipython.init_user_ns()


def _make_shell(namespace: Namespace) -> Any:
    from IPython import version_info
    from IPython.core.interactiveshell import InteractiveShell

    body: dict[str, Any] = {
        # They would make folders.
        "init_ipython_dir": _do_nothing,
        "init_profile_dir": _do_nothing,
        # Where %cd, %bookmark and %rehashx keep things: in a profile, which is none.
        "db": {},
        # To the descriptors that all output is read from, and interrupted with us.
        "system": InteractiveShell.system_raw,
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
    return made


def _config(**sections: dict[str, Any]) -> Any:
    from traitlets.config import Config

    return Config(sections)


def _do_nothing(*args: Any, **kwargs: Any) -> None:
    pass


def _publish_display(
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
        publish("display", value)


def _publish_clear(wait: bool = False) -> None:
    if publishing.current is not None:
        publish("clear", {"wait": wait})


def _exit() -> None:
    raise SystemExit


def _print_page(_: Any, data: Any, *__: Any, **___: Any) -> None:
    print(data["text/plain"] if isinstance(data, dict) else data)


def _users_part(step: TracebackType | None) -> TracebackType | None:
    """Return a traceback from where IPython hands over to the user's code."""
    while step is not None and _is_ipythons(step.tb_frame.f_globals):
        step = step.tb_next
    return step


def _is_ipythons(names: dict[str, Any]) -> bool:
    return str(names.get("__name__")).partition(".")[0] == "IPython"

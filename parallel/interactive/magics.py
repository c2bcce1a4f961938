"""`%px` and its family."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

from ..client.interrupts import INTERRUPTS
from ..errors import AlreadyDisplayedError, ParallelError, RemoteError
from .autopx import AutoPx
from .cells import check_syntax
from .colours import colour_in
from .debugging import debug_engine, debug_error, debug_result, has_failed, point_to
from .options import Settings, for_running, for_showing, parsed, read_targets
from .running import NOT_KNOWN, StillRunning, named, show, wait_and_show
from .steps import shorten_in

__all__ = ["ParallelMagics"]


class ParallelMagics:
    """The magics of one suffix in one shell, which work on one view.

    Parameters
    ----------
    shell
        A running IPython.
    suffix
        What their names end with.
    """

    def __init__(self, shell: Any, suffix: str) -> None:
        self.shell = shell
        self.suffix = suffix
        #: The view of engines that cells are run on.
        self.view: Any = None
        #: What the last cell gave.
        self.last_result: Any = None
        #: What the last one gave that failed, of those before it.
        self._failed: Any = None
        self._settings = Settings()
        self._autopx = AutoPx(shell, suffix)
        self._pointer = functools.partial(point_to, self._magic)

    @property
    def needs_view(self) -> bool:
        """Whether there is none, or that of a client that is closed."""
        return self.view is None or self.view.client.closed

    def work_on(self, view: Any) -> None:
        """Run cells on another view from now on, with the settings that are usual."""
        self.view, self._settings = view, Settings()

    # In the shell

    def register(self) -> None:
        """Put them into the shell."""
        for name, kind, magic in self._all():
            self.shell.register_magic_function(magic, kind, name)
        if not self.suffix:
            self.shell.events.register("pre_run_cell", self._pointer)
        colour_in(self.shell)
        shorten_in(self.shell)

    def remove(self) -> None:
        """Take them out of the shell."""
        if self._autopx.is_on:
            self._autopx.toggle()
        for name, kind, _ in self._all():
            self.shell.magics_manager.magics[kind].pop(name, None)
        if not self.suffix:
            self.shell.events.unregister("pre_run_cell", self._pointer)

    def _all(self) -> list[tuple[str, str, Callable[..., Any]]]:
        kinds: list[tuple[str, str, Callable[..., Any]]] = [
            ("px", "line", self.px),
            ("px", "cell", self.px_cell),
            ("pxresult", "line", self.pxresult),
            ("result", "line", self.pxresult),
            ("pxconfig", "line", self.pxconfig),
            ("pxdebug", "line", self.pxdebug),
            ("autopx", "line", self.autopx),
        ]
        return [(f"{name}{self.suffix}", kind, magic) for name, kind, magic in kinds]

    # The magics

    @no_var_expand
    def px(self, line: str) -> Any:
        """Run a line on the engines: ``%px import numpy``.

        All of IPython's syntax is understood there: magics, ``!commands``, ``await``.
        """
        if line.strip():
            return self._run(line, self._settings)
        return None

    @magic_arguments("%%px")
    @for_running
    @for_showing
    @argument("--local", action="store_true", help="run it in this session, too")
    def px_cell(self, line: str, cell: str) -> Any:
        """Run a cell on the engines; the options are for this cell only."""
        options = parsed(self.px_cell, line)
        settings = self._settings.changed(options)
        targets = None
        if options.targets:
            targets = self._targets(options.targets)
        return self._run(
            cell, settings, targets, options.block, options.groupby,
            options.save_name, here=options.local,
        )  # fmt: skip

    @magic_arguments("%pxconfig")
    @for_running
    def pxconfig(self, line: str) -> None:
        """Set the defaults of ``%px``, ``%%px`` and ``%autopx``."""
        options = parsed(self.pxconfig, line)
        settings = self._settings.changed(options)
        if options.targets:
            self._connected().targets = self._targets(options.targets)
        if options.block is not None:
            self._connected().block = options.block
        self._settings = settings

    @magic_arguments("%pxresult")
    @for_showing
    def pxresult(self, line: str) -> None:
        """Wait for what ran last, and show what came of it."""
        options = parsed(self.pxresult, line)
        if self.last_result is None:
            raise UsageError(
                f"%pxresult{self.suffix}: nothing has been run yet; "
                f"%px{self.suffix} runs something"
            )
        self._keep(options.save_name)
        show(self.last_result, options.groupby)

    def pxdebug(self, line: str) -> None:
        """Look at the variables where the last cell failed: ``%pxdebug [engine]``.

        That is a prompt of pdb's, whose commands are run on the engine that failed.
        """
        client, asked = self._connected().client, line.strip()
        if asked:
            if not asked.isdecimal():
                raise UsageError(f"{self._magic} takes an engine's number: {asked!r}")
            debug_engine(client, int(asked))
            return
        error = getattr(sys, "last_value", None)
        failed = self._failed_result()
        if isinstance(error, RemoteError) and not isinstance(
            error, AlreadyDisplayedError
        ):  # of a call, and not of a cell
            debug_error(client, error, self._magic)
        elif failed is None:
            print(f"nothing has failed yet that {self._magic} could look at")
        else:
            debug_result(failed, client, None, self._magic)

    @property
    def _magic(self) -> str:
        return f"%pxdebug{self.suffix}"

    def _failed_result(self) -> Any:
        """Return what the last cell gave that failed, or None."""
        last = self.last_result
        return last if last is not None and has_failed(last) else self._failed

    def autopx(self, line: str) -> None:
        """Run every cell on the engines from now on, until this is said again."""
        if not self._autopx.is_on:
            self._connected()
        self._autopx.toggle()
        state = "enabled" if self._autopx.is_on else "disabled"
        print(f"%autopx{self.suffix} {state}")

    # Running

    def _run(
        self, code: str, settings: Settings, targets: Any = None,
        block: bool | None = None, groupby: str = "type", save_name: str | None = None,
        *, here: bool = False,
    ) -> Any:  # fmt: skip
        view = self._connected()
        block = view.block if block is None else block
        check_syntax(code, self.shell)
        if settings.verbose:
            self._announce(view.targets if targets is None else targets, block)
        with contextlib.ExitStack() as held:
            held.enter_context(INTERRUPTS)
            result = self._submit(view, code, targets)
            self._keep(save_name)
            if here:
                held.close()
                self._run_here(code)
                held.enter_context(INTERRUPTS)
            if not block:
                return result
            wait_and_show(result, view.client, settings, groupby, held)
        return None

    def _submit(self, view: Any, code: str, targets: Any) -> Any:
        try:
            result = view.execute(code, silent=False, block=False, targets=targets)
        except (ParallelError, IndexError) as error:
            raise UsageError(f"%px{self.suffix}: {error}") from None
        except KeyboardInterrupt:  # a second one: the first is held off
            raise StillRunning(NOT_KNOWN) from None
        result._fname = "%px"
        self._failed = self._failed_result()
        self.last_result = result
        return result

    def _run_here(self, code: str) -> None:
        self._autopx.paused = True
        try:
            self.shell.run_cell(code)
        finally:
            self._autopx.paused = False

    def _announce(self, targets: Any, block: bool) -> None:
        told = named(targets) if isinstance(targets, list) else str(targets)
        begin = "Parallel" if block else "Async parallel"
        print(f"{begin} execution on engine(s): {told}", flush=True)

    def _keep(self, name: str | None) -> None:
        if name is not None:
            self.shell.user_ns[name] = self.last_result

    def _targets(self, text: str) -> Any:
        return read_targets(self._connected().client, text, self.shell.user_ns)

    def _connected(self) -> Any:
        """Return the view, if there is one that serves."""
        if self.view is None:
            raise UsageError(
                f"%px{self.suffix}: there is no client in this session yet. Make one: "
                "rc = parallel.Client(), or a cluster: rc = parallel.Cluster(n=4)"
                ".start_and_connect_sync()"
            )
        if self.view.client.closed:
            raise UsageError(
                f"%px{self.suffix}: its client is closed. The next client that is made "
                "takes its place, or rc.activate() one"
            )
        return self.view

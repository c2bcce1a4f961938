"""The door from IPython: magics appear with the first client, or when asked for.

Nothing of IPython is imported before there is a shell to put them into.
"""

from __future__ import annotations

import warnings
import weakref
from typing import TYPE_CHECKING, Any

from ..client.extensions import EXTENSIONS
from ..client.frontend import ipython
from ..transport import nesting

if TYPE_CHECKING:
    from .magics import ParallelMagics

__all__ = ["load_ipython_extension", "unload_ipython_extension"]

#: The magics of each shell, by the suffix of their names.
_loaded: weakref.WeakKeyDictionary[Any, dict[str, ParallelMagics]]
_loaded = weakref.WeakKeyDictionary()

#: The client that was made last, for magics that are loaded after it.
_latest: weakref.ref[Any] | None = None


def load_ipython_extension(ipython: Any) -> None:
    """Put the magics into a shell: what `%load_ext parallel` calls.

    They work on the engines of the client that was made last, or else of the next.
    """
    magics = _magics_of(ipython, "")
    client = None if _latest is None else _latest()
    if magics.needs_view and client is not None and not client.closed:
        magics.view = client.direct_view("all", block=True)


def unload_ipython_extension(ipython: Any) -> None:
    """Take the magics out of a shell again: what `%unload_ext parallel` calls."""
    for magics in _loaded.pop(ipython, {}).values():
        magics.remove()


def _magics_of(shell: Any, suffix: str) -> ParallelMagics:
    """Return the magics of a suffix in a shell, which are made where they lack."""
    from .magics import ParallelMagics

    of_shell = _loaded.setdefault(shell, {})
    if suffix not in of_shell:
        _offer_views_names()
        of_shell[suffix] = ParallelMagics(shell, suffix)
        of_shell[suffix].register()
    return of_shell[suffix]


def _offer_views_names() -> None:
    """Have Tab look what `rc[0]` is in `rc[0]["…`, as it does with an item of a list.

    IPython asks nothing that may do something before it is run. To make a view does
    nothing, so clients are added to those whose items IPython looks at. Releases that
    have no such list complete the names of views that have a name.
    """
    try:
        from IPython.core.guarded_eval import EVALUATION_POLICIES
    except ImportError:
        return
    for policy in EVALUATION_POLICIES.values():
        allowed: set[Any] = getattr(policy, "allowed_getitem_external", set())
        allowed.add(("parallel", "Client"))


def _activate(view: Any, suffix: str) -> None:
    """Have the magics of a suffix work on a view: see `DirectView.activate`."""
    shell = _shell()
    if shell is None:
        warnings.warn(
            "this is no IPython session: there are no magics (%px …) to activate here; "
            "view.execute(code) does the same",
            UserWarning,
            stacklevel=3,
        )
        return
    _magics_of(shell, suffix).work_on(view)


def _greet(client: Any) -> None:
    """Let the magics of a session, if this is one, work on its first client.

    So does the next client once that one is closed.
    """
    global _latest
    _latest = weakref.ref(client)
    shell = _shell()
    if shell is None or nesting.current is not None:  # or a task's own client
        return
    magics = _magics_of(shell, "")
    if magics.needs_view:
        magics.view = client.direct_view("all", block=True)


def _shell() -> Any:
    """Return the running IPython, if this is one."""
    shell = ipython()
    return shell if hasattr(shell, "magics_manager") else None


def _debug(result: Any, client: Any, index: int | None) -> None:
    """Look at where a result's task failed: see `AsyncResult.debug`."""
    from .debugging import debug_result  # and with it pdb

    debug_result(result, client, index)


EXTENSIONS.add("debugger", _debug)
EXTENSIONS.add("magics", _activate)
EXTENSIONS.add("session", _greet)

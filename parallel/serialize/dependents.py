"""Functions that run only where an engine suits them: `depend`, `require`.

The engine looks before it calls the function. If it does not suit, the task raises
`UnmetDependency` there, and the scheduler tries it on another engine.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from ..errors import UnmetDependency
from .main import main_namespace

__all__ = ["depend", "dependent", "require"]


class dependent:  # noqa: N801 - the name that users know
    """A function together with what it asks of an engine.

    Parameters
    ----------
    f
        The function.
    df
        Called as `df(*dargs, **dkwargs)` on the engine before each call of `f`. The
        engine does not suit if it returns False or raises `UnmetDependency`.
    """

    def __init__(
        self, f: Callable[..., Any], df: Callable[..., Any], /, *dargs: Any, **dkw: Any
    ) -> None:
        self.f = f
        self.df = df
        self.dargs = dargs
        self.dkwargs = dkw
        self.__name__ = str(getattr(f, "__name__", type(f).__name__))
        self.__doc__ = f.__doc__
        self.__module__ = getattr(f, "__module__", __name__)

    @property
    def func_name(self) -> str:
        """The name of the function."""
        return self.__name__

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        return self.f

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function here, if here suits it.

        Raises
        ------
        UnmetDependency
            It does not.
        """
        found = self.df(*self.dargs, **self.dkwargs)
        if found is False:
            check = getattr(self.df, "__name__", type(self.df).__name__)
            raise UnmetDependency(
                f"this engine does not suit {self.__name__}: {check} says no"
            )
        if self.df is _bring and self.f.__module__ == "__main__":
            # Under cloudpickle and dill a function has globals of its own.
            getattr(self.f, "__globals__", {}).update(found)
        return self.f(*args, **kwargs)


class depend:  # noqa: N801 - the name that users know
    """Decorate a function that asks something of the engine: see `dependent`.

    ::

        @depend(has_gpu, memory=8)
        def train(model): ...
    """

    def __init__(self, f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        self.f = f
        self.args = args
        self.kwargs = kwargs

    def __call__(self, f: Callable[..., Any]) -> dependent:
        """Return the function with what it asks for."""
        return dependent(f, self.f, *self.args, **self.kwargs)


def require(*objects: Any, **mapping: Any) -> depend:
    """Decorate a function that needs modules and other names in the engine's namespace.

    Parameters
    ----------
    objects
        Modules, or their names: imported there; an engine that lacks one does not
        suit. Functions and classes: bound there under their own names.
    mapping
        Other objects, under the names to bind them to.

    Raises
    ------
    TypeError
        One of the objects has no name of its own.
    """
    modules: list[str] = []
    for obj in objects:
        if isinstance(obj, (str, ModuleType)):
            modules.append(obj if isinstance(obj, str) else obj.__name__)
        elif isinstance(name := getattr(obj, "__name__", None), str):
            mapping[name] = obj
        else:
            raise TypeError(
                f"require takes modules, their names and functions; {obj!r} has no "
                "name of its own: give it one, as in require(name=...)"
            )
    return depend(_bring, modules, mapping)


def _bring(modules: list[str], mapping: dict[str, Any]) -> dict[str, Any]:
    """Import modules into the user's namespace, and bind names there; return them."""
    names = dict(mapping)
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise UnmetDependency(f"cannot import {name!r} here: {error}") from error
        top = name.partition(".")[0]
        names[top] = importlib.import_module(top)
    main_namespace().update(names)
    return names

"""Flags: a view's settings, each checked when it is set, and the terms they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import msgspec

from ..aliases import EngineId
from ..protocol.bounds import LEAST
from ..protocol.terms import ENGINE_RETRIES, USUAL, Terms
from .dependency import as_condition

__all__ = [
    "Flag",
    "Flagged",
    "amounts",
    "count",
    "dependency",
    "duration",
    "labelled",
    "number",
    "reaction",
    "seconds",
    "switch",
    "terms_of",
    "text",
    "words",
]


#: As often as anything is ever tried.
MOST = (1 << 31) - 1


class Flag:
    """An attribute of a view that is checked when it is set.

    Parameters
    ----------
    check
        Called with the flag's name and the value; returns what is kept, or raises.
    default
        Of a view that nobody has set it on.
    """

    name = ""

    def __init__(
        self, check: Callable[[str, Any], Any], default: Any = None, doc: str = ""
    ) -> None:
        self.check = check
        self.default = default
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, view: Any, owner: type | None = None) -> Any:
        return self if view is None else view._flags[self.name]

    def __set__(self, view: Any, value: Any) -> None:
        view._change_flags({self.name: value})


class Flagged:
    """What has flags: the class attributes that are a `Flag`."""

    #: The flags by name.
    flags: ClassVar[dict[str, Flag]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = {name: v for name, v in vars(cls).items() if isinstance(v, Flag)}
        cls.flags = {**cls.flags, **own}

    def __init__(self) -> None:
        self._flags = {name: flag.default for name, flag in self.flags.items()}

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and not hasattr(type(self), name):
            raise AttributeError(
                f"a {type(self).__name__} has no attribute {name!r} to set: its flags "
                f"are {', '.join(self.flags)}"
            )
        super().__setattr__(name, value)

    def _change_flags(self, changes: Mapping[str, Any]) -> None:
        """Set flags; where one is unknown or bad, none."""
        unknown = sorted(set(changes) - set(self.flags))
        if unknown:
            raise KeyError(
                f"a {type(self).__name__} has no flag {unknown[0]!r}: its flags are "
                f"{', '.join(self.flags)}"
            )
        checked = {n: self.flags[n].check(n, value) for n, value in changes.items()}
        self._restore_flags({**self._flags, **checked})

    def _restore_flags(self, flags: dict[str, Any]) -> None:
        """Set all flags to values that were checked before; where it fails, none."""
        before, self._flags = self._flags, flags
        try:
            self._flags_changed()
        except BaseException:
            self._flags = before
            raise

    def _flags_changed(self) -> None:
        """Take note that flags have changed."""


def terms_of(
    flags: Mapping[str, Any], targets: list[EngineId] | None = None
) -> Terms | None:
    """Return the terms that flags ask for; None where they ask for nothing."""
    retries = flags.get("retries", 0)
    deaths = flags.get("engine_retries", ENGINE_RETRIES)
    terms = Terms(
        label=flags["label"] or "",
        targets=targets,
        after=as_condition(flags.get("after")),
        follow=as_condition(flags.get("follow")),
        timeout=flags.get("timeout") or None,  # 0 is no limit: programs reset it so
        time_limit=flags.get("time_limit"),
        retries=retries,
        # A death is a failure too; but who says 0 wants nothing started twice by one.
        engine_retries=deaths and max(deaths, retries),
        priority=flags.get("priority", 0),
        resources=dict(flags.get("resources") or {}),
        labels=list(flags.get("labels") or ()),
    )
    return None if terms == USUAL else terms


def labelled(terms: Terms | None, label: str | None) -> Terms | None:
    """Return terms under another label, if one is given."""
    if label is None:
        return terms
    return msgspec.structs.replace(terms or USUAL, label=text("label", label))


# Checks: what is kept of a value, or the error that says what is wrong with it


def switch(name: str, value: Any) -> bool:
    """Return a truth value."""
    if value is None or isinstance(value, (bool, int)):
        return bool(value)
    raise TypeError(f"{name} is True or False, not {value!r}")


def text(name: str, value: Any) -> str | None:
    """Return a string, or None."""
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} is a string or None, not {value!r}")
    try:
        (value or "").encode()
    except UnicodeEncodeError:  # half of a surrogate pair cannot travel
        raise ValueError(f"{name} is text that can be encoded: not {value!r}") from None
    return value


def reaction(name: str, value: Any) -> str:
    """Return what a call does that cannot go on: `wait` or `raise`."""
    if value in ("wait", "raise"):
        return str(value)
    raise ValueError(f"{name} is 'wait' or 'raise', not {value!r}")


def dependency(name: str, value: Any) -> Any:
    """Return what a task may depend on: it is looked up when a task is submitted."""
    try:
        as_condition(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return value


def number(name: str, value: Any) -> float:
    """Return a number that can be compared with others."""
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} is a number, not {value!r}")
    found = float(value)
    if found != found:
        raise ValueError(f"{name} is a number that can be compared, not {value!r}")
    return max(found, LEAST)  # minus infinity cannot travel


def seconds(name: str, value: Any) -> float | None:
    """Return a time in seconds, or None for no limit."""
    if value is None:
        return None
    found = number(name, value)
    if found < 0:
        raise ValueError(f"{name} is at least 0 s, not {value!r}")
    return found


def duration(name: str, value: Any) -> float | None:
    """Return a time in seconds that something may take, or None for no limit."""
    found = seconds(name, value)
    if found == 0:
        raise ValueError(f"{name} is more than 0 s, or None: nothing runs in no time")
    return found


def count(name: str, value: Any) -> int:
    """Return a whole number."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} is a whole number, not {value!r}")
    found = value.__index__()
    if found < 0:
        raise ValueError(f"{name} is at least 0, not {value!r}")
    return min(int(found), MOST)  # more cannot travel, nor make a difference


def amounts(name: str, value: Any) -> Mapping[str, float]:
    """Return how much of each resource a task takes."""
    value = {} if value is None else value
    if not isinstance(value, Mapping) or not all(isinstance(k, str) for k in value):
        raise TypeError(f"{name} is a dict of names and numbers, not {value!r}")
    found = {key: number(f"{name}[{key!r}]", each) for key, each in value.items()}
    for key, each in found.items():
        if each < 0:
            raise ValueError(f"{name}[{key!r}] is at least 0, not {each!r}")
    return MappingProxyType(found)  # to change it in place would change no terms


def words(name: str, value: Any) -> tuple[str, ...]:
    """Return some strings."""
    value = () if value is None else value
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name} is a list of strings, not {value!r}")
    found = tuple(value)
    for each in found:
        if not isinstance(each, str):
            raise TypeError(f"{name} is a list of strings: {each!r} is none")
    return found

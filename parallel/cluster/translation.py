"""What ipyparallel's commands are told, as it is said here; much changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

__all__ = ["translated"]

_LOGS = "what it says goes to stderr, and the logs of processes are in the log folder"
_SWEPT = "old logs are removed when clusters start; `ipcluster clean` removes all"
_PATIENCE = "engine_patience says how long an engine may be away"
_ONE_PORT = "one port is for everything: --ip, --port and --transport say which"
_ALL = {
    "clean-logs": _SWEPT,
    "init": "a profile's folder that lacks is made",
    "log-to-file": _LOGS,
}
#: Those that are taken, and change nothing, by command.
OF_NO_EFFECT: Mapping[str, Mapping[str, str]] = {
    "ipcluster stop": {"signal": "a cluster is told to end in order, and then killed"},
    "ipcontroller": {
        "usethreads": "it is one process",
        "secure": "a TCP port is always encrypted",
        "no-secure": "a TCP port is always encrypted",
        "ping": _PATIENCE,
        **dict.fromkeys(("log-level", "debug", "quiet"), _LOGS),
    },
}
#: Those of them that have a value.
WITH_VALUE = ("signal", "ping", "log-level")
#: Those that have another name.
RENAMED = {"--TaskScheduler.hwm": "--hwm", "--TaskScheduler.scheme_name": "--scheme"}
#: Sections of configuration that there were, and what is in their place.
SECTIONS: Mapping[str, str] = {
    "HeartMonitor": _PATIENCE,
    "Hub": _ONE_PORT,
    "HubFactory": _ONE_PORT,
    "TaskScheduler": "--hwm and --scheme say how tasks are placed",
    "Session": "messages are packed in one way, and keys made for each cluster",
    **dict.fromkeys(("DictDB", "SQLiteDB", "MongoDB"), "the record bounds itself"),
    **dict.fromkeys(
        ("IPKernelApp", "InteractiveShell", "HistoryManager"),
        "IPython in an engine keeps no history; view.setup(f) runs f there first",
    ),
}


def translated(
    command: str, words: Sequence[str], known: Iterable[str]
) -> tuple[list[str], list[str]]:
    """Return a command line in words of today, and what to say of what was left out.

    Parameters
    ----------
    command
        Such as `ipcluster stop`.
    known
        The options that it has: they mean something.
    """
    table = {**_ALL, **OF_NO_EFFECT.get(command, {})}
    table = {name: why for name, why in table.items() if name not in known}
    sections = SECTIONS if command in ("ipcontroller", "ipengine") else {}
    kept: list[str] = []
    said: list[str] = []
    rest = list(words)
    while rest:
        old, equals, given = rest.pop(0).partition("=")
        word = RENAMED.get(old, old) + equals + given
        if word == "--":
            return [*kept, word, *rest], said
        found = re.fullmatch(r"--((\w+)\.\w+|[a-z-]+)(=.*)?", word, re.DOTALL)
        name, section, value = found.groups() if found else (word, None, None)
        why = sections.get(section) if section else table.get(name)
        if why is None:
            kept.append(word)
            continue
        said.append(f"--{name} is of no effect: {why}")
        if (section or name in WITH_VALUE) and value is None and rest:
            rest.pop(0)
    return kept, said

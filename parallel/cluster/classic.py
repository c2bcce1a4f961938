"""What ipyparallel's `Cluster` and `ipcontroller` are told, and what says it here."""

from __future__ import annotations

from collections.abc import Sequence

from traitlets import TraitError

__all__ = ["INSTEAD", "RECORD_FLAGS", "controller_options"]

_ELSEWHERE = (
    "a Cluster starts its processes on this host; elsewhere, `ipcontroller --ip=…` and "
    "`ipengine` do"
)
_NOT_NEEDED = "leave it out, engines start as soon as the controller listens"

#: What to do instead of giving an option that `Cluster` does not have.
INSTEAD = {
    "engines": _ELSEWHERE,
    "engine_launcher_class": _ELSEWHERE,
    "controller": _ELSEWHERE,
    "controller_launcher_class": _ELSEWHERE,
    "controller_ip": "use ip='…'",
    "controller_location": "`ipcontroller --location=…` has it",
    "delay": _NOT_NEEDED,
    "send_engines_connection_env": _NOT_NEEDED,
    "cluster_file": "its folder and name follow from profile_dir and cluster_id",
    "engine_args": "Cluster has resources, labels, environment and work_dir, and a "
    "view has setup(f) for what engines shall run first",
    "log_level": "use logging.getLogger('parallel').setLevel(…)",
}

#: Flags for where tasks are recorded: the kind of record, and a line of help.
RECORD_FLAGS = {
    "sqlitedb": ("sqlite", "Record tasks in a file, as by default."),
    "dictdb": ("memory", "Record tasks in memory only."),
    "nodb": ("none", "Do not record tasks."),
}
_SECTIONS = ("IPController", "ControllerOptions")


def controller_options(words: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """Return what arguments of `ipcontroller` set, by the names of the options.

    Parameters
    ----------
    words
        Such as `["--nodb", "--scheme=lru", "--hwm", "1"]`.
    known
        The options that a cluster's controller has.

    Raises
    ------
    TraitError
        One of them is no such option.
    """
    found: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.lstrip("-").partition("=")
        if word.startswith("--") and name in RECORD_FLAGS and not equals:
            found["task_record"] = RECORD_FLAGS[name][0]
            continue
        section, _, trait = name.rpartition(".")
        if word[:1] != "-" or trait not in known or section not in ("", *_SECTIONS):
            raise TraitError(
                f"{word!r} is not what the controller of a cluster can be told: that "
                f"is {', '.join(f'--{each}' for each in (*RECORD_FLAGS, *known))}"
            )
        if not equals:
            if not rest:
                raise TraitError(f"{word} needs a value: {word}=…")
            value = rest.pop(0)
        found[trait] = value
    return found

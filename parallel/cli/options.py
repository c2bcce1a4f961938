"""Options, with what is wrong with them said in one line."""

from __future__ import annotations

import argparse
import difflib
import itertools
import re
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from traitlets import TraitError
from traitlets.config import Configurable
from traitlets.config.loader import ArgumentError, KVArgParseConfigLoader

from ..cluster.classic import RECORD_FLAGS
from .classic import INSTEAD

__all__ = [
    "absolute",
    "check_options",
    "record_flags",
    "say_in_one_line",
    "with_equals_signs",
]

#: What traitlets answers without being told of.
BUILT_IN = ("h", "help", "help-all", "V", "version")


def absolute(path: str) -> str:
    """Return a path seen from the folder of now; nothing remains nothing."""
    return str(Path(path).expanduser().absolute()) if path else ""


def check_options(
    words: Sequence[str], short: Iterable[str], classes: Iterable[type]
) -> None:
    """Raise if a command line has an option that there is not.

    The parser of traitlets would warn of it only, or ask for its value.

    Parameters
    ----------
    words
        The command line; what follows `--` is not looked at.
    short
        The options of one name.
    classes
        Those with options of the form `--Class.trait`, and their bases.

    Raises
    ------
    TraitError
        Names the option, and one that is spelled like it.
    """
    known = {*BUILT_IN, *short}
    for base in {base for each in classes for base in each.mro()}:
        if issubclass(base, Configurable):
            traits = base.class_trait_names(config=True)
            known.update(f"{base.__name__}.{trait}" for trait in traits)
    for word in itertools.takewhile(lambda word: word != "--", words):
        found = re.match(r"--?([A-Za-z][^=]*)", word)
        if found is None or found[1] in known:
            continue
        near = difflib.get_close_matches(found[1], sorted(known), n=1)
        more = f"did you mean --{near[0]}?" if near else "see --help"
        more = INSTEAD.get(found[1], more)
        raise TraitError(f"there is no option {word.partition('=')[0]}: {more}")


def with_equals_signs(words: Iterable[str], short: Container[str]) -> list[str]:
    """Return a command line with `-n=4` in the place of `-n4`.

    The parser of traitlets takes `-n4` for the name of an option.

    Parameters
    ----------
    short
        The options of one name.
    """
    parts = [(word, re.fullmatch(r"-([A-Za-z])(\d+)", word)) for word in words]
    return [
        f"-{found[1]}={found[2]}" if found and found[1] in short else word
        for word, found in parts
    ]


def say_in_one_line(loader: KVArgParseConfigLoader) -> KVArgParseConfigLoader:
    """Return a loader that raises, where its parser would print the whole usage."""
    parser: Any = type("_Parser", (loader.parser_class,), {"error": _refuse})
    loader.parser_class = parser
    return loader


def _refuse(parser: argparse.ArgumentParser, message: str) -> NoReturn:
    raise ArgumentError(message)


def record_flags(section: str) -> dict[str, tuple[dict[str, dict[str, str]], str]]:
    """Return the flags that say where tasks are recorded, for a class of options."""
    return {
        flag: ({section: {"task_record": kind}}, help_text)
        for flag, (kind, help_text) in RECORD_FLAGS.items()
    }

"""Configuration files of profiles: read, and named where they are in error."""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from pathlib import Path

from traitlets import TraitError
from traitlets.config import Config
from traitlets.config.loader import JSONFileConfigLoader, PyFileConfigLoader

__all__ = ["file_to_blame", "read_config"]

#: How traitlets tells of a value that an option cannot have.
_REFUSED = re.compile(r"The '(\w+)' trait of an? \w+ instance")


def read_config(path: Path) -> Config:
    """Return what a configuration file says.

    Raises
    ------
    TraitError
        It is in error; says in which line.
    """
    loader = JSONFileConfigLoader if path.suffix == ".json" else PyFileConfigLoader
    try:
        return loader(path.name, path=str(path.parent)).load_config()
    except Exception as error:
        stack = traceback.extract_tb(error.__traceback__)
        lines = [f", line {f.lineno}" for f in stack if f.filename == str(path)]
        where = f"{path}{''.join(lines[-1:])}"
        raise TraitError(f"{where}: {type(error).__name__}: {error}") from error


def file_to_blame(
    said: str, files: Mapping[Path, Config], given: Config
) -> Path | None:
    """Return which file has set the option that an error tells of, if one has.

    Parameters
    ----------
    said
        The error's words.
    files
        What each says; the last wins.
    given
        What was said otherwise, and wins over them.
    """
    found = _REFUSED.search(said)
    if found is None or _sets(given, found[1]):
        return None
    setting = [path for path, config in files.items() if _sets(config, found[1])]
    return setting[-1] if setting else None


def _sets(config: Config, option: str) -> bool:
    """Tell whether any section sets an option."""
    return any(isinstance(each, Config) and option in each for each in config.values())

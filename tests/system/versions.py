"""Another version of the package, for hosts where somebody has installed that."""

from __future__ import annotations

import shutil
from pathlib import Path

import parallel

__all__ = ["make_other_version"]


def make_other_version(folder: Path) -> Path:
    """Write a package that speaks another protocol; return what finds it."""
    shutil.copytree(Path(parallel.__file__).parent, folder / "parallel")
    messages = folder / "parallel" / "protocol" / "messages.py"
    text = messages.read_text()
    messages.write_text(text.replace("\nPROTOCOL = ", "\nPROTOCOL = 1000 + "))
    assert messages.read_text() != text
    return folder

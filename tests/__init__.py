"""The tests: a folder for each of the package's, and what they share."""

from __future__ import annotations

from pathlib import Path

#: The checkout.
ROOT = Path(__file__).parent.parent
#: The package's source.
PACKAGE = ROOT / "parallel"

"""Errors that are clear, and come before long."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator

import pytest

#: No error that is said soon takes longer than this to come, seconds: by far on a busy
#: machine, and less than what gives up by itself would take.
SOON = 8.0


@contextlib.contextmanager
def said_soon(kind: type[BaseException], *words: str) -> Iterator[None]:
    """Expect an error of this kind before long, with all of these words in it.

    Parameters
    ----------
    words
        Regular expressions.
    """
    begin = time.monotonic()
    with pytest.raises(kind) as told:
        yield
    assert time.monotonic() - begin < SOON
    missing = [word for word in words if not re.search(word, str(told.value))]
    assert not missing, str(told.value)

"""The messages are told apart by their tags, and the catalogue is theirs."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import get_args

import pytest

from parallel.protocol import messages
from parallel.protocol.messages import Message
from tests import ROOT
from tests.protocol.strategies import KINDS

UNIONS = (
    messages.ToController,
    messages.ToEngine,
    messages.ToClient,
    messages.ToAgent,
    messages.ToOwner,
    messages.FromAgent,
)


def test_no_two_messages_have_one_tag() -> None:
    tags = Counter(kind.__struct_config__.tag for kind in KINDS)
    assert [tag for tag, count in tags.items() if count > 1] == []
    assert all(isinstance(tag, int) for tag in tags)


def test_somebody_hears_each_message() -> None:
    heard = {kind for union in UNIONS for kind in get_args(union)}
    assert heard == set(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_message_cannot_be_changed(kind: type[Message]) -> None:
    config = kind.__struct_config__
    assert (config.frozen, config.array_like, config.gc) == (True, True, False)
    assert kind.__name__ in messages.__all__


def test_the_catalogue_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/catalogue"],
        env={"PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        check=True,
    )
    page = ROOT / "docs/architecture/messages.md"
    assert page.read_bytes() == done.stdout, (
        "run scripts/catalogue > docs/architecture/messages.md"
    )

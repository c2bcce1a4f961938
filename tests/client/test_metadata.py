"""The facts of a task can be read in two ways, and no other facts be added."""

from __future__ import annotations

import copy
import pickle

import pytest

from parallel.client.metadata import KEYS, Metadata, status_word
from parallel.protocol.messages import Status


def test_all_facts_are_there_and_unknown_at_first() -> None:
    metadata = Metadata()
    assert tuple(metadata) == KEYS
    known = {key: value for key, value in metadata.items() if value is not None}
    assert known == {
        "stdout": "", "stderr": "", "outputs": [], "data": {}, "follow": [],
        "after": [], "is_broadcast": False, "is_coalescing": False,
    }  # fmt: skip


def test_items_and_attributes_are_the_same() -> None:
    metadata = Metadata(engine_id=3, stdout="printed")
    assert (metadata.engine_id, metadata["engine_id"]) == (3, 3)
    metadata.status = "ok"
    metadata["error"] = "none"
    assert (metadata["status"], metadata.error) == ("ok", "none")


def test_no_other_facts_can_be_added() -> None:
    metadata = Metadata()
    with pytest.raises(KeyError, match="other"):
        metadata["other"] = 1
    with pytest.raises(AttributeError, match="other"):
        metadata.other = 1
    with pytest.raises(AttributeError, match="other"):
        _ = metadata.other
    with pytest.raises(KeyError, match="other"):
        Metadata(other=1)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_it_can_be_copied(copied: object) -> None:
    metadata = Metadata(engine_id=3)
    found = copied(metadata)  # type: ignore[operator]
    assert type(found) is Metadata
    assert found == metadata
    assert found is not metadata


def test_each_status_has_its_word() -> None:
    words = {status.name: status_word(status) for status in Status}
    assert (words.pop("OK"), words.pop("ABORTED")) == ("ok", "aborted")
    assert set(words.values()) == {"error"}

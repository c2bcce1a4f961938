"""Types that users register travel in the form that they say, and come back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from parallel.serialize import switches
from parallel.serialize.canning import CannedObject, can, can_map, uncan, uncan_map
from parallel.serialize.objects import pack, unpack
from tests.serialize.session import Session


class Handle:
    """It cannot be pickled."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.inner: Any = None

    def __reduce__(self) -> Any:
        raise TypeError("a handle stays at home")


class Address:
    def __init__(self, text: str) -> None:
        self.text = text


class Box:
    """It can be pickled, and travels another way all the same."""

    def __init__(self, content: Any) -> None:
        self.content = content


class CannedHandle(CannedObject):
    def __init__(self, handle: Handle) -> None:
        self.address = handle.address
        self.inner = handle.inner

    def get_object(self, g: Any = None) -> Handle:
        handle = Handle(self.address + g.get("suffix", ""))
        handle.inner = self.inner
        return handle


@pytest.fixture(autouse=True)
def registrations() -> Iterator[None]:
    before = dict(can_map), dict(uncan_map)
    yield
    for known, old in zip((can_map, uncan_map), before, strict=True):
        known.clear()
        known.update(old)
    switches.use_pickle()


def arrived(obj: Any) -> Any:
    return unpack(*pack(obj))


def test_nothing_is_registered_at_first() -> None:
    assert can_map == {}
    assert list(uncan_map) == [CannedObject]
    assert can(3) == uncan(3) == 3
    with pytest.raises(TypeError, match="stays at home"):
        pack(Handle("a"))


WAYS = [switches.use_pickle, switches.use_cloudpickle, switches.use_dill]


@pytest.mark.parametrize("use", WAYS, ids=lambda use: use.__name__)
def test_a_function_makes_what_travels_and_another_undoes_it(use: Any) -> None:
    use()
    can_map[Handle] = lambda handle: Address(handle.address)
    uncan_map[Address] = lambda address, g: Handle(address.text)
    found = arrived([{"deep": Handle("a")}])[0]["deep"]
    assert (type(found), found.address) == (Handle, "a")


def test_a_type_may_be_named() -> None:
    can_map[f"{Handle.__module__}.Handle"] = lambda handle: Address(handle.address)
    uncan_map[f"{Address.__module__}.Address"] = lambda canned, g: Handle(canned.text)
    assert arrived(Handle("a")).address == "a"


def test_what_nothing_undoes_arrives_as_it_travelled() -> None:
    can_map[Handle] = lambda handle: Address(handle.address)
    assert type(arrived(Handle("a"))) is Address


def test_a_canned_object_brings_its_way_back() -> None:
    can_map[Handle] = CannedHandle
    outer = Handle("a")
    outer.inner = [Handle("b")]
    with Session() as session:
        session.run("suffix = '!'")
        found = arrived(outer)
    assert (found.address, found.inner[0].address) == ("a!", "b!")


def test_a_canned_object_may_hold_what_it_is_made_for() -> None:
    def double(box: Box, g: Any) -> None:
        box.content *= 2

    can_map[Box] = lambda box: CannedObject(box, keys=["content"], hook=double)
    boxes = [Box(1), Box(np.arange(3))]
    found = arrived(boxes)
    assert [type(box) for box in found] == [Box, Box]
    assert found[0].content == 2
    assert found[1].content.tolist() == [0, 2, 4]
    assert boxes[0].content == 1


def test_what_is_the_same_stays_the_same() -> None:
    can_map[Handle] = CannedHandle
    handle = Handle("a")
    first, second = arrived([handle, handle])
    assert first is second


def test_a_registration_that_changes_nothing_is_left_alone() -> None:
    can_map[Box] = lambda box: box
    assert arrived(Box(3)).content == 3

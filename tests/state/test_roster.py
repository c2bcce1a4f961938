"""Engines get ids that count up from 0 and are never given twice."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from parallel.state.roster import Roster

requests = st.tuples(st.integers(0, 20), st.none() | st.integers(-3, 20))
worlds = st.tuples(st.sampled_from([b"", b"a", b"b", b"c"]), st.integers(0, 9))


def test_ids_count_up_from_zero() -> None:
    roster = Roster()
    assert [roster.register(b"%d" % i) for i in range(3)] == [0, 1, 2]


def test_asking_again_gives_the_same() -> None:
    roster = Roster()
    first = roster.register(b"a")
    roster.register(b"b")
    assert roster.register(b"a") == roster.register(b"a", 7) == first
    assert b"a" in roster
    assert b"c" not in roster


def test_a_free_id_can_be_had_and_is_skipped_later() -> None:
    roster = Roster()
    assert roster.register(b"a", 1) == 1
    assert roster.register(b"b", 1) == 0
    assert roster.register(b"c") == 2


def test_who_is_forgotten_takes_up_no_room() -> None:
    roster = Roster()
    for number in range(100):
        assert roster.register(b"%d" % number) == number
        roster.forget(b"%d" % number)
    assert not roster._ids
    assert not roster._given
    assert roster.register(b"0") == roster.next_id - 1 == 100


@given(st.lists(st.tuples(requests, worlds)))
def test_no_id_is_given_twice(
    history: list[tuple[tuple[int, int | None], tuple[bytes, int]]],
) -> None:
    roster = Roster()
    ids: dict[bytes, int] = {}
    for (number, wanted), world in history:
        uuid = b"%d" % number
        given_id = roster.register(uuid, wanted, *world)
        assert ids.setdefault(uuid, given_id) == given_id
    assert len(set(ids.values())) == len(ids)
    assert all(each >= 0 for each in ids.values())


@given(st.lists(requests), st.lists(requests))
def test_no_id_is_given_again_by_the_next_controller(
    before: list[tuple[int, int | None]], after: list[tuple[int, int | None]]
) -> None:
    first = Roster()
    ids = {b"%d" % n: first.register(b"%d" % n, wanted) for n, wanted in before}
    stays = {uuid: given_id for uuid, given_id in ids.items() if given_id % 2}
    roster = Roster(stays, first.next_id)
    for number, wanted in after:
        uuid = b"%d" % number
        given_id = roster.register(uuid, wanted)
        if uuid in stays:
            assert given_id == stays[uuid]
        else:
            assert given_id not in ids.values()
    assert all(given_id < roster.next_id for given_id in stays.values())


def test_the_ranks_of_a_world_are_its_ids_in_whichever_order_they_come() -> None:
    roster = Roster()
    ranks = [2, 0, 1]
    assert [roster.register(b"%d" % r, r, b"world", 3) for r in ranks] == ranks
    assert roster.register(b"another") == 3


def test_a_second_world_has_ids_in_the_order_of_its_ranks() -> None:
    roster = Roster()
    for world in (b"first", b"second"):
        ids = [roster.register(b"%s%d" % (world, r), r, world, 3) for r in (2, 1, 0)]
        begin = 0 if world == b"first" else 3
        assert ids == [begin + 2, begin + 1, begin]


def test_a_world_leaves_ids_to_those_that_had_them_before() -> None:
    roster = Roster()
    assert roster.register(b"early", 5) == 5
    assert roster.register(b"a", 1, b"small", 2) == 1
    assert roster.register(b"b", 0, b"large", 8) == 6
    assert roster.register(b"late") == 14


def test_a_rank_that_comes_twice_gets_an_id_of_its_own() -> None:
    roster = Roster()
    assert roster.register(b"a", 0, b"world", 2) == 0
    assert roster.register(b"b", 0, b"world", 2) == 2
    assert roster.register(b"c", 1, b"world", 2) == 1

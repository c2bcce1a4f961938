"""Setups are kept by client and name."""

from __future__ import annotations

from parallel.controller.setups import MOST_KILLED, Setups
from parallel.protocol.messages import Method, Setup


def test_a_setup_takes_the_place_of_an_earlier_one_of_its_name() -> None:
    setups = Setups()
    first, nothing = setups.add(b"client", Setup("paths", b"a", b"1"), ())
    other, _ = setups.add(b"client", Setup("seeds", b"b", b"2"), ())
    second, earlier = setups.add(b"client", Setup("paths", b"c", b"3"), ())
    assert nothing is None
    assert earlier is first
    assert list(setups) == [(b"client", second), (b"client", other)]
    assert second.setup == "paths"
    assert (second.submit.method, second.submit.digest) == (Method.APPLY, b"c")


def test_a_departed_client_takes_its_setups_along() -> None:
    setups = Setups()
    mine, _ = setups.add(b"me", Setup("paths", b"a", b""), ())
    yours, _ = setups.add(b"you", Setup("paths", b"a", b""), ())
    assert setups.forget(b"me") == [mine]
    assert setups.forget(b"me") == []
    assert list(setups) == [(b"you", yours)]


def test_a_setup_is_dropped_that_kills_one_engine_after_the_other() -> None:
    setups = Setups()
    deadly, _ = setups.add(b"me", Setup("paths", b"a", b""), ())
    killed = [setups.has_killed(b"me", deadly) for _ in range(MOST_KILLED)]
    assert killed == [False] * (MOST_KILLED - 1) + [True]
    assert not list(setups)
    assert not setups.has_killed(b"me", deadly)  # on an engine that had it already


def test_a_setup_is_kept_that_ends_between_deaths() -> None:
    setups = Setups()
    setup, _ = setups.add(b"me", Setup("paths", b"a", b""), ())
    for _ in range(MOST_KILLED):
        assert not setups.has_killed(b"me", setup)
        setups.ended(b"me", "paths")
    assert list(setups) == [(b"me", setup)]


def test_the_deaths_of_an_earlier_setup_do_not_count() -> None:
    setups = Setups()
    for _ in range(MOST_KILLED):
        setup, _ = setups.add(b"me", Setup("paths", b"a", b""), ())
        assert not setups.has_killed(b"me", setup)


def test_no_two_tasks_of_setups_share_a_key_be_it_under_two_controllers() -> None:
    keys = [
        setups.new_key(b"client")
        for setups in (Setups(epoch=1), Setups(epoch=2))
        for _ in range(1000)
    ]
    assert len(set(keys)) == len(keys)
    assert all(key.seq < 0 for key in keys)

"""So many deaths in such a window end the attempts, each place for itself."""

from __future__ import annotations

from parallel.state.restarts import MOST_DEATHS, WINDOW, Restarts


def test_the_last_death_of_too_many_in_the_window_ends_it() -> None:
    restarts = Restarts(most=3, window=60)
    found = [restarts.may_restart("a", now, had_worked=False) for now in (0, 1, 2)]
    assert found == [True, True, False]


def test_deaths_outside_the_window_are_forgotten() -> None:
    restarts = Restarts(most=2, window=60)
    found = [restarts.may_restart("a", 60 * i, had_worked=False) for i in range(5)]
    assert all(found)


def test_within_the_window_means_less_than_its_length() -> None:
    restarts = Restarts(most=2, window=60)
    assert restarts.may_restart("a", 0, had_worked=False)
    assert not restarts.may_restart("a", 59.9, had_worked=False)


def test_a_death_at_work_does_not_count() -> None:
    restarts = Restarts()
    for _ in range(100):
        assert restarts.may_restart("a", 0, had_worked=True)
    assert restarts.may_restart("a", 0, had_worked=False)


def test_each_place_counts_for_itself() -> None:
    restarts = Restarts(most=2)
    assert restarts.may_restart("a", 0, had_worked=False)
    assert restarts.may_restart("b", 0, had_worked=False)
    assert not restarts.may_restart("a", 0, had_worked=False)


def test_by_itself_it_is_patient_for_a_minute() -> None:
    restarts = Restarts()
    for _ in range(MOST_DEATHS - 1):
        assert restarts.may_restart("a", 0, had_worked=False)
    assert not restarts.may_restart("a", WINDOW - 1, had_worked=False)

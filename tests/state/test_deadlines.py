"""Deadlines are a table of moments, and what is due comes in order of time."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from parallel.state.deadlines import SLACK, Deadlines

things = st.integers(0, 5).map(lambda number: ("late", number))
moments = st.integers(0, 20).map(float)


@given(
    st.lists(
        st.tuples(st.just("set"), things, moments)
        | st.tuples(st.just("call off"), things, st.just(0.0))
        | st.tuples(st.just("pass"), things, moments)
    )
)
def test_it_is_as_a_plain_table_says(
    history: list[tuple[str, tuple[str, int], float]],
) -> None:
    deadlines = Deadlines()
    table: dict[tuple[str, int], float] = {}
    for move, thing, moment in history:
        if move == "set":
            deadlines.set(thing, moment)
            table[thing] = moment
        elif move == "call off":
            deadlines.call_off(thing)
            table.pop(thing, None)
        else:
            due = list(deadlines.pop_due(moment))
            moments = [table.pop(each) for each in due]
            assert moments == sorted(moments)
            assert all(each <= moment for each in moments)
            assert all(each > moment for each in table.values())
        assert len(deadlines) == len(table)
        assert deadlines.next == min(table.values(), default=None)
        assert [("late", i) in deadlines for i in range(6)] == [
            ("late", i) in table for i in range(6)
        ]


def test_what_is_set_for_now_while_others_are_due_is_due_too() -> None:
    deadlines = Deadlines()
    deadlines.set(("first",), 1.0)
    found = []
    for thing in deadlines.pop_due(2.0):
        found.append(thing)
        if thing == ("first",):
            deadlines.set(("second",), 2.0)
            deadlines.set(("third",), 2.1)
    assert found == [("first",), ("second",)]
    assert deadlines.next == 2.1


def test_what_is_called_off_does_not_fill_the_memory() -> None:
    deadlines = Deadlines()
    deadlines.set(("first",), 0.0)
    for number in range(10 * SLACK):
        deadlines.set(("late", number), 1.0)
        deadlines.call_off(("late", number))
        assert len(deadlines._heap) <= SLACK + 3
    for number in range(10 * SLACK):
        deadlines.set(("late", number), 1.0)
    for number in range(10 * SLACK):
        deadlines.call_off(("late", number))
    assert len(deadlines._heap) <= SLACK + 2
    assert list(deadlines.pop_due(0.0)) == [("first",)]


def test_a_thing_that_is_put_off_again_and_again_does_not_fill_the_memory() -> None:
    deadlines = Deadlines()
    for number in range(10 * SLACK):
        deadlines.set(("kill",), float(number))
    assert len(deadlines._heap) <= SLACK + 2
    assert deadlines.next == float(10 * SLACK - 1)

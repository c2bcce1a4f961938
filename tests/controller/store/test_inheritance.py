"""What an earlier controller left unfinished goes to whoever takes it out first."""

from __future__ import annotations

from parallel.controller.store.entry import Entry
from parallel.controller.store.inheritance import Inheritance
from parallel.state.naming import TaskKey
from parallel.state.past import Past
from tests.controller.store.feeding import CLIENT, START, submit


def entry_of(seq: int, submitted: float = START) -> Entry:
    """Return an unfinished task."""
    return Entry(TaskKey(CLIENT, seq), submit(seq), submitted)


def left(*seqs: int) -> tuple[Inheritance, dict[TaskKey, Entry]]:
    """Return an inheritance of these tasks, and the tasks in hand."""
    in_hand: dict[TaskKey, Entry] = {}
    inheritance = Inheritance(in_hand)
    entries = [entry_of(seq) for seq in seqs]
    for row, entry in enumerate(entries, 1):
        entry.row, entry.past = row, Past(1, 1, [0], [])
    inheritance.bring(entries)
    return inheritance, in_hand


def test_a_task_that_is_asked_for_again_is_the_one_that_was_known() -> None:
    inheritance, in_hand = left(0, 1)
    known, again = in_hand[TaskKey(CLIENT, 0)], entry_of(0, START + 9)
    in_hand[again.key] = again
    assert [entry.key.seq for entry in inheritance.unclaimed()] == [1]
    inheritance.adopt([again])
    assert (again.row, again.submitted, again.past) == (1, START, known.past)
    assert [entry.key.seq for entry in inheritance.give_up(())] == [1]


def test_a_task_that_is_to_be_started_again_is_still_unclaimed() -> None:
    inheritance, in_hand = left(0)
    inheritance.adopt(list(in_hand.values()))
    assert inheritance.unclaimed() == list(in_hand.values())


def test_what_is_adopted_while_all_are_given_up_is_not_given_up() -> None:
    inheritance, in_hand = left(0, 1, 2)
    in_hand[TaskKey(CLIENT, 1)] = again = entry_of(1, START + 9)
    given_up = inheritance.give_up({TaskKey(CLIENT, 2)})
    assert next(given_up).key.seq == 0
    inheritance.adopt([again])
    assert list(given_up) == []
    assert again.row == 2
    assert inheritance.unclaimed() == []


def test_what_is_given_up_is_not_adopted() -> None:
    inheritance, in_hand = left(0)
    in_hand[TaskKey(CLIENT, 0)] = again = entry_of(0, START + 9)
    (known,) = inheritance.give_up(())
    inheritance.adopt([again])
    assert (known.row, again.row) == (1, 0)

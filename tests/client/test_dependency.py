"""A dependency is a set of ids that knows which ends count."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel.client.dependency import Dependency, as_condition
from parallel.protocol.terms import Condition

RESULT = SimpleNamespace(msg_ids=["r_1", "r_2"])


def test_it_is_made_of_ids_and_results() -> None:
    assert Dependency() == set()
    assert Dependency("a_1") == {"a_1"}
    assert Dependency(RESULT) == {"r_1", "r_2"}
    assert Dependency(["a_1", RESULT, Dependency("b_1")]) == {
        "a_1", "b_1", "r_1", "r_2",
    }  # fmt: skip


def test_it_is_made_again_from_its_dict() -> None:
    made = Dependency(["b", "a"], all=False, success=False, failure=True)
    assert made.as_dict() == {
        "dependencies": ["a", "b"], "all": False, "success": False, "failure": True,
    }  # fmt: skip
    for again in (
        Dependency(made.as_dict()),
        Dependency(**made.as_dict()),
        pickle.loads(pickle.dumps(made)),
    ):
        assert again == made
        assert again.as_dict() == made.as_dict()


def test_some_end_must_count() -> None:
    with pytest.raises(ValueError, match="never hold"):
        Dependency("a", success=False)


@pytest.mark.parametrize("wrong", [5, [5], {"a": [1]}.items(), b"a"])
def test_other_things_are_no_dependency(wrong: object) -> None:
    with pytest.raises(ValueError, match="a dependency is"):
        Dependency(wrong)


ENDS = st.dictionaries(st.sampled_from("abcd"), st.booleans())


@given(st.sets(st.sampled_from("abcd")), ENDS, st.booleans(), st.sampled_from("sfb"))
def test_it_holds_and_cannot_hold_as_its_tasks_end(
    names: set[str], ends: dict[str, bool], every: bool, which: str
) -> None:
    success, failure = which in "sb", which in "fb"
    made = Dependency(names, all=every, success=success, failure=failure)
    completed = {name for name, ok in ends.items() if ok}
    failed = set(ends) - completed
    good = [n for n in names if n in ends and (success if ends[n] else failure)]
    bad = [n for n in names if n in ends and n not in good]
    enough = len(good) == len(names) if every else bool(good)
    never = bool(bad) if every else len(bad) == len(names)
    assert made.check(completed, failed) is (enough or not names)
    assert made.unreachable(completed, failed) is (never and bool(names))


def test_failures_need_not_be_told() -> None:
    assert Dependency("a").check({"a"})
    assert not Dependency("a", success=False, failure=True).check({"a"}, None)
    assert Dependency("a", success=False, failure=True).unreachable({"a"})


def test_what_travels() -> None:
    assert as_condition(None) is None
    assert as_condition(["a", RESULT, "a"]) == Condition(["a", "r_1", "r_2"])
    assert as_condition(Dependency("a", all=False, failure=True)) == Condition(
        ["a"], all=False, success=True, failure=True
    )


def test_a_map_is_waited_for_until_it_is_submitted() -> None:
    waited = []
    unsent = SimpleNamespace(
        msg_ids=["a"], sent=False, wait_for_send=lambda: waited.append(True)
    )
    assert Dependency(unsent) == {"a"}
    assert waited == [True]

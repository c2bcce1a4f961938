"""What a query asks of each record."""

from __future__ import annotations

from typing import Any

import pytest

from parallel.controller.store.conditions import Condition, holds, parse


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"colour": 1}, "no key 'colour'; its keys are msg_id"),
        ({"label": {"$like": "a"}}, r"unknown operator '\$like'; there are \$in"),
        ({"label": {"$in": 7}}, r"\$in needs a list, not 7 \(for 'label'\)"),
        ({"label": {"$nin": None}}, r"\$nin needs a list"),
        ({"label": {"$glob": 3}}, r"\$glob needs a pattern"),
        ({"submitted": {"$mod": [0, 1]}}, r"\$mod needs a list of a divisor"),
        ({"submitted": {"$mod": 2}}, r"\$mod needs"),
        ({"label": {"$exists": "yes"}}, r"\$exists needs True or False"),
        ({"label": {"$eq": 1, "eq": 1}}, "unknown operator 'eq'"),
        (["label"], "a query is a dict"),
    ],
)
def test_what_a_query_cannot_be(query: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse(query)


def test_values_operators_and_several_of_them() -> None:
    assert parse(None) == parse({}) == []
    assert parse({"label": None}) == [Condition("label", "$eq", None)]
    assert parse({"content": {}}) == [Condition("content", "$eq", {})]
    assert parse({"submitted": {"$gt": 1, "$lte": 2}}) == [
        Condition("submitted", "$gt", 1),
        Condition("submitted", "$lte", 2),
    ]
    assert parse({"label": {"$nin": "ab"}}) == [
        Condition("label", "$nin", frozenset(["ab"]))
    ]
    # As many as there are records: to look for each in a list would take minutes.
    assert parse({"msg_id": {"$in": ["a", "a"]}}) == [
        Condition("msg_id", "$in", frozenset(["a"]))
    ]
    assert parse({"header": {"$nin": [{}]}}) == [Condition("header", "$nin", [{}])]


@pytest.mark.parametrize(
    ("value", "operator", "operand", "expected"),
    [
        ("a", "$in", ["a", "b"], True),
        (None, "$in", ["a"], False),
        (None, "$in", [None], True),
        ("c", "$nin", ["a"], True),
        (None, "$nin", ["a"], True),
        (None, "$nin", [None], False),
        (1, "$eq", 1.0, True),
        (None, "$ne", 3, True),
        (3, "$lt", 4, True),
        (None, "$lt", 4, False),
        ("3", "$lt", 4, False),
        (4, "$lte", 4, True),
        (4, "$gt", 4, False),
        (4, "$gte", 4, True),
        ("sweep-12", "$glob", "sweep-*", True),
        ("Sweep-12", "$glob", "sweep-*", False),
        ("sweep-12", "$glob", "sweep-[!0]*", True),
        (None, "$glob", "*", False),
        ([1, 2, 3], "$all", [1, 3], True),
        ([1, 2], "$all", [1, 3], False),
        ("a", "$all", ["a", "a"], True),
        ({"a": 1}, "$in", frozenset(["a"]), False),
        ({"a": 1}, "$nin", frozenset(["a"]), True),
        (7, "$mod", [4, 3], True),
        ("7", "$mod", [4, 3], False),
        (None, "$mod", [4, 3], False),
        (0, "$exists", True, True),
        (None, "$exists", True, False),
        (None, "$exists", False, True),
    ],
)
def test_operators(value: Any, operator: str, operand: Any, expected: bool) -> None:
    assert holds(Condition("label", operator, operand), value) is expected

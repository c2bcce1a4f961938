"""What a client in a process of its own has found comes back as it was."""

from __future__ import annotations

from collections import Counter

from tests.chaos.load import Tally
from tests.chaos.longest import Longest


def test_a_tally_travels() -> None:
    tally = Tally(Counter(tree=2), once=["c0x1"])
    tally.longest = Longest(2.5, "tree c0x2", 100.0, [(3, 0.5, 2.25)])
    whole = Tally(Counter(tree=1))
    whole.add(Tally.from_json(tally.as_json()))
    assert whole.ended == {"tree": 3}
    assert whole.once == ["c0x1"]
    assert whole.longest.around(90.0, []) == (
        "tree c0x2, submitted at 10.00 s; on engine 3 from 10.50 s to 12.25 s"
    )

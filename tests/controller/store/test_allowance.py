"""How many bytes may be written."""

from __future__ import annotations

from parallel.controller.store.allowance import Allowance


def test_bytes_come_again_with_time() -> None:
    allowance = Allowance(100, 10)
    assert allowance.take(100, 1000.0)
    assert not allowance.take(11, 1001.0)
    assert allowance.take(10, 1001.0)
    assert not allowance.take(1, 1001.0)
    assert not allowance.take(1, 900.0)  # a clock that was set back
    assert not allowance.take(101, 2000.0)
    assert allowance.take(100, 2000.0)

"""The first signal raises, the next do nothing, and some come too late."""

from __future__ import annotations

import select
import signal
from collections.abc import Iterator

import pytest

from parallel.cli.signals import ENDING, Signalled, Signals


@pytest.fixture
def signals() -> Iterator[Signals]:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup has it ignored
    made = Signals()
    yield made
    made.restore()
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("signum", ENDING)
def test_the_first_raises(signals: Signals, signum: signal.Signals) -> None:
    with pytest.raises(Signalled, match=f"got {signum.name}") as caught:
        signal.raise_signal(signum)
    assert caught.value.status == 128 + signum


def test_further_ones_do_nothing(signals: Signals) -> None:
    with pytest.raises(Signalled):
        signal.raise_signal(signal.SIGINT)
    for signum in ENDING:
        signal.raise_signal(signum)
    with pytest.raises(Signalled, match="SIGINT"):
        signals.raise_if_any()


def test_a_wait_can_be_ended(signals: Signals) -> None:
    assert not select.select([signals], [], [], 0)[0]
    with pytest.raises(Signalled):
        signal.raise_signal(signal.SIGHUP)
    assert select.select([signals], [], [], 0)[0]


def test_too_late(signals: Signals) -> None:
    signals.settle()
    for signum in ENDING:
        signal.raise_signal(signum)
    signals.raise_if_any()


def test_a_lost_one_is_not_settled(signals: Signals) -> None:
    with pytest.raises(Signalled):
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(Signalled, match="SIGTERM"):
        signals.settle()


def test_all_is_restored() -> None:
    before = [signal.getsignal(signum) for signum in ENDING]
    Signals().restore()
    assert [signal.getsignal(signum) for signum in ENDING] == before

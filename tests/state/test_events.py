"""Each event has its handler, and is no action."""

from __future__ import annotations

from typing import get_args

from parallel.state.events import Action, Event
from parallel.state.scheduler import Scheduler


def test_each_event_is_handled() -> None:
    assert set(Scheduler()._handlers) == set(get_args(Event))


def test_events_and_actions_are_told_apart_by_type() -> None:
    assert not set(get_args(Event)) & set(get_args(Action))

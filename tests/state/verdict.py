"""Judges what has become of every task of a realm, once all has come to its end."""

from __future__ import annotations

from parallel.protocol.messages import Status
from parallel.protocol.terms import USUAL
from parallel.state.dependencies import named_in
from parallel.state.history import end_of
from parallel.state.naming import TaskKey
from tests.state.patron import Patron
from tests.state.realm import Realm

__all__ = ["judge"]


def judge(realm: Realm) -> None:
    """Assert that each task has ended as it should, for its client and the record."""
    recorded = realm.record.over
    still = [key for key in realm.record.disk if key not in recorded]
    assert not still, f"in the record nothing came of {still}"
    for client in realm.clients:
        for key in client.submitted:
            end = recorded.get(key)
            if client.is_gone:
                assert end is not None or key not in realm.record.disk
            else:
                had = client.status(key)
                assert had is not None, f"nothing came of {key}"
                is_same = end is None or end_of(end) == end_of(had)
                assert is_same, f"{key} is recorded as {end}, and was {had}"
                end = had
            if end is not None:
                _Verdict(realm, client, key).on(end)
    assert not realm.machine.tasks
    if realm.reopening is not None:
        assert not realm.reopening.is_busy
        assert not realm.reopening._reunion.ended


class _Verdict:
    """What is known of one task."""

    def __init__(self, realm: Realm, client: Patron, key: TaskKey) -> None:
        self.realm, self.client, self.key = realm, client, key
        self.submit = client.submitted[key]
        self.terms = self.submit.terms or USUAL
        self.starts = realm.starts.get(key, [])
        self.named = list(named_in(self.terms))
        #: What it is to run, it has run, and not well.
        self.has_failed = realm.raised[key] + realm.refused[key] > 0
        #: Nobody came for it, and nobody else could start it.
        self.was_left = client.is_gone or client.was_late
        self.was_bulk = key in realm.record.bulky and (
            client.is_gone or client.was_absent
        )

    def on(self, end: Status) -> None:
        """Assert that this is an end that it may have come to."""
        words = f"{self.key} ended by {end.name}, started {len(self.starts)} times"
        most = self.terms.retries + 1 + self.realm.deaths
        assert self.realm.raised[self.key] <= most, f"{words}: raised too often"
        may_end = {
            Status.OK: self._may_be_good,
            Status.ERROR: self._may_have_failed,
            Status.IMPOSSIBLE: self._may_be_impossible,
            Status.INVALID: self._may_be_invalid,
            Status.ABORTED: lambda: self.key in self.client.aborted,
            Status.LOST: self._may_be_lost,
            Status.UNMET: lambda: self.has_failed and self.was_bulk,
        }
        assert may_end[end](), words

    def _may_be_good(self) -> bool:
        condition = self.terms.after
        ends = [self._end_of(each) for each in self.named]
        is_strict = condition is not None and not condition.failure
        is_good = all(end in (None, Status.OK) for end in ends)
        return bool(self.starts) and (is_good or not is_strict)

    def _may_have_failed(self) -> bool:
        """Tell whether it may not be tried again, or nowhere."""
        is_spent = self.realm.raised[self.key] > self.terms.retries
        is_one = self.submit.targets or self.key in self.client.aborted
        is_nowhere = self.key in self.realm.everywhere or self.realm.deaths
        may_not = is_spent or is_one or is_nowhere or self.was_bulk
        return self.has_failed and bool(may_not)

    def _may_be_impossible(self) -> bool:
        if self.has_failed:  # on all engines that are left
            return True
        if self.terms.follow is not None and self._is_nowhere():
            return True
        return any(self._end_of(each) is not Status.OK for each in self.named)

    def _is_nowhere(self) -> bool:
        """Tell whether what it follows was on several engines, or on dead ones."""
        where = [self.realm.starts.get(each, []) for each in self.named]
        places = {engine for each in where for engine in each}
        return len(places) != 1 or not all(engine.is_alive for engine in places)

    def _may_be_invalid(self) -> bool:
        """Tell whether it depends on what nobody can tell of any more, or yet."""
        clients = [self.realm.client_of(each) for each in self.named]
        return any(each is not self.client and each.was_absent for each in clients)

    def _may_be_lost(self) -> bool:
        is_direct, may_twice = self.submit.targets, self.terms.engine_retries
        if self.was_left and (self.named or is_direct or not may_twice):
            return True
        if self.was_left and self.was_bulk:
            return True
        may_fail = is_direct or not may_twice or len(self.starts) > may_twice
        may_fail = may_fail or self.key in self.client.aborted
        was_started = self.starts or is_direct or self.realm.unwatched
        return bool(self.realm.deaths and may_fail and was_started)

    def _end_of(self, key: TaskKey) -> Status | None:
        client = self.realm.client_of(key)
        return None if client.is_gone else client.status(key)

"""Work waits for its function in the order of its submission, and can be given up."""

from __future__ import annotations

from collections import deque

import hypothesis.strategies as st
from hypothesis import given

from parallel.controller.parking import Parking
from parallel.controller.work import Work
from parallel.protocol.messages import Method, Submit


def work(seq: int, digest: bytes, targets: list[int] | None = None) -> Work:
    """Return a submission of a function."""
    return Work(Submit(seq, Method.APPLY, digest, b"", targets=targets), ())


@given(st.lists(st.sampled_from([b"a", b"b"])), st.sets(st.sampled_from([b"a", b"b"])))
def test_what_is_released_is_the_line_up_to_the_first_unknown_function(
    digests: list[bytes], known: set[bytes]
) -> None:
    parking = Parking()
    line = deque(work(seq, digest) for seq, digest in enumerate(digests))
    for each in line:
        parking.park(b"client", each)
    expected = []
    while line and line[0].submit.digest in known:
        expected.append(line.popleft())
    assert list(parking.release(b"client", known.__contains__)) == expected
    assert (b"client" in parking) == bool(line)
    assert parking.lacking(b"client") == (line[0].submit.digest if line else None)


def test_clients_do_not_wait_for_one_another() -> None:
    parking = Parking()
    parking.park(b"first", work(0, b"a"))
    parking.park(b"second", work(0, b"b"))
    assert parking.clients() == [b"first", b"second"]
    assert len(list(parking.release(b"second", {b"b"}.__contains__))) == 1
    assert parking.clients() == [b"first"]


def test_a_submission_is_withdrawn_with_all_its_tasks() -> None:
    parking = Parking()
    parking.park(b"client", work(0, b"a"))
    parking.park(b"client", work(1, b"a", [3, 4]))
    assert parking.withdraw(b"client", {1, 2}) == [1, 2]
    assert parking.withdraw(b"client", {1}) == []
    assert parking.withdraw(b"client", {0}) == [0]
    assert b"client" not in parking
    assert parking.withdraw(b"nobody", {0}) == []


def test_one_of_several_tasks_is_withdrawn_and_the_others_stay() -> None:
    parking = Parking()
    parking.park(b"client", work(0, b"a"))
    parking.park(b"client", work(1, b"a", [7, 8, 9]))
    parking.park(b"client", work(4, b"a"))
    assert parking.withdraw(b"client", {2}) == [2]
    left = [each.submit for each in parking.release(b"client", {b"a"}.__contains__)]
    assert [submit.seq for submit in left] == [0, 1, 3, 4]
    assert [submit.targets for submit in left] == [None, [7], [9], None]


def test_what_a_departed_client_submitted_is_forgotten() -> None:
    parking = Parking()
    parking.park(b"client", work(0, b"a"))
    parking.forget(b"client")
    parking.forget(b"nobody")
    assert parking.clients() == []
    assert list(parking.release(b"client", {b"a"}.__contains__)) == []

"""What is printed is told at once, and then now and again."""

from __future__ import annotations

from typing import Any

from parallel.engine.telling import FLOOD, OUTPUT_AGAIN, OUTPUT_EVERY, Telling
from parallel.protocol.messages import Output


class Printing:
    """What was printed, and a line that keeps what is said; the tests are its clock."""

    was_open = True

    def __init__(self) -> None:
        self.printed: list[Output] = []
        self.said: list[Output] = []
        self.trimmed = 0
        self.telling = Telling(self, self, lambda: None)  # type: ignore[arg-type]
        self.telling.look(1000.0)

    def take_output(self) -> list[Output]:
        taken, self.printed = self.printed, []
        return taken

    def trim_output(self) -> bool:
        self.trimmed += 1
        return False

    def say(self, printed: list[Any]) -> None:
        self.said += printed


def test_what_is_printed_is_told_at_once_and_then_now_and_again() -> None:
    it, now = Printing(), 1000.0
    outputs = [Output(1, stdout=f"line {i}\n", stderr="") for i in range(3)]
    for after, told in ((0.0, 1), (OUTPUT_AGAIN / 2, 1), (OUTPUT_AGAIN, 3)):
        it.printed.append(outputs[len(it.said) + len(it.printed)])
        it.telling.expect()
        it.telling.look(now + after)
        assert it.said == outputs[:told]
    it.printed.append(outputs[0])
    it.telling.look(now + 2 * OUTPUT_AGAIN)
    assert it.said == outputs, "nobody has said that there is any"


def test_what_nobody_announces_is_looked_for_now_and_then() -> None:
    it = Printing()
    it.printed.append(Output(1, stdout="by C", stderr=""))
    assert not it.telling.look(1000.0 + OUTPUT_EVERY / 2)
    assert not it.said
    assert it.telling.look(1000.0 + OUTPUT_EVERY)
    assert it.said


def test_a_flood_is_trimmed_until_it_is_over() -> None:
    it, now = Printing(), 1000.0
    it.printed.append(Output(1, stdout="x" * (FLOOD + 1), stderr=""))
    it.telling.expect()
    it.telling.look(now)
    assert it.telling.patience(now) < OUTPUT_AGAIN
    it.telling.look(now + OUTPUT_AGAIN)
    assert it.trimmed == 1
    it.telling.look(now + OUTPUT_EVERY)
    it.telling.look(now + OUTPUT_EVERY + OUTPUT_AGAIN)
    assert it.trimmed == 1

"""How much an enemy slows others down, beside a peer that keeps to the rules."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from .company import Company

__all__ = ["Comparison", "compare"]

#: One kind of neighbour after the other is there for so long, seconds: the machine's
#: own ups and downs, which take longer, fall on all alike.
SLICE = 2.0
KINDS = ("nobody", "polite", "hostile")


class Comparison(msgspec.Struct):
    """How many calls a second a client made beside each kind of neighbour."""

    seconds: Counter[str] = msgspec.field(default_factory=Counter)
    calls: Counter[str] = msgspec.field(default_factory=Counter)
    sent: Counter[str] = msgspec.field(default_factory=Counter)

    def per_second(self, counts: Counter[str], kind: str) -> float:
        """Return a rate beside one kind of neighbour."""
        return counts[kind] / max(self.seconds[kind], 1e-9)

    def words(self) -> str:
        """Return it in words."""
        rates = {kind: self.per_second(self.calls, kind) for kind in KINDS}
        sent = {kind: self.per_second(self.sent, kind) for kind in KINDS}
        ratio = rates["hostile"] / max(rates["polite"], 1e-9)
        return (
            f"  compared: {rates['nobody']:.0f} calls/s beside nobody, "
            f"{rates['polite']:.0f} beside a polite peer ({sent['polite']:.0f} "
            f"batches/s), {rates['hostile']:.0f} beside a hostile one "
            f"({sent['hostile']:.0f} batches/s): {ratio:.2f} of the polite one's"
        )


def compare(
    attackers: Sequence[Any], company: Company, rate: float, minutes: float
) -> Comparison:
    """Let neighbours of each kind take turns beside a client, each as busy.

    A polite peer makes up what a hostile one would send, so that it takes as much of
    the machine, and sends something harmless instead.
    """
    found = Comparison()
    end = time.monotonic() + 60 * minutes
    for kind in itertools.cycle(KINDS):
        if time.monotonic() > end or company.stopped:
            return found
        begin, before = time.monotonic(), company.count
        due = begin
        while (now := time.monotonic()) < begin + SLICE:
            if kind == "nobody":
                due = begin + SLICE
            if now < due:
                time.sleep(min(due, begin + SLICE) - now)
                continue
            for each in attackers:
                sent = each.attack(polite=kind == "polite")
                found.sent[kind] += sent
                due += sent / rate
        found.seconds[kind] += time.monotonic() - begin
        found.calls[kind] += company.count - before
    return found

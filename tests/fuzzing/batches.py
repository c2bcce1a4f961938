"""Batches that no honest peer sends: each with what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from msgspec.structs import replace

from parallel.errors import ProtocolError
from parallel.protocol.messages import Hello, Signal, Stop
from parallel.protocol.wire import NO_SESSION, controller_decoder, encode

from .values import KINDS, message, pack, value

__all__ = ["Batches"]

#: What peers of each role may say: that is tried most.
_OWN = {
    "client": [10, 20, 20, 20, 28, 40, 40, 42, 43, 62],
    "engine": [11, 22, 22, 22, 25, 26, 60, 61, 63],
    "outside": [1, 10, 20, 22, 40, 42],
}
_decoder = controller_decoder()
#: So many batches in turn can be read, and end no session; then anything comes.
CIVIL = 500
_CLAIMS = [
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\x91\xdd\xff\xff\xff\xff",
    b"\x91\x94\x28\x00\xa1a\x81\xa1b\xc6\xff\xff\xff\xff",
    b"\x91\x94\x28\x00\xa1a\xdf\x7f\xff\xff\xff",
]


def _is_order(head: bytes) -> bool:
    """Tell whether a batch happens to stop engines, or all, as who has a key may."""
    try:
        messages = _decoder.decode(head)[1]
    except ProtocolError:
        return False
    orders = [each for each in messages if isinstance(each, (Stop, Signal))]
    if any(isinstance(each, Stop) and each.hub for each in orders):
        return True  # a flipped bit may say so
    return any(each.targets != [999] for each in orders)


class Batches:
    """Makes batches as one role would send them that is out to do harm.

    Parameters
    ----------
    role
        `outside` has no key.
    hello
        An honest greeting of that role, but for its secret if it has no key.
    """

    def __init__(self, random: Random, role: str, hello: Hello) -> None:
        self._random = random
        self._own = _OWN[role]
        self._hello = hello
        #: The engines that tasks may be sent to.
        self.targets: list[int] = [999]
        self._makers: list[Callable[[bytes], tuple[bytes, list[bytes]]]] = []
        for weight, maker in (
            (600, self._hostile),
            (20, self._noise),
            (20, self._session_and_noise),
            (40, self._cut),
            (60, self._flipped),
            (30, self._wrong_types),
            (10, self._claims),
            (10, self._nested),
            (10, self._frames),
            (20, self._others),
            (40, self._greeting),
            (3, self._crowd),
            (1, self._targets),
        ):
            self._makers += [maker] * weight

    def endless(self, session: Callable[[], bytes]) -> Iterator[list[bytes]]:
        """Yield batches, each as the frames to send, in the session of the moment."""
        while True:
            for _ in range(CIVIL):
                head, frames = self._hostile(session(), odds=0.0)
                yield [head, *frames]
            for _ in range(CIVIL):
                head, frames = self._random.choice(self._makers)(session())
                if not _is_order(head):
                    yield [head, *frames]

    def _hostile(self, session: bytes, odds: float = 0.03) -> tuple[bytes, list[bytes]]:
        """Return what can mostly be read, and makes no sense."""
        random = self._random
        count = random.choice([1, 1, 1, 2, 5])
        messages = [
            message(random, self._own, self.targets, odds) for _ in range(count)
        ]
        return session + pack(messages), []

    def _noise(self, session: bytes) -> tuple[bytes, list[bytes]]:
        return self._random.randbytes(self._random.randrange(300)), []

    def _session_and_noise(self, session: bytes) -> tuple[bytes, list[bytes]]:
        return session + self._random.randbytes(self._random.randrange(300)), []

    def _cut(self, session: bytes) -> tuple[bytes, list[bytes]]:
        head, frames = self._hostile(session)
        return head[: self._random.randrange(len(head))], frames

    def _flipped(self, session: bytes) -> tuple[bytes, list[bytes]]:
        head = bytearray(self._hostile(session)[0])
        for _ in range(self._random.choice([1, 1, 2, 8])):
            head[self._random.randrange(len(head))] ^= 1 << self._random.randrange(8)
        return bytes(head), []

    def _wrong_types(self, session: bytes) -> tuple[bytes, list[bytes]]:
        tag = self._random.choice(list(KINDS))
        fields = [value(self._random) for _ in range(self._random.randrange(12))]
        return session + pack([[tag, *fields]]), []

    def _claims(self, session: bytes) -> tuple[bytes, list[bytes]]:
        """Return what says that it is huge."""
        return session + self._random.choice(_CLAIMS), []

    def _nested(self, session: bytes) -> tuple[bytes, list[bytes]]:
        inner = self._random.choice([b"\x91", b"\x81\xa1a", b"\x92\x90"])
        ask = b"\x91\x94\x28\x00\xa1a\x81\xa1b"
        return session + ask + inner * self._random.choice([10, 600, 20_000]), []

    def _frames(self, session: bytes) -> tuple[bytes, list[bytes]]:
        """Return frames that nobody counts, or a count without them."""
        head, _ = self._hostile(session)
        if self._random.random() < 0.5:
            submit = [20, 1, 0, b"", b"", self._random.choice([1, 1 << 30, -1, 3])]
            head = session + pack([submit])
        return head, [b"x"] * self._random.choice([1, 2, 50, 2000])

    def _others(self, session: bytes) -> tuple[bytes, list[bytes]]:
        """Return what only others say, be it to others."""
        return session + pack(
            [message(self._random, list(KINDS), self.targets, 0.3)]
        ), []

    def _greeting(self, session: bytes) -> tuple[bytes, list[bytes]]:
        """Return one greeting more, under a name of its own or with odd fields."""
        random = self._random
        hello = self._hello
        if random.random() < 0.5:
            hello = replace(hello, uuid=random.randbytes(16))
        if random.random() < 0.5:
            hello = replace(hello, host=random.choice(["\n\x1b[2J", "h" * 900]))
        if random.random() < 0.3:
            hello = replace(hello, secret=random.choice(["", "0" * 32]))
        if random.random() < 0.2:
            hello = replace(hello, role="engine", engine_id=(1 << 31) - 1)
        return bytes(encode(NO_SESSION, [hello])), []

    def _crowd(self, session: bytes) -> tuple[bytes, list[bytes]]:
        """Return very many very small messages."""
        tag = self._random.choice([6, 7, 4, 5])
        body = bytes([0x91, tag]) * 5000
        return session + b"\xdd" + (5000).to_bytes(4, "big") + body, []

    def _targets(self, session: bytes) -> tuple[bytes, list[bytes]]:
        """Return a task for very many engines that are not there."""
        count = self._random.choice([1000, 1_000_000])
        return session + pack([[20, 5000, 0, b"", b"", 0, [999] * count]]), []

"""Fields that no honest peer sends, and messages made of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec

from parallel.protocol.messages import Define, Message, Signal, Stop
from parallel.protocol.wire import digest_of

__all__ = ["KINDS", "message", "value"]

#: The fields of each kind of message, by its tag.
KINDS: dict[int, tuple[str, ...]] = {
    kind.__struct_config__.tag: kind.__struct_fields__  # type: ignore[misc]
    for kind in Message.__subclasses__()
}
_DEFINE, _STOP, _SIGNAL = (
    kind.__struct_config__.tag for kind in (Define, Stop, Signal)
)
#: Functions that are none.
_CODES = [b"code", b"\x80\x05N.", b"\x80\x05K\x01."]
_DIGESTS = [b"", b"d" * 16, *map(digest_of, _CODES)]
_NUMBERS = [
    *(0, 1, 2, 7, -1, -2, 127, 128, 255, 1 << 15, (1 << 31) - 1, 1 << 31, -(1 << 31)),
    *((1 << 62) - 1, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, -(1 << 63)),
]
_FLOATS = [0.0, -0.0, 1.5, -1.0, 1e308, -1e308, 5e-324, math.nan, math.inf, -math.inf]
_TEXTS = [
    *("", "work", "control", "client", "engine", "data", "hub_history", "db_query"),
    *("queue_status", "task_result", "whereabouts", "resubmit", "result_status"),
    *("abort_tasks", "purge_results", "\0", "\n\x1b[31m", "../../etc/passwd", "{0}%s"),
    *("0" * 32 + "_0", "0" * 32 + "_" + "9" * 400, "\N{PILE OF POO}", "x" * 5000),
]
#: What may be asked; what goes through all records takes a while, so it is seldom.
_QUESTIONS = [*_TEXTS[6:15], "processes"]
_ODD = ["task_result", "resubmit", "result_status", "abort_tasks", "none", "\0", ""]
_OPERATORS = ["$in", "$nin", "$lt", "$gt", "$glob", "$all", "$mod", "$exists", "$odd"]
_KEYS = ["msg_ids", "msg_id", "query", "keys", "engines", "interrupt", "hub", "verbose"]


def value(random: Random, depth: int = 0) -> Any:
    """Return a value of any kind that msgpack has."""
    make: Callable[[], Any] = random.choice(
        [
            lambda: random.choice(_NUMBERS),
            lambda: random.choice(_FLOATS),
            lambda: random.choice(_TEXTS),
            lambda: random.randbytes(random.choice([0, 1, 15, 16, 17, 64, 300])),
            lambda: None,
            lambda: random.random() < 0.5,
            lambda: [value(random, depth + 1) for _ in range(_few(random, depth))],
            lambda: {
                random.choice(_KEYS + _OPERATORS + _TEXTS): value(random, depth + 1)
                for _ in range(_few(random, depth))
            },
        ]
    )
    return make()


def _few(random: Random, depth: int) -> int:
    return random.choice([0, 1, 2, 5]) if depth < 3 else 0


#: Of a field's name, what it may hold that its decoder lets through.
_LIKELY: dict[str, Callable[[Random], Any]] = {
    "seq": lambda random: random.randrange(2000),
    "ordinal": lambda random: random.randrange(40),
    "method": lambda random: random.randrange(5),
    "status": lambda random: random.randrange(8),
    "digest": lambda random: random.choice(_DIGESTS),
    "payload": lambda random: random.randbytes(random.randrange(40)),
    "code": lambda random: random.randbytes(random.randrange(400)),
    "frames": lambda random: 0,
    "started": lambda random: random.choice([0.0, 1e9, 2e11]),
    "completed": lambda random: random.choice([0.0, 1e9, 2e11]),
    "stdout": lambda random: random.choice(["", "text\n"]),
    "stderr": lambda random: random.choice(["", "text\n"]),
    "kind": lambda random: random.choice(["data", "display", "clear", "odd"]),
    "running": lambda random: random.random() < 0.5,
    "interrupt": lambda random: random.random() < 0.5,
    "name": lambda random: random.choice(
        _QUESTIONS if random.random() < 0.02 else _ODD
    ),
    "arguments": lambda random: {
        random.choice(_KEYS): value(random) for _ in range(random.randrange(3))
    },
    "seqs": lambda random: [random.randrange(2000) for _ in range(50)],
    "asked": lambda random: [random.randrange(40) for _ in range(5)],
    "given": lambda random: [random.randrange(40) for _ in range(5)],
    "known": lambda random: list(range(1000)),
    "terms": lambda random: random.choice([None, _terms(random)]),
    "ordinals": lambda random: [random.randrange(40)],
    "signum": lambda random: random.choice(["SIGCONT", 18, "odd", 1 << 30]),
    "reason": lambda random: "",
}


def _terms(random: Random) -> list[Any]:
    """Return a task's terms, most of which can be read."""
    condition = [["0" * 32 + "_1"], True, False, True]
    fields = ["label", [999], condition, condition, 1e-9, 0.5, 1 << 60, 3, -7.5]
    fields += [{"gpu": 1e300}, ["label"], 99]
    if random.random() < 0.01:
        fields[random.randrange(len(fields))] = value(random)
    return fields[: random.randrange(len(fields) + 1)]


def message(
    random: Random, tags: list[int], targets: list[int], odds: float
) -> list[Any]:
    """Return a message of one of these tags as it stands on the wire.

    Parameters
    ----------
    targets
        The engines that it may name where a task goes: nobody else is to be harmed.
    odds
        How likely it is to be one that cannot be read.
    """
    tag = random.choice(tags)
    wrong = random.random() < odds
    if tag == _DEFINE and not wrong:
        code = random.choice([*_CODES, random.randbytes(400)])
        return [tag, digest_of(code), code]
    fields: list[Any] = []
    for name in KINDS[tag]:
        if name == "targets":
            fields.append(random.choice([targets[:1], targets, [999], [-1] * 20]))
        elif name == "hub":
            fields.append(False)
        elif (wrong and random.random() < 0.5) or name not in _LIKELY:
            fields.append(value(random))
        else:
            fields.append(_LIKELY[name](random))
    if tag in (_STOP, _SIGNAL):  # with a client's key it may stop us all
        fields[KINDS[tag].index("targets")] = [999]
    elif wrong and random.random() < 0.3:
        fields = fields[: random.randrange(len(fields) + 1)]
    return [tag, *fields]


def pack(messages: list[Any]) -> bytes:
    """Return messages as the wire has them."""
    return msgspec.msgpack.encode(messages)

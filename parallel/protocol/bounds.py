"""What the wire lets through of numbers, names and lists.

A message's fields are declared by these, so that the decoder refuses what no honest
peer says, at no cost that can be measured, before any handler has to do with it: a
number that SQLite, or an array, cannot hold; a NaN, which is neither before nor
after anything; a list that would keep the controller busy for seconds.
"""

from __future__ import annotations

import sys
from typing import Annotated, TypeAlias

from msgspec import Meta

from ..aliases import Digest, EngineId, Uuid

__all__ = [
    "LEAST",
    "MOST_TARGETS",
    "Amount",
    "Choice",
    "Count",
    "Deaths",
    "EngineNumber",
    "FunctionName",
    "Moment",
    "Name",
    "ProcessId",
    "ProcessName",
    "Ranks",
    "Seconds",
    "Secret",
    "Seq",
    "SignalNumber",
    "Token",
    "Tokens",
    "Word",
]

#: A submission names so many engines at most.
MOST_TARGETS = 1 << 16
#: The least number that there is.
LEAST = -sys.float_info.max
_INT32 = 1 << 31
#: The end of the year 9999, which dates do not go beyond, in seconds.
_END_OF_TIME = 253_402_300_799

#: A task's number; a submission adds to it, and SQLite has to hold what that makes.
Seq: TypeAlias = Annotated[int, Meta(ge=0, lt=1 << 62)]
#: An engine's number, also one that no engine can have.
EngineNumber: TypeAlias = Annotated[EngineId, Meta(ge=-_INT32, lt=_INT32)]
#: Engines of a submission.
Choice: TypeAlias = Annotated[list[EngineNumber], Meta(max_length=MOST_TARGETS)]
#: How many of something.
Count: TypeAlias = Annotated[int, Meta(ge=0, lt=_INT32)]
#: How many ranks an MPI world has: there are ids for all of them when the first comes.
Ranks: TypeAlias = Annotated[int, Meta(ge=0, lt=MOST_TARGETS + 1)]
#: A signal's number, also one that no system has.
SignalNumber: TypeAlias = Annotated[int, Meta(ge=-_INT32, lt=_INT32)]
#: A process's number. One that none can have is told so.
ProcessId: TypeAlias = Annotated[int, Meta(ge=-_INT32, lt=_INT32)]
#: A number that can be compared with others: no NaN; it may be infinite.
Amount: TypeAlias = Annotated[float, Meta(ge=LEAST)]
#: A time of day, seconds since 1970.
Moment: TypeAlias = Annotated[float, Meta(ge=0, le=_END_OF_TIME)]
#: How long something takes, or took.
Seconds: TypeAlias = Annotated[float, Meta(ge=0, le=_END_OF_TIME)]
#: A word of ours: a role, a channel, a question.
Word: TypeAlias = Annotated[str, Meta(max_length=64)]
#: A name that somebody has given, such as a host's.
Name: TypeAlias = Annotated[str, Meta(max_length=1024)]
#: How engines died, each in a line: as many as are told of.
Deaths: TypeAlias = Annotated[list[Name], Meta(max_length=1024)]
#: What proves a role.
Secret: TypeAlias = Annotated[str, Meta(max_length=256)]
#: What names a session, or a task.
Token: TypeAlias = Annotated[bytes, Meta(max_length=64)]
#: Tasks by what names them, as many as an engine can list.
Tokens: TypeAlias = Annotated[list[Token], Meta(max_length=1024)]
#: What identifies a process. One of another length than 16 is told what is wrong.
ProcessName: TypeAlias = Annotated[Uuid, Meta(max_length=64)]
#: The digest of a function, or nothing where none is called.
FunctionName: TypeAlias = Annotated[Digest, Meta(max_length=64)]

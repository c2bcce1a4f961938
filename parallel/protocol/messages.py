"""What processes say to one another: one frozen struct a message.

A message on the wire is an array: its tag, then its fields in the order written
here. Fields are only ever added at the end, with a default. Several messages to
one peer travel as one batch (`wire`); `frames` counts the buffers behind the
batch that belong to a message, in the order of the messages.

Some fields have bounds, such as `Seq`: see `bounds`. What lies beyond them is refused
by the decoder.

The catalogue is drawn from this file in `docs/architecture/messages.md`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, TypeAlias

import msgspec

from ..aliases import Digest, EngineId, Uuid
from .bounds import (
    Amount,
    Choice,
    Count,
    EngineNumber,
    FunctionName,
    Moment,
    Name,
    ProcessId,
    ProcessName,
    Secret,
    Seq,
    SignalNumber,
    Token,
    Word,
)
from .secrets import repr_without
from .terms import Terms

__all__ = [
    "FREE", "PROTOCOL", "Abort", "AgentTrouble", "Answer", "Assign", "Credit", "Define",
    "EndedTask", "EngineDied", "EngineInfo", "EngineJoined", "EngineLeft", "FromAgent",
    "Goodbye", "Held", "HeldTask", "Hello", "Interrupt", "Kill", "Mark", "Message",
    "Method", "Need", "Outcome", "Output", "Ping", "Pong", "Publish", "Published",
    "Query", "Refused", "Reopen", "Result", "Resumed", "Retire", "Revoke", "Revoked",
    "Setup", "SetupEnded", "Signal", "Stage", "Status", "Stop", "Submit", "Suspended",
    "TaskOutput", "ToAgent", "ToClient", "ToController", "ToEngine", "ToOwner",
    "Trouble", "Up", "WantCredit", "Welcome", "WhoAreYou",
]  # fmt: skip

#: Peers of another protocol version are refused at the greeting.
PROTOCOL = 3


class Method(IntEnum):
    """What an engine is to do with a task's payload."""

    APPLY = 0
    MAP = 1
    EXECUTE = 2
    PUSH = 3
    PULL = 4
    #: Empty the namespace.
    CLEAR = 5
    #: As `MAP`, but what one element raises takes the place of its result.
    MAP_EACH = 6


class Status(IntEnum):
    """How a task ended."""

    OK = 0
    #: The user's code raised, or its result could not be packed.
    ERROR = 1
    #: The engine died. The payload of this and of those below is a pickled text.
    LOST = 2
    #: It was given up before it started, or interrupted, as its user asked.
    ABORTED = 3
    #: It was not started in time, or ran for too long.
    TIMEOUT = 4
    #: What it depends on can never be.
    IMPOSSIBLE = 5
    #: It depends on a task that nobody knows.
    INVALID = 6
    #: It refused this engine (`depend`, `require`), which another may suit.
    UNMET = 7


class Stage(IntEnum):
    """How far an engine is with a task."""

    #: It has ended, and its result is sent again.
    ENDED = 0
    RUNNING = 1
    #: It waits for tasks of its own.
    SUSPENDED = 2


class Message(
    msgspec.Struct,
    array_like=True,
    frozen=True,
    gc=False,
    tag_field="type",
):
    """The base of all messages."""


class EngineInfo(msgspec.Struct, array_like=True, frozen=True):
    """Who an engine is."""

    engine_id: EngineId
    uuid: Uuid
    host: str
    pid: int
    #: What tasks may take a share of, and what marks it for them.
    resources: dict[str, float] = {}
    labels: list[str] = []


class HeldTask(msgspec.Struct, array_like=True, frozen=True):
    """A task that an engine has: its `Assign` is an earlier controller's."""

    task: Token
    ordinal: Seq
    stage: Stage


class EndedTask(msgspec.Struct, array_like=True, frozen=True):
    """How a task ended, as `state.history` has it, and on which engine."""

    seq: Seq
    end: Count
    engine_id: EngineNumber


# Greetings


class Hello(Message, tag=1, frozen=True):
    """Peer → controller: who I am. Said first on each connection, and again at will."""

    role: Word
    #: `work` or `control`.
    channel: Word
    uuid: ProcessName
    secret: Secret
    host: Name
    pid: ProcessId
    protocol: int = PROTOCOL
    #: The id that an engine would like to have, such as its rank.
    engine_id: EngineNumber | None = None
    resources: dict[str, Amount] = {}
    labels: list[str] = []
    #: The session that a broken connection was in, and the last batch that came in it.
    session: Token = b""
    received: Seq = 0

    def __repr__(self) -> str:
        return repr_without(self, "secret", "session")


class Welcome(Message, tag=2, frozen=True):
    """Controller → peer: come in. The session opens every further batch."""

    session: bytes
    engine_id: EngineId | None
    engines: list[EngineInfo]
    #: The last batch that came in this session, if it is not a new one.
    received: int = 0
    #: How often the controller has been started at this address.
    epoch: int = 1
    #: The last batch that need not be kept any more.
    confirmed: int = 0
    #: What earlier controllers had under way may go on here.
    restores: bool = False

    def __repr__(self) -> str:
        return repr_without(self, "session")


class Refused(Message, tag=3, frozen=True):
    """Controller → peer: no, and why."""

    reason: str


class Goodbye(Message, tag=4, frozen=True):
    """Either way: I am leaving in good order.

    An engine tells the highest ordinal that it may have started.
    """

    reason: str = ""
    reach: int | None = None


class WhoAreYou(Message, tag=5, frozen=True):
    """Controller → peer: your session is unknown here; greet me again."""


class Ping(Message, tag=6, frozen=True):
    """Either way: say that you are there."""


class Pong(Message, tag=7, frozen=True):
    """The answer to a ping."""


class Mark(Message, tag=8, frozen=True):
    """Either way, first in a batch: its number, and the last of yours that I have read.

    Batches count up from 1 in each direction of a session; 0 only confirms.
    """

    number: Seq
    seen: Seq


class Held(Message, tag=68, frozen=True):
    """Engine → controller that was started again: what I have of the one before.

    Said first. Up to the ordinal `reach`, nothing else will be started.
    """

    reach: Seq
    tasks: list[HeldTask]


class Reopen(Message, tag=69, frozen=True):
    """Client → controller that was started again: what I have of the one before.

    Said first. So many tasks were `submitted`; those that are `unfinished` are
    submitted again behind this. `ends` are those of some others, on which these depend.
    """

    submitted: Seq
    unfinished: list[Seq]
    ends: list[EndedTask] = []


# Functions


class Define(Message, tag=10, frozen=True):
    """Client → controller → engine: the function of this digest."""

    digest: FunctionName
    code: bytes


class Need(Message, tag=11, frozen=True):
    """Engine → controller → client: I lack the function of this digest."""

    digest: FunctionName


# Tasks


class Submit(Message, tag=20, frozen=True):
    """Client → controller: run this on each of these engines, or on any one.

    One task for each target, numbered from `seq` up; no target means one task
    that the scheduler places.
    """

    seq: Seq
    method: Method
    digest: FunctionName
    payload: bytes
    frames: Count = 0
    targets: Choice | None = None
    terms: Terms | None = None


class Assign(Message, tag=21, frozen=True):
    """Controller → engine: your next task. Ordinals count up from 1 on each engine."""

    ordinal: int
    method: Method
    digest: Digest
    payload: bytes
    frames: int = 0
    #: It was sent to this very engine, and is given up if an execute before it fails.
    pinned: bool = False
    #: In how many tasks, one within the other, it was submitted.
    depth: int = 0
    #: What names it to any controller.
    task: bytes = b""


class Result(Message, tag=22, frozen=True):
    """Engine → controller: that task ended so."""

    ordinal: int
    status: Status
    payload: bytes
    frames: Count
    started: Moment
    completed: Moment
    stdout: str = ""
    stderr: str = ""
    #: As its `Assign` had it.
    task: Token = b""


class Outcome(Message, tag=23, frozen=True):
    """Controller → client: that task ended so."""

    seq: int
    status: Status
    payload: bytes
    frames: int
    engine_id: EngineId
    started: float
    completed: float
    stdout: str = ""
    stderr: str = ""
    #: What led to this end, if there is more to say.
    note: str = ""


class Revoke(Message, tag=24, frozen=True):
    """Controller → engine: give these back if you have not started them."""

    ordinals: list[int]


class Revoked(Message, tag=25, frozen=True):
    """Engine → controller: of those asked for, these will not be started here."""

    asked: list[int]
    given: list[int]


class Abort(Message, tag=28, frozen=True):
    """Client → controller: give these up; with `interrupt`, those that run, too."""

    seqs: list[Seq]
    interrupt: bool = False


class WantCredit(Message, tag=66, frozen=True):
    """Client → controller: tell me how much I may have under way, beyond `FREE`."""


class Credit(Message, tag=67, frozen=True):
    """Controller → client: so many tasks, and bytes of arguments, and no more."""

    tasks: int
    nbytes: int


#: What each client has without asking.
FREE = Credit(2048, 4 << 20)


class Interrupt(Message, tag=29, frozen=True):
    """Controller → engine: interrupt this task if it runs; else do not start it.

    What is not started is answered as if it had been revoked. What ends with an error
    has the status and the reason told here: another controller may hear of it.
    """

    ordinal: int
    status: Status = Status.ABORTED
    reason: str = ""


class Suspended(Message, tag=60, frozen=True):
    """Engine → controller: this task waits for others; I can run more meanwhile."""

    ordinal: int


class Resumed(Message, tag=61, frozen=True):
    """Engine → controller: what this task waited for is there."""

    ordinal: int


class Setup(Message, tag=62, frozen=True):
    """Client → controller: run this on each engine that joins, before all else.

    And on those that are there, but for the `known`, which the client asks itself.
    """

    name: Name
    digest: FunctionName
    payload: bytes
    frames: Count = 0
    known: Choice = []


class SetupEnded(Message, tag=65, frozen=True):
    """Controller → client: your setup ended so on an engine that joined."""

    name: str
    engine_id: EngineId
    status: Status
    payload: bytes
    frames: int = 0


class Publish(Message, tag=63, frozen=True):
    """Engine → controller: a task shows something while it runs.

    `kind` is `data` (published by `publish_data`), `display` or `clear`; the payload
    is a pickle.
    """

    ordinal: int
    kind: Word
    payload: bytes
    frames: Count = 0


class Published(Message, tag=64, frozen=True):
    """Controller → client: what that task shows, as `Publish` says it."""

    seq: int
    kind: str
    payload: bytes
    frames: int = 0


class Output(Message, tag=26, frozen=True):
    """Engine → controller: printed while no result could carry it.

    While the task is `running`, its result will tell this again, with all the rest.
    """

    ordinal: int
    stdout: str
    stderr: str
    running: bool = False


class TaskOutput(Message, tag=27, frozen=True):
    """Controller → client: what that task printed, as `Output` says it."""

    seq: int
    stdout: str
    stderr: str
    running: bool = False


# Who is there


class EngineJoined(Message, tag=30, frozen=True):
    """Controller → client: one more engine."""

    engine: EngineInfo


class EngineLeft(Message, tag=31, frozen=True):
    """Controller → client: one engine fewer, and why."""

    engine_id: EngineId
    reason: str


class Trouble(Message, tag=32, frozen=True):
    """Controller → client: what a waiting user should be told.

    One that `hinders` means that engines may not come that somebody waits for.
    """

    text: str
    hinders: bool = True


# Questions and orders, on the control connection


class Query(Message, tag=40, frozen=True):
    """Client → controller: a question by name."""

    seq: int
    name: Word
    arguments: dict[str, Any]


class Answer(Message, tag=41, frozen=True):
    """Controller → client: the answer, or the error as text.

    A large value is packed in a frame, so that nobody copies it.
    """

    seq: int
    value: Any
    error: str = ""
    frames: int = 0


class Signal(Message, tag=43, frozen=True):
    """Client → controller → engine: send yourself this signal, by number or name."""

    signum: SignalNumber | Word
    targets: list[EngineId] | None = None


class Stop(Message, tag=42, frozen=True):
    """Controller → engine, client → controller: end in good order."""

    targets: list[EngineId] | None = None
    hub: bool = False


# The agent's link with its controller


class EngineDied(Message, tag=50, frozen=True):
    """Agent → controller: that process is gone: waitpid said so.

    `position` is the ordinal that it was at, from the page it shared with its agent,
    and 0 for none; `reach` the highest that it had started, if that is known.
    """

    uuid: Uuid
    reason: str
    position: int
    engine_id: EngineId | None = None
    stdout: str = ""
    stderr: str = ""
    reach: int | None = None


class AgentTrouble(Message, tag=51, frozen=True):
    """Agent → controller, agent → owner: what waiting users should be told.

    A fatal one means that the cluster ends; one that `hinders`, that engines may not
    come that somebody waits for.
    """

    text: str
    fatal: bool = False
    hinders: bool = True


class Up(Message, tag=52, frozen=True):
    """Controller → agent → owner: listening there."""

    urls: list[str]


class Retire(Message, tag=53, frozen=True):
    """Controller → agent: these engines end, and are not to be replaced."""

    uuids: list[Uuid]


class Kill(Message, tag=54, frozen=True):
    """Controller → agent: these are to end at once, and why."""

    uuids: list[Uuid]
    why: str = ""


ToController: TypeAlias = (
    Mark | Hello | Goodbye | Ping | Pong | Define | Need | Submit | Result | Revoked
    | Output | Query | Stop | Abort | Suspended | Resumed | Setup | Publish | Signal
    | WantCredit | Held | Reopen
)  # fmt: skip
ToEngine: TypeAlias = (
    Mark
    | Welcome
    | Refused
    | Goodbye
    | WhoAreYou
    | Ping
    | Pong
    | Define
    | Assign
    | Revoke
    | Stop
    | Interrupt
    | Signal
)
ToClient: TypeAlias = (
    Mark | Welcome | Refused | Goodbye | WhoAreYou | Ping | Pong | Need | Outcome
    | TaskOutput
    | EngineJoined | EngineLeft | Trouble | Answer | Published
    | SetupEnded | Credit
)  # fmt: skip

#: What an agent hears, from its owner and from its controller.
ToAgent: TypeAlias = Stop | Up | Retire | Kill | AgentTrouble
#: What the owner of a cluster hears from its agent.
ToOwner: TypeAlias = Up | AgentTrouble
#: What a controller hears from the agent that forked it.
FromAgent: TypeAlias = EngineDied | AgentTrouble

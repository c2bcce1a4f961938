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
    Ranks,
    Secret,
    Seq,
    SignalNumber,
    Token,
    Tokens,
    Word,
)
from .kinds import Method, Stage, Status
from .secrets import repr_without
from .terms import Terms
from .values import EndedTask, EngineInfo, HeldTask, StartedTask

__all__ = [
    "FREE", "PROTOCOL", "Abort", "Again", "AgentTrouble", "Answer", "Assign",
    "Credit", "Define",
    "EndedTask", "EngineDied", "EngineInfo", "EngineJoined", "EngineLeft", "FromAgent",
    "Goodbye", "Held", "HeldTask", "Hello", "Interrupt", "Kill", "Mark", "Message",
    "Method", "Need", "Outcome", "Output", "Ping", "Pong", "Publish", "Published",
    "Query", "Refused", "Reopen", "Result", "Resumed", "Retire", "Revoke", "Revoked",
    "Scale", "Scaled",
    "Setup", "SetupEnded", "Signal", "Stage", "StartedTask", "Status", "Stop",
    "Submit", "Suspended",
    "TaskOutput", "ToAgent", "ToClient", "ToController", "ToEngine", "ToHostAgent",
    "ToOwner",
    "Trouble", "Up", "WantCredit", "Welcome", "WhoAreYou",
]  # fmt: skip

#: Peers of another protocol version are refused at the greeting.
PROTOCOL = 4


class Message(
    msgspec.Struct,
    array_like=True,
    frozen=True,
    gc=False,
    tag_field="type",
):
    """The base of all messages."""


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
    #: The MPI world that an engine is a rank of, and how many ranks that has.
    world: Token = b""
    world_size: Ranks = 0
    #: The agent that watches an engine's process on its host, and the engine's set.
    agent: Token = b""
    engine_set: Word = ""
    #: When an engine ends, for its time is up, seconds since 1970; 0 if nobody knows.
    until: Moment = 0.0
    #: What an engine's launcher calls the job, or the host, that has it.
    job: Name = ""

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
    Of the unfinished, those that are in `started` have been, and came back.
    """

    submitted: Seq
    unfinished: list[Seq]
    ends: list[EndedTask] = []
    started: list[StartedTask] = []


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
    #: It must not be started twice, whatever dies.
    once: bool = False


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


class Again(Message, tag=70, frozen=True):
    """Controller → client: that task is to be started again; keep what led to that."""

    task: StartedTask


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

    `kind` is `data` (published by `publish_data`), `display`, `clear`, or `comm`: what
    widgets tell a front end. The payload is a pickle.
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


# Between an agent and the controller: a pipe if it forked it, or a control connection


class EngineDied(Message, tag=50, frozen=True):
    """Agent → controller: that process is gone: waitpid said so.

    `position` is the ordinal that it was at, from the page it shared with its agent,
    and 0 for none; `reach` the highest that it had started, if that is known. `once`
    has what it had started that must not be started twice, but for what clients have
    the results of; None if there may be more.
    """

    uuid: ProcessName
    reason: str
    position: Seq
    engine_id: EngineNumber | None = None
    stdout: str = ""
    stderr: str = ""
    reach: Seq | None = None
    once: Tokens | None = None


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


class Scale(Message, tag=55, frozen=True):
    """Controller → agent: keep so many engines up from now on."""

    n: Count


class Scaled(Message, tag=56, frozen=True):
    """Agent → controller: they start, or there are so many more than are wanted.

    `uuids` names all those that are there, for the controller to choose who leaves.
    """

    surplus: Count
    uuids: list[Uuid]


ToController: TypeAlias = (
    Mark | Hello | Goodbye | Ping | Pong | Define | Need | Submit | Result | Revoked
    | Output | Query | Stop | Abort | Suspended | Resumed | Setup | Publish | Signal
    | WantCredit | Held | Reopen | EngineDied | AgentTrouble
)  # fmt: skip
ToEngine: TypeAlias = (
    Mark | Welcome | Refused | Goodbye | WhoAreYou | Ping | Pong | Define | Assign
    | Revoke | Stop | Interrupt | Signal
)  # fmt: skip
ToClient: TypeAlias = (
    Mark | Welcome | Refused | Goodbye | WhoAreYou | Ping | Pong | Need | Outcome
    | TaskOutput
    | EngineJoined | EngineLeft | Trouble | Answer | Published
    | SetupEnded | Credit | Again
)  # fmt: skip

#: What the agent of another host hears from the controller.
ToHostAgent: TypeAlias = (
    Mark | Welcome | Refused | Goodbye | WhoAreYou | Ping | Pong | Retire | Kill | Stop
)
#: What an agent hears, from its owner and from its controller.
ToAgent: TypeAlias = Stop | Up | Retire | Kill | AgentTrouble | Scale
#: What the owner of a cluster hears from its agent.
ToOwner: TypeAlias = Up | AgentTrouble
#: What a controller, or a courier, hears from the agent that forked it.
FromAgent: TypeAlias = EngineDied | AgentTrouble | Stop | Scaled

"""The terms of a task: where, when, how often and how long it may run."""

from __future__ import annotations

import msgspec

from .bounds import Amount, Choice, Count

__all__ = ["ENGINE_RETRIES", "USUAL", "Condition", "Terms"]

#: A task may kill so many engines and be tried again: the next death fails it.
ENGINE_RETRIES = 2


class Condition(msgspec.Struct, array_like=True, frozen=True):
    """Other tasks that must have ended before one may start, and how.

    `all` of them or any one; `success` and `failure` say which ends count.
    """

    msg_ids: list[str]
    all: bool = True
    success: bool = True
    failure: bool = False


class Terms(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """What a task asks for beyond being run; seconds where a time is meant.

    `label`, `time_limit` and `depth` also hold for direct tasks, the rest for those
    that the scheduler places.
    """

    #: What its user calls it in the record.
    label: str = ""
    #: Only these engines may run it.
    targets: Choice | None = None
    #: It starts after these have ended.
    after: Condition | None = None
    #: It runs on an engine where these ran, after they have ended.
    follow: Condition | None = None
    #: It fails if it is not given to an engine within this.
    timeout: Amount | None = None
    #: It is interrupted when it has run for so long, and then its engine is killed.
    time_limit: Amount | None = None
    #: An exception is tried again so often, each time on another engine.
    retries: int = 0
    #: The death of its engine is survived so often.
    engine_retries: int = ENGINE_RETRIES
    #: What has a higher one goes first.
    priority: Amount = 0
    #: So much of each is taken from its engine while it runs.
    resources: dict[str, Amount] = {}
    #: Its engine carries all of these.
    labels: list[str] = []
    #: In how many tasks, one within the other, it was submitted: not the user's to say.
    depth: Count = 0


#: Those of a task that asks for nothing.
USUAL = Terms()

"""What a client waits for, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ..errors import TransportError
from .opentasks import OpenTasks
from .questions import Questions

__all__ = ["explain_tasks", "say"]

#: So many tasks are asked about, the oldest.
ASKED = 1000
#: So many of those that run are told one by one, those that run for longest.
SHOWN = 5
#: Less than this, bytes, has arrived before anybody can say that it has not.
MUCH = 16 << 20


class Asker(Protocol):
    """What is needed of a connection."""

    session: str
    tasks: OpenTasks
    questions: Questions

    @property
    def unheard_nbytes(self) -> int:
        """How much that was submitted is not known to have arrived."""

    @property
    def outstanding(self) -> list[int]:
        """The numbers of the unfinished tasks."""


def explain_tasks(connection: Asker, seqs: Sequence[int] | None = None) -> list[str]:
    """Ask the controller how tasks stand, and say it: a line for each kind.

    Parameters
    ----------
    seqs
        The numbers of tasks that have not ended; None for all of those.

    Raises
    ------
    TransportError
        The controller did not answer.
    """
    seqs = connection.outstanding if seqs is None else seqs
    if not seqs:
        return []
    name_of = connection.tasks.name_of
    names = {f"{connection.session}_{seq}": name_of(seq) for seq in seqs[:ASKED]}
    ask, nbytes = connection.questions.ask, connection.unheard_nbytes
    lines = []
    if nbytes >= MUCH:
        lines.append(f"{nbytes >> 20:,} MiB have not arrived at the controller yet")
    try:  # behind so much the question would come late
        found = ask("whereabouts", behind=not lines, msg_ids=list(names))
    except TransportError as error:
        if not lines:
            raise
        return [*lines, str(error)]
    lines += say(names, found["tasks"], found["engines"])
    if len(seqs) > ASKED:
        lines.append(f"{len(seqs) - ASKED} more were submitted later")
    return lines


def say(
    names: Mapping[str, str], places: Mapping[str, Any], wrong: Mapping[str, str]
) -> list[str]:
    """Say where tasks stand.

    Parameters
    ----------
    names
        What to call each task, by its id.
    places
        The fields of a `state.whereabouts.Whereabouts`, for those that have one.
    wrong
        By an engine's id, how it is if it does not answer; else ''.
    """
    lines = _say_running(names, places, wrong)
    groups: Counter[str] = Counter()
    for msg_id in names:
        place = places.get(msg_id)
        if place is None:
            groups["on the way to the controller, or back"] += 1
        elif place["state"] == "in line":
            groups[f"in line on engine {place['engine_id']}"] += 1
        elif place["state"] == "queued":
            groups[f"in the queue: {place['why']}"] += 1
        elif place["state"] == "waiting":
            groups[f"waiting {place['why']}"] += 1
    some = groups.most_common(SHOWN)
    lines += [f"{count} {'is' if count == 1 else 'are'} {what}" for what, count in some]
    rest = groups.total() - sum(count for _, count in some)
    return lines + ([f"{rest} more wait for other reasons"] if rest else [])


def _say_running(
    names: Mapping[str, str], places: Mapping[str, Any], wrong: Mapping[str, str]
) -> list[str]:
    begun = [
        (place["seconds"], names[msg_id], msg_id, place)
        for msg_id, place in places.items()
        if place["state"] in ("running", "suspended", "sent")
    ]
    begun.sort(key=lambda each: each[0], reverse=True)
    lines = []
    for seconds, name, msg_id, place in begun[:SHOWN]:
        engine_id = place["engine_id"]
        why = wrong.get(str(engine_id), "")
        doing = _say_doing(place["state"], max(seconds, 0.1), place["why"])
        health = f"which {why or 'is alive'}"
        lines.append(f"{name} ({msg_id}) {doing} on engine {engine_id}, {health}")
    if len(begun) > SHOWN:
        lines.append(f"{len(begun) - SHOWN} more run, for a shorter time")
    return lines


def _say_doing(state: str, seconds: float, arguments: str) -> str:
    """Say what a task does on its engine, with what arguments if they are many."""
    if state == "suspended":
        return "waits for tasks of its own"
    if state == "sent":
        return f"with {arguments} has been on its way for {seconds:.3g} s, to be run"
    unpacked = f", in which {arguments} are unpacked first," if arguments else ""
    return f"has been running for {seconds:.3g} s{unpacked}"

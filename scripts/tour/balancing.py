"""Load balancing: tasks of very uneven length, and how close to the ideal they end."""

from __future__ import annotations

import random
from collections import Counter
from heapq import heapreplace
from time import perf_counter
from typing import Any

from story import Story

from parallel import Client

__all__ = ["tell"]

TASKS = 200
#: Above the first ratio there is something to look at, above the second to mend.
WARN, FAIL = 1.10, 1.25


def nap(seconds: float) -> float:
    """Stand for a piece of work: sleep, and return how long was asked for."""
    import time

    time.sleep(seconds)
    return seconds


def lengths() -> list[float]:
    """Return uneven lengths in seconds: most of them short, a few very long."""
    stream = random.Random("balancing")
    drawn = (stream.lognormvariate(-3.3, 1.2) for _ in range(TASKS))
    return [round(min(seconds, 0.3), 4) for seconds in drawn]


def at_no_cost(seconds: list[float], engines: int) -> float:
    """Return when all is done if each task goes to the next free engine at no cost."""
    free = [0.0] * engines
    for length in seconds:
        heapreplace(free, free[0] + length)
    return max(free)


def follow(rc: Client, seconds: list[float]) -> Any:
    """Send all tasks off, and look at the progress while they run."""
    lview = rc.load_balanced_view()
    ar = lview.map_async(nap, seconds, chunksize=1)
    while not ar.ready():
        ar.wait(0.8)
        print(f"{ar.elapsed:8.1f} s: {ar.progress} of {len(ar)} done", flush=True)
    return ar


def tell(story: Story, rc: Client) -> None:
    """Tell the chapter."""
    story.chapter("4. Load balancing")
    seconds = lengths()
    total, longest = sum(seconds), max(seconds)
    ideal = max(total / len(rc), longest)
    story.say(
        f"""{TASKS} tasks that sleep between {min(seconds):.3f} and {longest:.3f} s,
        {total:.1f} s in all. No plan for {len(rc)} engines can end before the ideal,
        {ideal:.2f} s. Handing each task to the next free engine, as one must who does
        not know how long they are, ends after {at_no_cost(seconds, len(rc)):.2f} s if
        the handing costs nothing."""
    )
    story.code(nap, follow)
    print()
    rc[:].apply_sync(nap, 0)  # the engines import this module now, not while it counts
    begun = perf_counter()
    ar = follow(rc, seconds)
    makespan = perf_counter() - begun
    results = ar.get()

    tasks: Counter[int] = Counter()
    busy: Counter[int] = Counter()
    for meta in ar.metadata:
        took = (meta["completed"] - meta["started"]).total_seconds()
        tasks[meta["engine_id"]] += 1
        busy[meta["engine_id"]] += took
    story.table(
        ["engine", "tasks", "busy", "of the time"],
        [
            [e, tasks[e], f"{busy[e]:.2f} s", f"{busy[e] / makespan:.0%}"]
            for e in rc.ids
        ],
    )
    ratio = makespan / ideal
    story.say(
        f"""All done after {makespan:.2f} s, {ratio:.2f} times the ideal. The results
        came back in the order of the tasks, whoever did them, and whenever."""
    )
    if WARN < ratio < FAIL:
        story.say(
            f"""WARNING: more than {WARN:.2f} times the ideal. On a busy machine that
            is the machine; on a quiet one it should not be."""
        )
    print()
    story.check(f"{TASKS} results, in order", list(results) == seconds)
    story.check("every engine took part", set(tasks) == set(rc.ids), tasks)
    story.check(f"the time is below {FAIL:.2f} times the ideal", ratio < FAIL, ratio)

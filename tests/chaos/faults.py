"""Faults, and the thread that lets them happen at random moments."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from signal import SIGKILL
from typing import NamedTuple, TypeAlias

from parallel.transport.pids import is_alive
from tests.chaos.scene import Scene

__all__ = ["DEFAULT", "FAULTS", "GROUPS", "Faults", "Strike", "chosen"]

#: Does it, and says what it did; says nothing if there was nobody to do it to.
Act: TypeAlias = Callable[[Scene, Random], str]


class Strike(NamedTuple):
    """A fault that happened."""

    seconds: float
    fault: str
    words: str


def _nap(scene: Scene, random: Random) -> float:
    """Return for how long something is stopped, seconds: mostly short."""
    return scene.longest * random.choice([0.02, 0.1, 0.3, 1.0])


def kill_engine(scene: Scene, random: Random) -> str:
    """Kill an engine."""
    engines = scene.engines
    pid = random.choice(engines) if engines else 0
    return scene.strike(pid, SIGKILL) if pid else ""


def kill_two_engines(scene: Scene, random: Random) -> str:
    """Kill two engines in the same moment."""
    pids = random.sample(engines := scene.engines, min(2, len(engines)))
    return ", ".join(scene.strike(pid, SIGKILL) for pid in pids)


def stop_engine(scene: Scene, random: Random) -> str:
    """Stop an engine for a while."""
    engines, seconds = scene.engines, _nap(scene, random)
    return scene.stop_for(random.choice(engines), seconds) if engines else ""


def end_guest(scene: Scene, random: Random) -> str:
    """Have an engine end in order; another one comes."""
    guests = [guest for guest in scene.guests if guest.process.poll() is None]
    return scene.end(random.choice(guests)) if guests else ""


def kill_client(scene: Scene, random: Random) -> str:
    """Kill a client; another one comes."""
    visitors = [visitor for visitor in scene.visitors if visitor.poll() is None]
    return scene.strike(random.choice(visitors).pid, SIGKILL) if visitors else ""


def stop_client(scene: Scene, random: Random) -> str:
    """Stop a client for a while."""
    visitors = [visitor for visitor in scene.visitors if visitor.poll() is None]
    seconds = _nap(scene, random)
    return scene.stop_for(random.choice(visitors).pid, seconds) if visitors else ""


def stop_controller(scene: Scene, random: Random) -> str:
    """Stop the controller for a while."""
    return scene.stop_for(scene.controller, _nap(scene, random))


def kill_controller(scene: Scene, random: Random) -> str:
    """Kill the controller, while there is an agent: nobody else starts another.

    One that was killed a moment ago may still be there, and starts none.
    """
    if scene.struck.get(scene.agent, "").startswith("SIGKILL"):
        return ""
    return scene.strike(scene.controller, SIGKILL) if is_alive(scene.agent) else ""


def stop_agent(scene: Scene, random: Random) -> str:
    """Stop the agent for a while."""
    if not is_alive(scene.agent):
        return ""
    return scene.stop_for(scene.agent, _nap(scene, random))


def kill_agent(scene: Scene, random: Random) -> str:
    """Kill the agent, once, for nobody starts another; not without a controller."""
    if not is_alive(scene.agent) or not is_alive(scene.controller):
        return ""
    return scene.strike(scene.agent, SIGKILL)


def cut(scene: Scene, random: Random) -> str:
    """Cut the network to some for a while."""
    way = random.choice(scene.ways)
    how, seconds = random.choice(way.cuts), _nap(scene, random)
    way.cut(how)
    scene.later(seconds, way.heal)
    return f"{how} cut for {seconds:.1f} s"


FAULTS: dict[str, Act] = {
    "kill-engine": kill_engine,
    "kill-two-engines": kill_two_engines,
    "stop-engine": stop_engine,
    "end-guest": end_guest,
    "kill-client": kill_client,
    "stop-client": stop_client,
    "stop-controller": stop_controller,
    "kill-controller": kill_controller,
    "stop-agent": stop_agent,
    "kill-agent": kill_agent,
    "cut": cut,
}
GROUPS: dict[str, list[str]] = {
    "engines": ["kill-engine", "kill-two-engines", "stop-engine", "end-guest"],
    "clients": ["kill-client", "stop-client"],
    "controller": ["stop-controller", "kill-controller"],
    "agent": ["stop-agent", "kill-agent"],
    "network": ["cut"],
    "all": list(FAULTS),
}
#: Those that a cluster is to survive today.
DEFAULT = ["all"]


def chosen(words: Sequence[str]) -> list[str]:
    """Return the faults that are named, each or by their group.

    Raises
    ------
    ValueError
        There is no such fault, nor such a group.
    """
    found: dict[str, None] = {}
    for word in words:
        if word not in FAULTS and word not in GROUPS:
            known = ", ".join([*GROUPS, *FAULTS])
            raise ValueError(f"there is no fault {word!r}: there are {known}")
        found.update(dict.fromkeys(GROUPS.get(word, [word])))
    return list(found)


@dataclass
class Faults:
    """Lets faults happen, one after the other, until told to stop.

    Parameters
    ----------
    every
        Seconds between two of them, in the mean.
    """

    scene: Scene
    seed: int
    names: Sequence[str]
    every: float
    #: What happened.
    strikes: list[Strike] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = Random(f"faults {self.seed}")
        self._over = threading.Event()
        self.begin = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="faults", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and undo what can be undone."""
        self._over.set()
        self._thread.join()
        self.scene.restore()

    def _run(self) -> None:
        try:
            while not self._over.wait(self._random.expovariate(1 / self.every)):
                self._strike(self._random.choice(self.names))
                self.scene.replace_those_that_left()
        except Exception as error:
            self.complaints.append(f"the faults cannot go on: {error!r}")

    def _strike(self, name: str) -> None:
        # Chance of its own: however many there are to choose from, what comes after
        # this is the same.
        words = FAULTS[name](self.scene, Random(self._random.random()))
        if words:
            seconds = time.monotonic() - self.begin
            self.strikes.append(Strike(round(seconds, 2), name, words))

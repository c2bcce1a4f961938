"""The engines of an agent, with processes that are no engines."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from parallel.cluster.engines import Engines, EnginesSpec
from parallel.protocol.messages import EngineDied, Kill
from parallel.transport.keys import new_keys


def test_one_is_killed_that_does_not_lead_its_session_yet(tmp_path: Path) -> None:
    children: list[subprocess.Popen[bytes]] = []
    deaths: list[EngineDied] = []

    def start(*_: object) -> int:
        wait = [sys.executable, "-c", "input()"]
        children.append(subprocess.Popen(wait, stdin=subprocess.PIPE))
        return children[-1].pid

    engines = Engines(
        EnginesSpec(n=1, environment=[{}], resources=[{}]),
        lambda slot: str(tmp_path / "log"),
        start,
        deaths.append,
        lambda trouble: None,
    )
    urls = ["tcp://127.0.0.1:1"]
    engines.start(new_keys().info("engine", "", urls, encrypted=True))
    with children[0] as child:
        assert os.getpgid(child.pid) == os.getpgrp()
        engines.obey(Kill(engines.uuids, "is not needed"))
        assert child.wait(30) == -signal.SIGKILL
    engines.died(child.pid, -signal.SIGKILL, 0.0, stopping=True)
    assert not engines.pids

"""A Ctrl-C at whatever moment loses nothing: not a task, not a result, not the client.

In scripts, for an interrupt that comes late would end the tests.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytestmark = pytest.mark.slow

SHOWER = """
    import random
    import signal

    from parallel import AsyncResult, Cluster

    def f(x):
        return x * x

    def map_many(view):
        return view.map_sync(f, range(300))

    def apply_one(view):
        return view.apply_sync(f, 3)

    def submit_and_get(view):
        return [each.get() for each in [view.apply_async(f, i) for i in range(50)]]

    random.seed(1)
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    interrupted = 0
    with Cluster(n=2) as rc:
        views = [rc.load_balanced_view(), rc[:]]
        for round in range(600):
            found = None
            try:
                try:
                    after = random.uniform(0.0001, 0.003)
                    signal.setitimer(signal.ITIMER_REAL, after)
                    call = (map_many, apply_one, submit_and_get)[round % 3]
                    found = call(views[round % 2])
                except KeyboardInterrupt:
                    interrupted += 1
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                interrupted += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            if isinstance(found, AsyncResult):
                interrupted += 1
                assert found.wait(10), (round, found)
                assert found.successful()
            assert rc.wait(timeout=10), (round, rc.queue_status())
        assert rc[:].apply_sync(f, 4) == [16, 16]
    print(interrupted)
    """


def test_a_shower_of_them(run: Callable[..., str]) -> None:
    assert int(run(SHOWER, timeout=100)) > 50


LONG_CALL = """
    import os, signal, time
    from parallel import Cluster

    def disturb(pid):
        os.kill(pid, signal.SIGINT)
        time.sleep(60)

    me = os.getpid()
    with Cluster(n=2) as rc:
        dview, lview, first = rc[:], rc.load_balanced_view(), rc[0]
        first["disturb"], first["me"] = disturb, me
        begin = time.monotonic()
        try:
            found = {call}
        except KeyboardInterrupt:
            found = None
        assert time.monotonic() - begin < 30
        print(type(found).__name__)
        print(rc[1].map_sync(abs, [-1, -2]))
    """

CALLS = {
    "first.set_flags(block=True).apply(disturb, me)": "AsyncResult",
    "first.apply_sync(disturb, me)": "AsyncResult",
    "first.map_sync(disturb, [me])": "AsyncMapResult",
    "first.pull('disturb(me)', block=True)": "AsyncResult",
    "lview.apply_sync(disturb, me)": "AsyncResult",
    "lview.map_sync(disturb, [me])": "AsyncMapResult",
    "first.apply_async(disturb, me).get()": "NoneType",
    "first.apply_async(disturb, me).wait()": "NoneType",
    "list(lview.map_async(disturb, [me]))": "NoneType",
    "rc.wait([first.apply_async(disturb, me)])": "NoneType",
    "first.apply_async(disturb, me) and rc.wait_for_engines(3)": "NoneType",
}


@pytest.mark.parametrize("call", CALLS)
def test_a_long_wait_ends_at_once(run: Callable[..., str], call: str) -> None:
    script = LONG_CALL.replace("{call}", call)
    if "lview" in call:  # it may run on the engine that is asked afterwards
        script = script.replace("rc[1].map_sync(abs, [-1, -2])", "[1, 2]")
    assert run(script) == f"{CALLS[call]}\n[1, 2]\n"


def test_a_handler_of_ones_own_is_left_in_peace(run: Callable[..., str]) -> None:
    said = run("""
        import signal
        from parallel import Cluster

        called = []
        signal.signal(signal.SIGINT, lambda *_: called.append(1))
        with Cluster(n=1) as rc:
            rc[0].apply_sync(abs, 1)
            signal.raise_signal(signal.SIGINT)
            rc[0].apply_sync(abs, 1)
        print(called)
        """)
    assert said == "[1]\n"

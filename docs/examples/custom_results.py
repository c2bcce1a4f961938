"""Handle results as they come, by the ids of their messages.

Tasks of uneven length print what they do. The loop waits a moment at a time, looks
which have come meanwhile, and asks for these by id: their values, their output, where
and when they ran. Prints a line for each as it comes, and a summary by engine.
"""

import time
from argparse import SUPPRESS, ArgumentParser
from collections import defaultdict

import parallel as ipp


def collatz(n):
    """Return how many steps lead from n to 1, telling the highest number on the way."""
    start, steps, top = n, 0, n
    while n != 1:
        n = 3 * n + 1 if n % 2 else n // 2
        steps, top = steps + 1, max(top, n)
    time.sleep(steps / 5000)
    print(f"{start} climbs to {top}")
    return steps


def main(rc):
    """Submit, take what comes, and add up."""
    lview = rc.load_balanced_view()
    submitted = {lview.apply_async(collatz, n): n for n in range(20, 60)}
    pending = {ar.msg_id for ar in submitted}

    steps, printed, busy = {}, [], defaultdict(float)
    while pending:
        rc.wait(pending, timeout=0.01)
        finished = pending.difference(rc.outstanding)
        pending -= finished
        for msg_id in finished:
            ar = rc.get_result(msg_id)
            about = ar.metadata
            took = (about.completed - about.started).total_seconds()
            busy[about.engine_id] += took
            steps[msg_id] = ar.get()
            printed.append(ar.stdout)
            print(f"engine {about.engine_id}: {1e3 * took:5.1f} ms:", ar.stdout.strip())

    for engine_id in sorted(busy):
        print(f"engine {engine_id} worked for {busy[engine_id]:.2f} s")
    assert len(steps) == len(printed) == len(submitted)
    assert "27 climbs to 9232\n" in printed
    known = {20: 7, 27: 111, 31: 106, 32: 5, 54: 112}
    assert {n: steps[ar.msg_id] for ar, n in submitted.items() if n in known} == known
    print(f"{len(steps)} results, {sum(steps.values())} steps in all")


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, argument_default=SUPPRESS)
    parser.add_argument("--profile", help="of a cluster that is running")
    parser.add_argument("--cluster-id", help="of one in this profile")
    asked = vars(parser.parse_args())
    with ipp.Client(**asked) if asked else ipp.Cluster(n=4) as rc:
        main(rc)

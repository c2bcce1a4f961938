"""Measure what the cluster adds to tasks of several durations and sizes.

Many equal tasks are submitted one by one; each is given some bytes, works for a while,
and returns the bytes. Prints for each kind the tasks per second, how busy that kept the
engines, and what one task cost beside its work. Checks that every task came back once,
and whole.
"""

import time
from argparse import SUPPRESS, ArgumentParser
from collections import Counter

import parallel as ipp

KINDS = [  # tasks, seconds of work, bytes
    (1000, 0, 0),
    (300, 0.001, 100),
    (100, 0.010, 0),
    (50, 0.002, 1_000_000),
]


def task(seconds, data):
    """Work for so long, and return what was given."""
    time.sleep(seconds)
    return data


def profile(lview, count, seconds, size):
    """Run one kind of task; return the results and the seconds that all of it took."""
    data = bytes(size)
    begun = time.perf_counter()
    results = [lview.apply_async(task, seconds, data) for _ in range(count)]
    lview.wait(results)
    return results, time.perf_counter() - begun


def main(rc):
    """Profile each kind, and print the table."""
    lview = rc.load_balanced_view()
    rc[:].apply_sync(task, 0, b"")  # the engines are awake, and know the function
    done = Counter()
    print(" tasks    work    bytes    tasks/s    busy    beside the work")
    for count, seconds, size in KINDS:
        results, wall = profile(lview, count, seconds, size)
        worked = sum(ar.serial_time for ar in results)
        beside = wall - count * seconds / len(rc)
        print(
            f"{count:6} {1e3 * seconds:4.0f} ms {size:8} {count / wall:10.0f}"
            f" {worked / wall / len(rc):7.0%} {1e6 * beside / count:10.0f} µs a task"
        )
        assert [len(ar.get()) for ar in results] == [size] * count
        assert len({ar.msg_id for ar in results}) == count
        done.update(ar.engine_id for ar in results)
    print("tasks by engine:", dict(sorted(done.items())))
    assert done.total() == sum(count for count, _, _ in KINDS)
    assert set(done) <= set(rc.ids)
    print(f"{done.total()} tasks, each came back once and whole")


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, argument_default=SUPPRESS)
    parser.add_argument("--profile", help="of a cluster that is running")
    parser.add_argument("--cluster-id", help="of one in this profile")
    asked = vars(parser.parse_args())
    with ipp.Client(**asked) if asked else ipp.Cluster(n=4) as rc:
        main(rc)

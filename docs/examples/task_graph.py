"""Run a graph of tasks: each after its predecessors, and some where one of them ran.

The graph is random. A task starts once all its predecessors have ended (`after`). Some
tasks also need what one predecessor has left on its engine, so they are sent there
(`follow`). Prints how the tasks were spread, and checks the recorded times and engines.
"""

import random
import time
from argparse import SUPPRESS, ArgumentParser

import parallel as ipp


def random_graph(nodes, seed):
    """Return the predecessors of each node, all with smaller numbers: no cycle."""
    chance = random.Random(seed)
    return {
        node: chance.sample(range(node), k=chance.randint(0, min(node, 3)))
        for node in range(nodes)
    }


def work(node, heir_of):
    """Compute a little; leave a number on this engine for those that follow."""
    time.sleep(0.002 * (node % 5))
    left = globals().setdefault("left", {})  # the engine's own, from task to task
    left[node] = 1 if heir_of is None else left[heir_of] + 1
    return left[node]


def submit(lview, graph):
    """Submit the whole graph at once; return the results, and who follows whom."""
    results, heirs = {}, {}
    for node, before in graph.items():
        heirs[node] = before[0] if before and node % 3 == 0 else None
        after = [results[each] for each in before]
        follow = None if heirs[node] is None else results[heirs[node]]
        with lview.temp_flags(after=after, follow=follow):
            results[node] = lview.apply_async(work, node, heirs[node])
    return results, heirs


def main(rc):
    """Run a graph of 200 tasks, and check what happened."""
    graph = random_graph(200, seed=7)
    results, heirs = submit(rc.load_balanced_view(), graph)
    assert rc.wait(list(results.values()), timeout=30)

    engines = [ar.engine_id for ar in results.values()]
    edges = sum(map(len, graph.values()))
    followers = [node for node in graph if heirs[node] is not None]
    print(f"{len(graph)} tasks, {edges} edges, {len(followers)} of them to be followed")
    print("tasks on each engine:", {each: engines.count(each) for each in rc.ids})

    for node, before in graph.items():
        for each in before:
            assert results[each].completed <= results[node].started, (each, node)
    for node in followers:
        assert results[node].engine_id == results[heirs[node]].engine_id, node

    depth = {}
    for node in graph:
        depth[node] = 1 if heirs[node] is None else depth[heirs[node]] + 1
    assert {node: ar.get() for node, ar in results.items()} == depth
    print(f"each ran after its predecessors and where it should: {len(graph)} tasks")


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, argument_default=SUPPRESS)
    parser.add_argument("--profile", help="of a cluster that is running")
    parser.add_argument("--cluster-id", help="of one in this profile")
    asked = vars(parser.parse_args())
    with ipp.Client(**asked) if asked else ipp.Cluster(n=4) as rc:
        main(rc)

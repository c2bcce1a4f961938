"""Results that are asked for by their ids, while the program goes on with others."""

from __future__ import annotations

from parallel import Client


def test_all_is_known_at_once_of_what_has_come(cluster: Client) -> None:
    lview = cluster.load_balanced_view()
    kept = lview.apply_async(print, "hello")
    cluster.wait([kept.msg_id])
    found = cluster.get_result(kept.msg_id)
    assert found.ready()
    assert found.engine_id in cluster.ids
    assert found.started <= found.completed
    assert found.stdout == "hello\n"


def test_a_map_taken_chunk_by_chunk(cluster: Client) -> None:
    kept = cluster.load_balanced_view().map_async(abs, range(12), chunksize=2)
    pending, taken = set(kept.msg_ids), []
    while pending:
        cluster.wait(pending, 0.01)
        finished = pending.difference(cluster.outstanding)
        pending -= finished
        for msg_id in finished:
            found = cluster.get_result(msg_id)
            assert found.engine_id in cluster.ids
            taken += found.get()
    assert sorted(taken) == list(range(12))

"""Every parameter that users of ipyparallel give is there, with its default."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import parallel as ipp

C, V = ipp.Client, ipp.DirectView
D, L, B = ipp.DirectView, ipp.LoadBalancedView, ipp.BroadcastView

#: What is called, and its parameters as users know them, without `self`. What stands
#: behind a `*` is given by its name only.
KNOWN = [
    (
        C,
        (
            "connection_info=None, *, url_file=None, profile=None, profile_dir=None, "
            "ipython_dir=None, context=None, debug=False, sshserver=None, sshkey=None, "
            "password=None, paramiko=None, timeout=10, cluster_id=None, cluster=None"
        ),
    ),
    (C.direct_view, "targets='all'"),
    (C.load_balanced_view, "targets=None"),
    (C.broadcast_view, "targets='all', is_coalescing=False"),
    (C.executor, "targets=None"),
    (C.activate, "targets='all', suffix=''"),
    (
        C.wait_for_engines,
        "n=None, *, timeout=-1, block=True, interactive=None, widget=None",
    ),
    (C.wait, "jobs=None, timeout=-1"),
    (C.wait_interactive, "jobs=None, interval=1.0, timeout=-1.0"),
    (C.abort, "jobs=None, targets=None, block=None"),
    (C.clear, "targets=None, block=None"),
    (C.send_signal, "sig, targets=None, block=None"),
    (C.shutdown, "targets='all', restart=False, hub=False, block=None"),
    (C.get_result, "indices_or_msg_ids=None, block=None, owner=True"),
    (C.resubmit, "indices_or_msg_ids=None, metadata=None, block=None"),
    (C.result_status, "msg_ids, status_only=True"),
    (C.queue_status, "targets='all', verbose=False"),
    (C.hub_history, ""),
    (C.db_query, "query, keys=None"),
    (C.purge_results, "jobs=(), targets=()"),
    (C.purge_hub_results, "jobs=(), targets=()"),
    (C.purge_local_results, "jobs=(), targets=()"),
    (C.purge_everything, ""),
    (C.become_dask, "targets='all', port=0, nanny=False, scheduler_args=None"),
    (C.become_distributed, "targets='all', port=0, nanny=False, scheduler_args=None"),
    (C.stop_dask, "targets='all'"),
    (C.stop_distributed, "targets='all'"),
    (C.close, "linger=None"),
    (C.spin, ""),
    (C.spin_thread, "interval=1"),
    (C.stop_spin_thread, ""),
    (
        C.send_apply_request,
        "socket, f, args=None, kwargs=None, metadata=None, track=False, ident=None",
    ),
    (
        C.send_execute_request,
        "socket, code, silent=True, metadata=None, ident=None",
    ),
    (
        C.create_message_futures,
        "msg_id, header, async_result=False, track=False, label=None",
    ),
    (V.wait, "jobs=None, timeout=-1"),
    (V.abort, "jobs=None, targets=None, block=None"),
    (V.queue_status, "targets=None, verbose=False"),
    (V.purge_results, "jobs=(), targets=()"),
    (V.shutdown, "targets=None, restart=False, hub=False, block=None"),
    (V.get_result, "indices_or_msg_ids=None, block=None, owner=False"),
    (V.remote, "block=None"),
    (V.parallel, "dist='b', block=None"),
    (V.spin, ""),
    (D.execute, "code, silent=True, targets=None, block=None, label=None"),
    (D.run, "filename, targets=None, block=None, label=None"),
    (D.push, "ns, targets=None, block=None, track=None"),
    (D.update, "ns"),
    (D.pull, "names, targets=None, block=None"),
    (D.get, "names"),
    (
        D.scatter,
        "key, seq, dist='b', flatten=False, targets=None, block=None, track=None",
    ),
    (D.gather, "key, dist='b', targets=None, block=None"),
    (D.sync_imports, "local=True, quiet=False"),
    (D.clear, "targets=None, block=None"),
    (D.activate, "suffix=''"),
    (D.use_dill, ""),
    (D.use_cloudpickle, ""),
    (D.use_pickle, ""),
    (D.map, "*, block=None, track=False, return_exceptions=False, label=None"),
    (L.map, "*, block=None, ordered=True, return_exceptions=False, label=None"),
    (L.imap, "*, ordered=True, max_outstanding='auto', return_exceptions=False"),
    (L.register_joblib_backend, "name='ipyparallel', make_default=False"),
    (B.map, "*, block=None, track=False, return_exceptions=False, label=None"),
    (ipp.remote, "view, block=None"),
    (ipp.parallel, "view, dist='b', block=None, ordered=True"),
    (ipp.Dependency, "dependencies=(), all=True, success=True, failure=False"),
    (ipp.ViewExecutor.shutdown, "wait=True"),
    (ipp.register_joblib_backend, "name='ipyparallel', make_default=False"),
]


@pytest.mark.parametrize(
    ("called", "known"), KNOWN, ids=[called.__qualname__ for called, _ in KNOWN]
)
def test_parameters_and_defaults(called: Any, known: str) -> None:
    wanted = inspect.signature(eval(f"lambda {known}: None")).parameters
    found = {
        name: each
        for name, each in inspect.signature(called).parameters.items()
        if name != "self"
    }
    for name, parameter in wanted.items():
        assert found[name].default == parameter.default, name
    # What can be given without its name comes in the order that users know.
    by_place = [n for n, p in wanted.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert list(found)[: len(by_place)] == by_place


def test_a_balanced_map_can_be_told_its_chunks() -> None:
    assert "chunksize" in inspect.signature(L.map).parameters


@pytest.mark.parametrize("view", [D, L, B])
def test_what_every_view_has(view: type) -> None:
    names = (
        "apply apply_async apply_sync map map_async map_sync imap remote parallel "
        "block track targets label client history outstanding results executor "
        "set_flags temp_flags wait abort queue_status purge_results shutdown "
        "get_result spin"
    )
    assert [each for each in names.split() if not hasattr(view, each)] == []


def test_what_a_balanced_view_has_and_has_not() -> None:
    for name in ("follow", "after", "timeout", "retries", "targets", "label"):
        assert name in L.flags
    for name in ("push", "pull", "scatter", "gather", "execute", "run"):
        assert not hasattr(L, name)

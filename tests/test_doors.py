"""What users import is found under the names that they know."""

from __future__ import annotations

import builtins
import concurrent.futures
import importlib
import subprocess
import sys

import pytest

import parallel as ipp
from tests import ROOT

#: Modules of the package's own layout, and what users import from elsewhere.
DOORS = {
    "parallel.error": ("CompositeError", "RemoteError", "TaskAborted", "TimeoutError"),
    "parallel.util": ("disambiguate_url", "interactive"),
    "parallel.client.client": ("Client",),
    "parallel.client.view": ("DirectView", "LazyMapIterator", "LoadBalancedView"),
    "parallel.client.asyncresult": ("AsyncHubResult", "AsyncMapResult", "AsyncResult"),
    "parallel.client.remotefunction": ("RemoteFunction", "parallel", "remote"),
    "parallel.cluster": ("Cluster", "ClusterManager", "clean_cluster_files"),
    "parallel.cluster.cluster": ("Cluster", "clean_cluster_files"),
    "parallel.cluster.launcher": (
        "LauncherError",
        "LocalEngineSetLauncher",
        "SlurmControllerLauncher",
    ),
    "parallel.datapub": ("publish_data",),
    "parallel.joblib": ("register",),
    "parallel.serialize": ("PrePickled", "Reference", "can", "uncan"),
    "parallel.serialize.canning": ("CannedObject", "can_map", "uncan_map"),
}

#: What is at the top, beside the errors.
NAMES = (
    "Client Cluster ClusterManager AsyncHubResult "
    "DirectView LoadBalancedView BroadcastView ViewExecutor "
    "AsyncResult AsyncMapResult Reference PrePickled "
    "RemoteFunction ParallelFunction Dependency depend dependent "
    "remote parallel require interactive bind_kernel register_joblib_backend "
    "can uncan can_map uncan_map use_dill use_cloudpickle "
    "use_pickle serialize_object deserialize_object "
    "pack_apply_message unpack_apply_message collect_exceptions "
    "wrap_exception unwrap_exception ALL_COMPLETED FIRST_COMPLETED "
    "FIRST_EXCEPTION __version__ version_info"
)

#: What takes long to import, or need not be there: who needs it imports it.
HEAVY = ("IPython", "asyncio", "dill", "joblib", "numpy", "pandas", "tqdm")


@pytest.mark.parametrize("name", DOORS)
def test_a_module_has_the_names_that_users_import(name: str) -> None:
    module = importlib.import_module(name)
    assert [each for each in DOORS[name] if not hasattr(module, each)] == []


def test_some_modules_need_no_import_of_their_own() -> None:
    text = "import parallel as p; print(p.error, p.cluster, p.client, p.util)"
    subprocess.run([sys.executable, "-c", text], cwd=ROOT, check=True)


def test_the_package_imports_nothing_heavy() -> None:
    text = "import sys, parallel; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, check=True, capture_output=True
    )
    assert not set(done.stdout.decode().split()) & set(HEAVY)


def test_the_names_that_users_know_are_at_the_top() -> None:
    assert [name for name in NAMES.split() if name not in ipp.__all__] == []


def test_errors_are_at_the_top_and_in_their_module() -> None:
    for name in ipp.error.__all__:
        assert getattr(ipp, name) is getattr(ipp.error, name)
    assert issubclass(ipp.TimeoutError, builtins.TimeoutError)
    assert issubclass(ipp.TimeoutError, concurrent.futures.TimeoutError)


def test_constants_are_those_of_futures() -> None:
    for name in ("ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION"):
        assert getattr(ipp, name) == getattr(concurrent.futures, name)


def test_the_version_can_be_compared() -> None:
    assert ".".join(map(str, ipp.version_info)) == ipp.__version__
    assert ipp.version_info > (0, 0)


def test_what_is_not_there_yet_says_so() -> None:
    with pytest.raises(ipp.NotAvailable, match="needs the joblib backend"):
        ipp.register_joblib_backend()


def test_no_kernel_is_bound_outside_of_engines() -> None:
    with pytest.raises(RuntimeError, match="makes a kernel of an engine, and this"):
        ipp.bind_kernel()

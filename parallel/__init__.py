"""Interactive parallel computing: a client here, engines that live long elsewhere.

::

    import parallel as ipp

    with ipp.Cluster(n=4) as rc:
        print(rc[:].apply_sync(lambda: "hello"))
"""

from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION

from . import error as error
from . import util as util
from ._version import __version__, version_info
from .client.client import Client
from .client.dependency import Dependency
from .client.executor import ViewExecutor
from .client.hubresults import AsyncHubResult
from .client.mapresults import AsyncMapResult
from .client.remotefunctions import ParallelFunction, RemoteFunction, parallel, remote
from .client.results import AsyncResult
from .client.views.balanced import LoadBalancedView
from .client.views.broadcast import BroadcastView
from .client.views.direct import DirectView
from .client.waiting import as_completed
from .cluster.cluster import Cluster
from .cluster.manager import ClusterManager
from .errors import (
    AlreadyDisplayedError,
    CannotPack,
    CannotUnpack,
    ClusterRunning,
    CompositeError,
    ConnectionClosed,
    ConnectionRefused,
    ControllerUnreachable,
    DependencyTimeout,
    EngineError,
    ImpossibleDependency,
    InvalidDependency,
    InvalidTransition,
    IPythonError,
    KernelError,
    LauncherError,
    NoEnginesRegistered,
    NotAvailable,
    NotRunning,
    ParallelError,
    ProtocolError,
    RemoteError,
    SerializationError,
    TaskAborted,
    TaskRejectError,
    TaskTimeout,
    TimeoutError,
    TooMuchUnderWay,
    TransportError,
    UnmetDependency,
    collect_exceptions,
    unwrap_exception,
    wrap_exception,
)
from .integrations.joblib import register_joblib_backend
from .integrations.kernel import bind_kernel
from .interactive.extension import load_ipython_extension, unload_ipython_extension
from .serialize import (
    PrePickled,
    Reference,
    can,
    can_map,
    depend,
    dependent,
    deserialize_object,
    interactive,
    pack_apply_message,
    require,
    serialize_object,
    uncan,
    uncan_map,
    unpack_apply_message,
    use_cloudpickle,
    use_dill,
    use_pickle,
)

__all__ = [
    "ALL_COMPLETED",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "AlreadyDisplayedError",
    "AsyncHubResult",
    "AsyncMapResult",
    "AsyncResult",
    "BroadcastView",
    "CannotPack",
    "CannotUnpack",
    "Client",
    "Cluster",
    "ClusterManager",
    "ClusterRunning",
    "CompositeError",
    "ConnectionClosed",
    "ConnectionRefused",
    "ControllerUnreachable",
    "Dependency",
    "DependencyTimeout",
    "DirectView",
    "EngineError",
    "IPythonError",
    "ImpossibleDependency",
    "InvalidDependency",
    "InvalidTransition",
    "KernelError",
    "LauncherError",
    "LoadBalancedView",
    "NoEnginesRegistered",
    "NotAvailable",
    "NotRunning",
    "ParallelError",
    "ParallelFunction",
    "PrePickled",
    "ProtocolError",
    "Reference",
    "RemoteError",
    "RemoteFunction",
    "SerializationError",
    "TaskAborted",
    "TaskRejectError",
    "TaskTimeout",
    "TimeoutError",
    "TooMuchUnderWay",
    "TransportError",
    "UnmetDependency",
    "ViewExecutor",
    "__version__",
    "as_completed",
    "bind_kernel",
    "can",
    "can_map",
    "collect_exceptions",
    "depend",
    "dependent",
    "deserialize_object",
    "interactive",
    "load_ipython_extension",
    "pack_apply_message",
    "parallel",
    "register_joblib_backend",
    "remote",
    "require",
    "serialize_object",
    "uncan",
    "uncan_map",
    "unload_ipython_extension",
    "unpack_apply_message",
    "unwrap_exception",
    "use_cloudpickle",
    "use_dill",
    "use_pickle",
    "version_info",
    "wrap_exception",
]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Say which module has the extension: asked by Jupyter's server."""
    return [{"module": "parallel.integrations.jupyter"}]

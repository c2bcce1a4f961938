"""Interactive parallel computing: a client here, engines that live long elsewhere.

::

    import parallel as ipp

    with ipp.Cluster(n=4) as rc:
        print(rc[:].apply_sync(lambda: "hello"))
"""

from ._version import __version__
from .client.client import Client
from .client.mapresults import AsyncMapResult
from .client.results import AsyncResult
from .client.views.balanced import LoadBalancedView
from .client.views.direct import DirectView
from .cluster.cluster import Cluster
from .errors import (
    CannotPack,
    CannotUnpack,
    CompositeError,
    ConnectionClosed,
    ConnectionRefused,
    ControllerUnreachable,
    EngineError,
    InvalidTransition,
    LauncherError,
    NoEnginesRegistered,
    ParallelError,
    ProtocolError,
    RemoteError,
    SerializationError,
    TaskAborted,
    TransportError,
)
from .serialize.functions import interactive

__all__ = [
    "AsyncMapResult",
    "AsyncResult",
    "CannotPack",
    "CannotUnpack",
    "Client",
    "Cluster",
    "CompositeError",
    "ConnectionClosed",
    "ConnectionRefused",
    "ControllerUnreachable",
    "DirectView",
    "EngineError",
    "InvalidTransition",
    "LauncherError",
    "LoadBalancedView",
    "NoEnginesRegistered",
    "ParallelError",
    "ProtocolError",
    "RemoteError",
    "SerializationError",
    "TaskAborted",
    "TransportError",
    "__version__",
    "interactive",
]

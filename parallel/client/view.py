"""The views, under the module's name by which users know them."""

from .lazymaps import LazyMapIterator
from .views.balanced import LoadBalancedView
from .views.base import View
from .views.broadcast import BroadcastView
from .views.direct import DirectView

__all__ = [
    "BroadcastView",
    "DirectView",
    "LazyMapIterator",
    "LoadBalancedView",
    "View",
]

"""What concerns starting processes, under the module's name by which users know it."""

from ..errors import LauncherError

__all__ = ["LauncherError"]

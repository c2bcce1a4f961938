"""joblib's backend, under the module's name by which users know it."""

from .integrations.joblib import register_joblib_backend as register

__all__ = ["register"]

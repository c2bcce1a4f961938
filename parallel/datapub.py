"""Publish data from a running task; the client finds it in `AsyncResult.data`."""

from __future__ import annotations

from .engine.publishing import publish_data

__all__ = ["publish_data"]

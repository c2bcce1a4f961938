"""What a cluster does, for those who await it in a running event loop."""

from __future__ import annotations

from typing import Any, TypeVar

from ..client.client import Client

__all__ = ["Twins"]

T = TypeVar("T", bound="Twins")


class Twins:
    """Coroutines: each does, in a thread, what is called the same with `_sync`."""

    async def start_cluster(self: T, n: int | None = None) -> T:
        """Start the controller and the engines: see `start_cluster_sync`."""
        return await self._do("start_cluster", n)  # type: ignore[no-any-return]

    async def start_and_connect(
        self, n: int | None = None, activate: bool = False
    ) -> Client:
        """Start, wait for all engines, and connect: see `start_and_connect_sync`."""
        client: Client = await self._do("start_and_connect", n, activate)
        return client

    async def start_controller(self, **launcher_options: Any) -> None:
        """Start a controller, for engines to come: see `start_controller_sync`."""
        await self._do("start_controller", **launcher_options)

    async def start_engines(
        self,
        n: int | None = None,
        engine_set_id: str | None = None,
        **launcher_options: Any,
    ) -> str:
        """Start more engines: see `start_engines_sync`."""
        found: str = await self._do(
            "start_engines", n, engine_set_id, **launcher_options
        )
        return found

    async def stop_engines(self, engine_set_id: str | None = None) -> None:
        """Stop a set of engines, or all: see `stop_engines_sync`."""
        await self._do("stop_engines", engine_set_id)

    async def restart_engines(self, engine_set_id: str | None = None) -> None:
        """Stop and start a set of engines, or all: see `restart_engines_sync`."""
        await self._do("restart_engines", engine_set_id)

    async def signal_engines(
        self, signum: int, engine_set_id: str | None = None
    ) -> None:
        """Send a signal to a set of engines, or to all: see `signal_engines_sync`."""
        await self._do("signal_engines", signum, engine_set_id)

    async def stop_controller(self) -> None:
        """Stop the controller: see `stop_controller_sync`."""
        await self._do("stop_controller")

    async def stop_cluster(self) -> None:
        """Stop everything: see `stop_cluster_sync`."""
        await self._do("stop_cluster")

    async def connect_client(self, **options: Any) -> Client:
        """Return a client of this cluster: see `connect_client_sync`."""
        client: Client = await self._do("connect_client", **options)
        return client

    async def _do(self, name: str, *args: Any, **kwargs: Any) -> Any:
        import asyncio

        return await asyncio.to_thread(getattr(self, f"{name}_sync"), *args, **kwargs)

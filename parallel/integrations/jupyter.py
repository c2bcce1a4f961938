"""An extension of Jupyter's server: clusters are listed, started and stopped by HTTP.

Jupyter imports this and calls `_load_jupyter_server_extension`. Requests need what the
server asks for everywhere: a token or a login, and with that the XSRF header.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from .clusters import Clusters, Refused

__all__ = ["PREFIXES", "ClusterHandler", "ListHandler"]

#: Where it is served: ipyparallel's clients know the first.
PREFIXES = ("ipyparallel", "parallel")
#: What the server's authorizer calls it.
RESOURCE = "clusters"
#: Under which the handlers find the clusters.
SETTING = "parallel_clusters"


class _Handler(APIHandler):
    """What both handlers do: answers as JSON, and refusals with words."""

    auth_resource = RESOURCE

    @property
    def clusters(self) -> Clusters:
        """Those of this server."""
        found: Clusters = self.settings[SETTING]
        return found

    def body(self) -> dict[str, Any]:
        """Return the request's JSON object; an empty one for no body.

        Raises
        ------
        Refused
            It is something else.
        """
        try:
            found = json.loads(self.request.body or b"{}")
        except ValueError as error:  # also of bytes that are no text
            why = f"the body is not JSON: {error}"
            raise Refused(HTTPStatus.BAD_REQUEST, why) from error
        if found is not None and not isinstance(found, dict):
            why = f"the body is a JSON object, not {json.dumps(found)[:80]}"
            raise Refused(HTTPStatus.BAD_REQUEST, why)
        return found or {}

    async def answer(self, work: Callable[[], Awaitable[Any]]) -> None:
        """Answer with what some work returns, or with why it is refused."""
        try:
            found = await work()
        except Refused as refused:
            self.set_status(refused.status)
            self.log.warning(
                "%s %s: %s", self.request.method, self.request.path, refused
            )
            await self.finish(json.dumps({"message": str(refused), "reason": None}))
            return
        if found is None:
            self.set_status(HTTPStatus.NO_CONTENT)
            await self.finish()
        else:
            await self.finish(json.dumps(found))


class ListHandler(_Handler):
    """All clusters: GET lists them, POST makes one, which is not started."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List the clusters, those that run first."""

        async def work() -> Any:
            return self.clusters.all()

        await self.answer(work)

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Make a cluster with the options in the body."""

        async def work() -> Any:
            return self.clusters.make(self.body())

        await self.answer(work)


class ClusterHandler(_Handler):
    """One cluster: GET tells of it, POST starts it, DELETE stops and forgets it."""

    @web.authenticated
    @authorized
    async def get(self, key: str) -> None:
        """Tell of a cluster."""

        async def work() -> Any:
            return self.clusters.one(key)

        await self.answer(work)

    @web.authenticated
    @authorized
    async def post(self, key: str) -> None:
        """Start a cluster: of as many engines as `n` in the body says."""

        async def work() -> Any:
            return await self.clusters.start(key, self.body().get("n"))

        await self.answer(work)

    @web.authenticated
    @authorized
    async def delete(self, key: str) -> None:
        """Stop a cluster, and forget it."""
        await self.answer(lambda: self.clusters.stop(key))


def _load_jupyter_server_extension(server: Any) -> None:
    """Add the handlers to Jupyter's server, which calls this."""
    app = server.web_app
    app.settings[SETTING] = Clusters()
    base = app.settings["base_url"]
    for prefix in PREFIXES:
        root = url_path_join(base, prefix, "clusters")
        handlers = [(root, ListHandler), (f"{root}/([^/]+)", ClusterHandler)]
        app.add_handlers(".*$", handlers)
    server.log.info("clusters are at %s", " and ".join(PREFIXES))

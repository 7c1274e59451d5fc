"""The reading endpoints: models, releases, incidents, health, metrics, the OpenAPI document."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from holdfast.errors import StoreError
from holdfast.serving.decide import unknown
from holdfast.serving.gate import Handler, Request
from holdfast.serving.lineup import Lineup
from holdfast.serving.metrics import Metrics
from holdfast.serving.ports import Desk
from holdfast.serving.replies import JSON, NO_STORE, reply
from holdfast.serving.wire import encoder

_PROMETHEUS = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")


class Views:
    """Handlers of the GET routes.

    Args:
        lineup: the champions of this worker.
        desk: what the store knows.
        metrics: counts.
        gauges: current levels for `/metrics`.
        healthy: raises a `StoreError` when the log does not accept writes.
        document: the OpenAPI document, encoded.
    """

    def __init__(
        self,
        lineup: Lineup,
        desk: Desk,
        metrics: Metrics,
        *,
        gauges: Callable[[], dict[str, float]],
        healthy: Callable[[], None],
        document: bytes,
    ) -> None:
        self._lineup = lineup
        self._desk = desk
        self._metrics = metrics
        self._gauges = gauges
        self._healthy = healthy
        self._document = document

    def handlers(self) -> dict[str, Handler]:
        """Operation name -> handler."""
        return {
            "list_models": self.list_models,
            "show_model": self.show_model,
            "list_releases": self.list_releases,
            "list_incidents": self.list_incidents,
            "show_incident": self.show_incident,
            "live": self.live,
            "ready": self.ready,
            "metrics": self.metrics,
            "openapi": self.openapi,
        }

    async def list_models(self, request: Request) -> int:
        """GET /v1/models."""
        return await _json(request, {"models": await _off_loop(self._desk.models)})

    async def show_model(self, request: Request) -> int:
        """GET /v1/models/{model}."""
        champion = self._lineup.get(request.model)
        return await _json(
            request,
            {
                "model": champion.model,
                "release": champion.release,
                "contract": champion.contract,
                "revision": champion.revision,
                "switched_off": list(champion.off),
                **champion.about,
            },
        )

    async def list_releases(self, request: Request) -> int:
        """GET /v1/models/{model}/releases."""
        releases = await _off_loop(self._desk.releases, request.model)
        if not releases:
            self._lineup.get(request.model)
        return await _json(request, {"releases": releases})

    async def list_incidents(self, request: Request) -> int:
        """GET /v1/models/{model}/incidents."""
        self._lineup.get(request.model)
        incidents = await _off_loop(self._desk.incidents, request.model)
        return await _json(request, {"incidents": incidents})

    async def show_incident(self, request: Request) -> int:
        """GET /v1/models/{model}/incidents/{incident}."""
        name = request.names["incident"]
        found = await _off_loop(self._desk.incident, request.model, name)
        if found is None:
            raise unknown(name)
        return await _json(request, found)

    async def live(self, request: Request) -> int:
        """GET /health/live."""
        return await _json(request, {"status": "live"})

    async def ready(self, request: Request) -> int:
        """GET /health/ready."""
        try:
            self._healthy()
        except StoreError:
            return await _json(request, {"status": "store refuses writes"}, 503)
        if not self._lineup.loaded or self._lineup.failures:
            return await _json(request, {"status": "champions are not loaded"}, 503)
        return await _json(request, {"status": "ready", "models": len(self._lineup.champions)})

    async def metrics(self, request: Request) -> int:
        """GET /metrics."""
        gauges = {**self._gauges(), "models": float(len(self._lineup.champions))}
        text = await _off_loop(self._metrics.render, gauges)
        await reply(request.send, text.encode(), headers=(_PROMETHEUS, NO_STORE))
        return 200

    async def openapi(self, request: Request) -> int:
        """GET /openapi.json."""
        await reply(request.send, self._document)
        return 200


async def _off_loop(call: Callable[..., Any], *args: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, call, *args)


async def _json(request: Request, value: Any, status: int = 200) -> int:
    await reply(request.send, encoder.encode(value), status, (JSON, NO_STORE))
    return status

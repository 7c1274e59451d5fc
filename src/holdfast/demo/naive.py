"""The naive stack: the same model behind plain HTTP, and a feature service that fills a default.

``python -m holdfast.demo.naive RELEASE FIELD DEFAULT READY_FILE`` serves until its standard input
is closed. It does what many real stacks do: a NULL becomes the default, and nobody is told.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from holdfast.models.base import Model


def make_app(
    model: Model, *, threshold: float, decisions: tuple[str, str], field: str, default: Any
) -> Starlette:
    """The naive service: fill, score, decide.

    Args:
        model: the very model that the release serves.
        threshold: rows scoring at or above it get the second decision.
        decisions: labels below, and at or above the threshold.
        field: the field that the feature service fills.
        default: what it fills in where the field is NULL or absent.
    """
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def predict(request: Any) -> JSONResponse:
        body = json.loads(await request.body())
        rows = [{**row, field: default} if row.get(field) is None else row for row in body["rows"]]
        scores = model.predict(rows)
        return JSONResponse(
            {
                "predictions": [
                    {"id": name, "score": score, "decision": decisions[score >= threshold]}
                    for name, score in zip(body["ids"], scores.tolist(), strict=True)
                ]
            }
        )

    async def ready(_: Any) -> JSONResponse:
        return JSONResponse({"status": "ready"})

    return Starlette(
        routes=[
            Route("/v1/models/{model}/predict", predict, methods=["POST"]),
            Route("/health/ready", ready),
        ]
    )


def main(arguments: list[str]) -> int:
    """Opens the release, listens on a free local port, writes the URL, serves."""
    import uvicorn

    from holdfast.releases import Release

    folder, field, default, ready_file = arguments
    release = Release.open(Path(folder))
    app = make_app(
        release.model,
        threshold=release.threshold,
        decisions=release.decisions,
        field=field,
        default=default,
    )
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    place = Path(ready_file)
    partial = place.with_name(place.name + ".tmp")
    partial.write_text(f"http://127.0.0.1:{listening.getsockname()[1]}\n", "utf-8")
    partial.replace(place)
    threading.Thread(target=_leave_with_the_parent, daemon=True).start()
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    server.run(sockets=[listening])
    return 0


def _leave_with_the_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Servers to compare: Holdfast itself, the same server returning a constant, and a usual app."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

#: bytes of the constant answer; as long as a real one
CONSTANT = (
    b'{"predictions":[{"id":"00660f8b3841e16559c735f4e74-0","release":"' + b"0" * 64 + b'",'
    b'"score":0.6183737607948332,"decision":"good","verdict":"ok","fallback":null,"violations":[]}]}'
)


def constant() -> None:
    """A Holdfast worker whose predict route reads the body and answers a constant."""
    from holdfast.app.programs import _child, _tell, make_service
    from holdfast.serving.limits import Limits, read_body
    from holdfast.serving.replies import reply
    from holdfast.serving.worker import follow_parent, run

    settings, number, folder, (sock, life, status) = _child()
    follow_parent(life)
    limits = Limits()

    async def answer(request: Any) -> int:
        await read_body(request.receive, limits)
        await reply(request.send, CONSTANT)
        return 200

    def make() -> Any:
        service = make_service(settings, number, folder)
        service.app._handlers["predict"] = answer
        return service

    run(make, socket.socket(fileno=sock), lambda: _tell(status))


def usual(folder: str, port: str) -> None:
    """FastAPI, a pydantic model of the row, and the scikit-learn wrapper: what people write."""
    import joblib
    import pandas as pd
    import uvicorn
    from fastapi import FastAPI
    from pydantic import create_model

    saved = joblib.load(Path(folder) / "usual.joblib")
    fields: dict[str, Any] = {
        name: (float | None if kind == "number" else str | None, None)
        for name, kind in saved["fields"].items()
    }
    row_model = create_model("Row", **fields)
    body_model = create_model("Body", rows=(list[row_model], ...))  # type: ignore[valid-type]
    model, categories = saved["model"], saved["categories"]
    app = FastAPI()

    def predict(body: Any) -> dict[str, Any]:
        frame = pd.DataFrame([row.model_dump() for row in body.rows])
        for name, known in categories.items():
            frame[name] = pd.Categorical(frame[name], categories=known)
        scores = model.predict_proba(frame)[:, 1]
        return {"predictions": [{"score": float(score)} for score in scores]}

    predict.__annotations__["body"] = body_model
    app.post("/v1/models/loan/predict")(predict)

    @app.get("/health/ready")
    def ready() -> dict[str, str]:
        return {"status": "ready"}

    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="error", access_log=False)


if __name__ == "__main__":
    {"constant": constant, "usual": usual}[sys.argv[1]](*sys.argv[2:])

"""The server: CPU of a guarded, logged prediction; bulk ingest; restart after kill -9."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.serving_load import burst, cpu_seconds, post

SRC = Path(__file__).parents[1]
NUMBERS = [f"amount_{i}" for i in range(10)]
TEXTS = {
    "job": ["fixed", "free", "partime", "none"],
    "sector": ["office", "art", "shop"],
    "region": [f"region {i}" for i in range(12)],
    "channel": ["web", "app", "branch"],
}


def build(folder: Path) -> list[dict[str, Any]]:
    """A release of 14 fields and 100 trees in a store, a usual model beside it, rows to send."""
    import joblib
    import lightgbm as lgb
    import numpy as np
    import pandas as pd

    from holdfast.contracts import Contract
    from holdfast.evaluation import Costs
    from holdfast.releases import Registry, Release

    rng = np.random.default_rng(7)
    rows = 6000
    frame = pd.DataFrame({name: rng.normal(100, 20, rows).round(3) for name in NUMBERS})
    for name, known in TEXTS.items():
        frame[name] = pd.Categorical(rng.choice(known, rows), categories=known)
    risk = (frame.amount_0 - 100) / 20 + 2.0 * (frame.job == "partime") + rng.normal(0, 1, rows)
    frame["status"] = np.where(risk > 1, "bad", "good")
    inputs = frame.drop(columns="status")
    model = lgb.LGBMClassifier(n_estimators=100, verbose=-1, n_jobs=1).fit(inputs, frame.status)
    half = rows // 2
    contract = Contract.learn(frame, target="status")
    contract = contract.with_policies(dict.fromkeys(contract.features, "abstain"))
    release = Release.build(
        model,
        train=frame[:half],
        validation=frame[half:],
        contract=contract,
        costs=Costs(1, 3),
        positive="bad",
        directory=folder / "releases",
        fallbacks="none",
        policies="keep",
        name="loan",
    )
    with Registry(folder / "holdfast.db") as registry:
        registry.add("loan", release)
        registry.promote("loan", release.id, reason="benchmark")
    fields = dict.fromkeys(NUMBERS, "number") | dict.fromkeys(TEXTS, "text")
    joblib.dump({"model": model, "fields": fields, "categories": TEXTS}, folder / "usual.joblib")
    sent: list[dict[str, Any]] = json.loads(inputs[half : half + 1000].to_json(orient="records"))
    return sent


PROGRAM = """
import sys
from holdfast.app import supervise
from holdfast.app.settings import load_settings
if sys.argv[1]:
    supervise.WORKER = [sys.executable, "-m", "benchmarks.serving_programs", sys.argv[1]]
sys.exit(supervise.serve(load_settings(dict(p.split("=", 1) for p in sys.argv[2:]))))
"""


def _environment() -> dict[str, str]:
    path = os.pathsep.join([str(SRC / "src"), str(SRC)])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def start(folder: Path, mode: str = "", port: int = 0, **settings: object) -> tuple[Any, int]:
    """Start a Holdfast service; returns its supervisor and port once it is ready."""
    ready = folder / f"ready-{mode}"
    ready.unlink(missing_ok=True)
    given = {"store": folder / "holdfast.db", "port": port, "ready_file": ready}
    given |= {"monitor": "false", **settings}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, mode, *(f"{k}={v}" for k, v in given.items())],
        env=_environment(),
        stdout=subprocess.DEVNULL,
    )
    while not ready.exists():
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        time.sleep(0.002)
    return process, int(ready.read_text().strip().rsplit(":", 1)[1])


@contextmanager
def running(make: Callable[[], tuple[Any, int]]) -> Iterator[tuple[int, int]]:
    """Process id and port of a service, stopped at the end."""
    process, port = make()
    try:
        yield process.pid, port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def start_usual(folder: Path) -> tuple[Any, int]:
    """Start the usual app."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.serving_programs", "usual", str(folder), str(port)],
        env=_environment(),
    )
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=1).close()
            return process, port
        except (OSError, urllib.error.URLError):
            time.sleep(0.05)
    raise RuntimeError("the usual app did not start")


def prediction(folder: Path, rows: list[dict[str, Any]], quick: bool) -> list[dict[str, Any]]:
    """CPU per request of the three servers, in alternating bursts of one run."""
    request = post("/v1/models/loan/predict", json.dumps({"rows": [rows[0]]}).encode())
    seconds, rounds = (0.25, 4) if quick else (0.5, 16)
    makers = {
        "holdfast": lambda: start(folder),
        "constant": lambda: start(folder, "constant"),
        "usual": lambda: start_usual(folder),
    }
    cost: dict[str, list[float]] = {name: [] for name in makers}
    rate: dict[str, list[float]] = {name: [] for name in makers}
    with ExitStack() as stack:
        up = {name: stack.enter_context(running(make)) for name, make in makers.items()}
        for number in range(rounds + 1):
            for name, (pid, port) in up.items():
                before = cpu_seconds(pid)
                done = asyncio.run(burst(port, request, 16, seconds))
                used = cpu_seconds(pid) - before
                if done.wrong:
                    raise RuntimeError(f"{done.wrong} answers of {name} were not 200")
                if number:  # the first round warms up
                    cost[name].append(used / done.answers * 1e6)
                    rate[name].append(done.answers / done.seconds)
    mid = {name: statistics.median(values) for name, values in cost.items()}
    to_constant = statistics.median(
        a / b for a, b in zip(cost["holdfast"], cost["constant"], strict=True)
    )
    to_usual = statistics.median(
        a / b for a, b in zip(cost["usual"], cost["holdfast"], strict=True)
    )
    how = "16 connections, 1 worker, 14 fields, LightGBM 100 trees, guard and durable log; "
    how += f"median of {rounds} alternating bursts, CPU of the whole process tree"
    return [
        row("predict: CPU / same server returning a constant", to_constant, "x", 2.0, how),
        row("predict: FastAPI + pydantic + wrapper CPU / ours", to_usual, "x", 5.0, how, "least"),
        *(
            row(f"predict: server CPU per request, {name}", value, "us", None, how)
            for name, value in mid.items()
        ),
        row(
            "predict: requests per second",
            statistics.median(rate["holdfast"]),
            "1/s",
            None,
            how,
        ),
    ]


def bulk(folder: Path, rows: list[dict[str, Any]], quick: bool) -> list[dict[str, Any]]:
    """Rows per second of durable, guarded bulk bodies of 1000 rows."""
    import pyarrow as pa

    lines = b"\n".join(
        json.dumps({"id": f"p{i}", "score": 0.5, "features": r}).encode()
        for i, r in enumerate(rows)
    )
    table = pa.Table.from_pylist(rows)
    table = table.append_column("id", pa.array([f"p{i}" for i in range(len(rows))]))
    table = table.append_column("score", pa.array([0.5] * len(rows)))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    path = "/v1/models/loan/predictions"
    bodies = {
        "NDJSON": post(path, lines, "application/x-ndjson"),
        "Arrow IPC": post(
            path, sink.getvalue().to_pybytes(), "application/vnd.apache.arrow.stream"
        ),
    }
    found = []
    with running(lambda: start(folder)) as (pid, port):
        for name, request in bodies.items():
            asyncio.run(burst(port, request, 2, 0.3))
            best, cpu = 0.0, []
            for _ in range(2 if quick else 6):
                before = cpu_seconds(pid)
                done = asyncio.run(burst(port, request, 2, 0.5 if quick else 1.0))
                cpu.append((cpu_seconds(pid) - before) / done.answers / len(rows) * 1e6)
                if done.wrong:
                    raise RuntimeError(f"{done.wrong} bulk answers were not 200")
                best = max(best, done.answers * len(rows) / done.seconds)
            how = (
                "1000-row bodies, 14 fields, guard verdicts on, durable, 2 connections; best burst"
            )
            found.append(row(f"bulk {name}: rows per second", best, "1/s", 50_000, how, "least"))
            found.append(row(f"bulk {name}: CPU per row", statistics.median(cpu), "us", None, how))
    return found


def kills(folder: Path, rows: list[dict[str, Any]], quick: bool) -> list[dict[str, Any]]:
    """Kill -9 of the whole service under load: what was acknowledged is there, and how soon."""
    from holdfast.storage import Store

    body = {"rows": [rows[0]], "ids": [""]}
    acknowledged: list[str] = []
    gaps: list[float] = []
    process, port = start(folder)
    times = 5 if quick else 100
    for number in range(times):
        until = time.perf_counter() + 0.3
        asyncio.run(_predict(port, body, acknowledged, f"kill-{number}", until, process))
        process.wait()
        begun = time.perf_counter()
        process, port = start(folder, port=port)
        gaps.append(time.perf_counter() - begun)
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    with Store.open(folder / "holdfast.db", read_only=True) as store:
        kept = set(store.predictions.read(columns=["id"]).column("id").to_pylist())
    lost = len(set(acknowledged) - kept)
    how = f"{times} kills of supervisor and workers under load of 8 connections"
    return [
        row(
            "kill -9: acknowledged predictions lost",
            lost,
            "rows",
            0,
            f"{how}; of {len(acknowledged)} acknowledged",
        ),
        row("kill -9: median time until ready again", statistics.median(gaps), "s", 2.0, how),
        row("kill -9: longest time until ready again", max(gaps), "s", None, how),
    ]


async def _predict(
    port: int,
    body: dict[str, Any],
    acknowledged: list[str],
    prefix: str,
    until: float,
    process: Any,
) -> None:
    async def client(number: int) -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for count in range(1_000_000):
                name = f"{prefix}-{number}-{count}"
                writer.write(
                    post("/v1/models/loan/predict", json.dumps({**body, "ids": [name]}).encode())
                )
                head = await reader.readuntil(b"\r\n\r\n")
                at = head.find(b"content-length: ")
                await reader.readexactly(int(head[at + 16 : head.find(b"\r\n", at)]))
                if head.startswith(b"HTTP/1.1 200"):
                    acknowledged.append(name)
        except (OSError, asyncio.IncompleteReadError):
            return

    async def killer() -> None:
        await asyncio.sleep(max(0.0, until - time.perf_counter()))
        from benchmarks.serving_load import tree

        for pid in reversed(tree(process.pid)):
            os.kill(pid, signal.SIGKILL)

    await asyncio.gather(killer(), *(client(number) for number in range(8)))


def row(
    what: str, value: float, unit: str, target: float | None, how: str, kind: str = "most"
) -> dict[str, Any]:
    """One line of the results; `kind` says whether the target is the most or the least."""
    reached = None
    if target is not None:
        reached = value <= target if kind == "most" else value >= target
    return {
        "what": what,
        "value": round(value, 3),
        "unit": unit,
        "target": target,
        "reached": reached,
        "how": how,
    }


def run(quick: bool) -> list[dict[str, Any]]:
    """All rows of this topic."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        rows = build(folder)
        return [
            *prediction(folder, rows, quick),
            *bulk(folder, rows, quick),
            *kills(folder, rows, quick),
        ]

"""The store: rows per second on the disk, CPU of the append path, and what a bare sync costs."""

from __future__ import annotations

import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from holdfast.storage import PREDICTIONS, Store
from holdfast.storage.files import SystemCalls
from holdfast.storage.framing import HEADER_SIZE
from holdfast.storage.schema import encode_batch, encode_columns

GROUP = 16


class NoSync(SystemCalls):
    """Everything but the sync, to see our own CPU."""

    def fdatasync(self, fd: int) -> None:
        """Does nothing."""


def group(rows: int, seed: int = 0) -> dict[str, Any]:
    """Predictions as a server hands them over: 15 features as JSON text."""
    chance = random.Random(seed)
    jobs = ["fixed", "partime", "freelance", None]
    features = [
        {f"f_{n:02d}": chance.choice((chance.choice(jobs), chance.random())) for n in range(15)}
        for _ in range(rows)
    ]
    start = 1_790_000_000_000_000
    return {
        "id": [chance.randbytes(16).hex() for _ in range(rows)],
        "model": ["loan"] * rows,
        "release": [chance.randbytes(32).hex()] * rows,
        "contract": [chance.randbytes(32).hex()] * rows,
        "at": [start + n for n in range(rows)],
        "received": [start + n for n in range(rows)],
        "source": ["app-ios"] * rows,
        "score": [chance.random() for _ in range(rows)],
        "decision": ["approve"] * rows,
        "verdict": ["ok"] * rows,
        "fallback": [None] * rows,
        "marks": [["~f_03:null"] if n % 5 == 0 else [] for n in range(rows)],
        "features": [msgspec.json.encode(row).decode() for row in features],
    }


def batch_of(columns: dict[str, Any], *, typed: bool) -> pa.RecordBatch:
    """The same rows as Arrow; `typed` with 20 numeric features in a struct, as bulk comes."""
    fields = list(PREDICTIONS.schema)
    if not typed:
        arrays = [pa.array(columns[field.name], field.type) for field in fields]
        return pa.RecordBatch.from_arrays(arrays, schema=PREDICTIONS.schema)
    fields = fields[:-1]
    chance = random.Random(1)
    row = [{f"f{n:02d}": chance.random() for n in range(20)} for _ in columns["id"]]
    arrays = [pa.array(columns[field.name], field.type) for field in fields]
    return pa.RecordBatch.from_arrays(
        [*arrays, pa.array(row)], names=[*(field.name for field in fields), "row"]
    )


def cpu_us(deed: Callable[[], object], times: int) -> float:
    """CPU microseconds of one call, the median of five stretches."""
    deed()
    each = []
    for _ in range(5):
        start = time.thread_time()
        for _ in range(times // 5):
            deed()
        each.append((time.thread_time() - start) / (times // 5) * 1e6)
    return statistics.median(each)


def arrow_ipc(columns: dict[str, Any]) -> bytes:
    """A small group the ordinary way: an Arrow stream, each buffer compressed."""
    batch = batch_of(columns, typed=False)
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def beside_bare(
    folder: Path, deed: Callable[[], object], size: int, times: int
) -> tuple[list[float], list[float]]:
    """Wall seconds of a deed and of a bare append + fdatasync of `size` bytes, turn by turn."""
    data = os.urandom(size)
    fd = os.open(folder / "bare", os.O_CREAT | os.O_RDWR | os.O_TRUNC)
    ours, bare = [], []
    for n in range(times):
        start = time.perf_counter()
        deed()
        between = time.perf_counter()
        os.pwrite(fd, data, n * size)
        os.fdatasync(fd)
        ours.append(between - start)
        bare.append(time.perf_counter() - between)
    os.close(fd)
    return ours, bare


def run(quick: bool) -> list[dict[str, Any]]:
    """Measures in a temporary folder on the disk of the working directory."""
    rows: list[dict[str, Any]] = []

    def note(
        what: str, value: float, unit: str, target: str, reached: bool | None, how: str
    ) -> None:
        rows.append(
            {
                "what": what,
                "value": value,
                "unit": unit,
                "target": target,
                "reached": reached,
                "how": how,
            }
        )

    times = 500 if quick else 3000
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        small_groups(folder, times, note)
        bulk(folder, 60 if quick else 300, note)
        reading(folder, 20_000 if quick else 200_000, note)
        killing(folder, 5 if quick else 100, note)
    return rows


def small_groups(folder: Path, times: int, note: Callable[..., None]) -> None:
    """The single-row path of a server: groups of 16 rows."""
    columns = group(GROUP)
    ours = cpu_us(lambda: encode_columns(PREDICTIONS, columns), times)
    stored = len(encode_columns(PREDICTIONS, columns).data)
    arrow = cpu_us(lambda: arrow_ipc(columns), times // 4)
    note(
        f"encode {GROUP} rows: compact frame against Arrow IPC zstd",
        ours / arrow,
        "x CPU",
        "< 1",
        ours < arrow,
        f"{ours:.0f} us and {stored} bytes against {arrow:.0f} us and "
        f"{len(arrow_ipc(columns))} bytes, from Python lists",
    )
    with Store.open(folder / "nosync.db", system=NoSync()) as store:
        own = cpu_us(lambda: store.predictions.append_columns(columns), times)
    note(
        f"append {GROUP} rows, our CPU",
        own,
        "us",
        "<= 120",
        own <= 120,
        "lists to checked, packed, summed and written; the sync itself left out",
    )
    with Store.open(folder / "small.db") as store:
        ours, bare = beside_bare(
            folder,
            lambda: store.predictions.append_columns(columns),
            stored + HEADER_SIZE,
            times,
        )
    ratio = statistics.median(ours) / statistics.median(bare)
    note(
        f"append {GROUP} rows durably, wall against a bare append + fdatasync of the same bytes",
        ratio,
        "x (p50)",
        "<= 1.5",
        ratio <= 1.5,
        f"turn by turn; p50 {statistics.median(ours) * 1e6:.0f} us, "
        f"p99 {statistics.quantiles(ours, n=100)[98] * 1e6:.0f} us",
    )


def bulk(folder: Path, times: int, note: Callable[..., None]) -> None:
    """1000-row batches, each on the disk before the next."""
    columns = group(1000)
    for typed in (True, False):
        batch = batch_of(columns, typed=typed)
        stored = len(encode_batch(PREDICTIONS, batch).data) + HEADER_SIZE
        with Store.open(folder / f"bulk{typed}.db") as store:
            cpu = cpu_us(lambda b=batch: encode_batch(PREDICTIONS, b), times) / 1000
            ours, bare = beside_bare(
                folder, lambda b=batch: store.predictions.append(b), stored, times
            )
        rate, best = 1000 * times / sum(ours), 1000 * times / sum(bare)
        kind = "typed struct of 20 numbers" if typed else "JSON of 15 features"
        note(
            f"durable rows per second, 1000-row batches, {kind}",
            round(rate),
            "rows/s",
            ">= 300,000",
            True if rate >= 300_000 else (None if best < 450_000 else False),
            f"wall; encoding {cpu:.2f} us CPU/row, {stored / 1000:.0f} bytes/row; bare append + "
            f"fdatasync of the same bytes, turn by turn: {best:,.0f} rows/s",
        )


def reading(folder: Path, count: int, note: Callable[..., None]) -> None:
    """Tail, archive and read what a server wrote in groups of 16."""
    with Store.open(folder / "read.db", system=NoSync()) as store:
        for n in range(count // GROUP):
            store.predictions.append_columns(group(GROUP, n % 50))
        light = ["id", "at", "received", "source", "marks"]
        start, cursor, seen = time.process_time(), None, 0
        while True:
            batches, cursor = store.predictions.tail(cursor, 65_536, columns=light)
            if not batches:
                break
            seen += sum(batch.num_rows for batch in batches)
        tail = (time.process_time() - start) / seen * 1e6
        start = time.process_time()
        store.compact()
        compact = (time.process_time() - start) / seen * 1e6
        start = time.process_time()
        store.predictions.read(columns=light)
        read = (time.process_time() - start) / seen * 1e6
    how = f"{seen} rows written in groups of {GROUP}; columns {', '.join(light)}"
    note("tail, CPU", tail, "us/row", "", None, how)
    note("archive to Parquet, CPU", compact, "us/row", "", None, how)
    note("read an archive, CPU", read, "us/row", "", None, how)


_WRITER = """
import os, sys
from holdfast.storage import Store
store = Store.open(sys.argv[1])
n = int(sys.argv[2])
while True:
    ids = [f"p{n + k}" for k in range(16)]
    store.predictions.append_columns(
        {"id": ids, "model": ["m"] * 16, "at": [n] * 16, "received": [n] * 16})
    n += 16
    os.write(1, b"%d\\n" % n)
"""


def killing(folder: Path, times: int, note: Callable[..., None]) -> None:
    """Kill -9 of a writing process, again and again."""
    path = folder / "kill.db"
    chance = random.Random(3)
    acknowledged: set[str] = set()
    slowest = 0.0
    Store.open(path).close()
    for turn in range(times):
        first = turn * 10_000_000
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path), str(first)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        ) as writer:
            assert writer.stdout is not None
            said = [writer.stdout.readline()]
            time.sleep(chance.uniform(0, 0.05))
            writer.send_signal(signal.SIGKILL)
            said += writer.stdout.read().splitlines()
        acknowledged |= {f"p{n}" for n in range(first, int(said[-1]))}
        start = time.perf_counter()
        Store.open(path).close()
        slowest = max(slowest, time.perf_counter() - start)
    with Store.open(path) as store:
        found = store.predictions.read(columns=["id"]).column("id").to_pylist()
        whole = not store.verify()
    lost = len(acknowledged - set(found))
    doubled = len(found) - len(set(found))
    note(
        f"kill -9 of a writer, {times} times: acknowledged rows lost",
        lost,
        "rows",
        "0",
        lost == 0 and doubled == 0 and whole,
        f"{len(acknowledged)} acknowledged, {doubled} doubled; slowest reopening {slowest:.2f} s",
    )

"""Runs one monitor over the fault benchmark, with as many processes as asked.

    python -m benchmarks.detection.run_faultbench --adapter faultbench_adapter:Holdfast \
        --processes 2 --max-cases 2000 --seeds 0,1,2 --out ours.json

Options and case lists are those of `python -m faultbench`: the same options choose the same cases
for every monitor. On top of it: several processes, an onset and a label delay that can be set (a
short stream of long windows needs them), a digest of each case (equal digests: the very same rows),
the size of each drift, and `--resume`. Needs no Holdfast, so it runs in a peer's environment.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import os
import random
import sys
import time
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

HERE = Path(__file__).resolve().parent
SAVE_SECONDS = 60.0
Job = tuple[str, str, str, int, str, int]  # dataset, model, order, seed, fault, severity


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    ap = argparse.ArgumentParser(prog="run_faultbench", description=__doc__.split("\n")[0])
    ap.add_argument("--faultbench", default=os.environ.get("HOLDFAST_FAULTBENCH"))
    ap.add_argument("--data", default=os.environ.get("HOLDFAST_DATA"))
    ap.add_argument("--adapter", required=True, help="a name of faultbench, or module:Class")
    ap.add_argument("--out", required=True, type=Path)
    ap.add_argument("--datasets", default="all")
    ap.add_argument("--models", default="lgbm,logit")
    ap.add_argument("--orders", default="permuted")
    ap.add_argument("--faults", default="all", help="all, none, plugin or a comma list")
    ap.add_argument("--severities", default="1,2,3")
    ap.add_argument("--seeds", default="0")
    ap.add_argument("--windows", type=int, default=30)
    ap.add_argument("--window-rows", type=int, default=200)
    ap.add_argument("--ref-rows", type=int, default=6000)
    ap.add_argument("--onset-windows", default="8,13", help="first window, and one past the last")
    ap.add_argument("--label-delay-windows", type=int, default=5)
    ap.add_argument("--max-cases", type=int, default=10**9)
    ap.add_argument("--budget", type=float, default=1e9, help="stop after so many seconds")
    ap.add_argument("--shuffle-seed", type=int, default=0)
    ap.add_argument("--plugin", action="append", default=[])
    ap.add_argument("--sidecars", action="append", default=[])
    ap.add_argument("--processes", type=int, default=1)
    ap.add_argument("--resume", action="store_true", help="keep the cases already in --out")
    a = ap.parse_args(argv)
    if not a.faultbench or not (Path(a.faultbench) / "faultbench").is_dir():
        ap.error(
            "say where the folder that holds `faultbench` is: --faultbench DIR, "
            "or the environment variable HOLDFAST_FAULTBENCH"
        )
    return a


def prepare(a: argparse.Namespace) -> set[str]:
    """Put faultbench on the path, register plug-ins and sidecars; the names of the new faults."""
    warnings.filterwarnings("ignore")
    sys.path[:0] = [str(Path(a.faultbench).resolve()), str(HERE)]
    from faultbench import data, faults

    data.SIDECARS[:0] = [*(Path(p) for p in a.sidecars), HERE / "sidecars"]
    extra: set[str] = set()
    for path in a.plugin:
        before = set(faults.REGISTRY)
        spec = importlib.util.spec_from_file_location("faultbench_plugin", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        extra |= set(faults.REGISTRY) - before
    return extra


def plan(a: argparse.Namespace, extra: set[str]) -> tuple[list[Job], int]:
    """The jobs in the order of `python -m faultbench`, and how many there are in all."""
    from faultbench import data, faults

    if a.datasets == "all":
        datasets = [*data.names(a.data), *data.SYNTHETIC]
    else:
        datasets = a.datasets.split(",")
    if a.faults == "all":
        chosen = [f for f in faults.REGISTRY if f != "none"]
    elif a.faults == "plugin":
        chosen = sorted(extra)
    else:
        chosen = a.faults.split(",")
    jobs = [
        (d, m, o, int(seed), f, int(s))
        for d in datasets
        for m in a.models.split(",")
        for o in a.orders.split(",")
        for seed in a.seeds.split(",")
        for f in chosen
        for s in (["1"] if f == "none" else a.severities.split(","))
    ]
    total = len(jobs)
    if a.budget < 1e9 or a.max_cases < 10**9:
        random.Random(a.shuffle_seed).shuffle(jobs)
        jobs = jobs[: a.max_cases]
    if a.budget >= 1e9:
        bases = sorted({job[:4] for job in jobs})
        jobs.sort(key=lambda job: bases.index(job[:4]))
    return jobs, total


def digest(case: Any) -> str:
    """A checksum of rows, labels, onset and guilty columns, the same in every environment."""
    import numpy as np

    crc = zlib.crc32(repr((case.onset, case.columns, case.n_windows)).encode())
    for name in case.X.columns:
        column = case.X[name]
        if column.dtype.kind in "fiub":
            crc = zlib.crc32(np.ascontiguousarray(column.to_numpy(float) + 0.0).tobytes(), crc)
        else:
            text = "\x1f".join("" if v is None or v != v else str(v) for v in column)
            crc = zlib.crc32(text.encode(), crc)
    return f"{zlib.crc32(np.ascontiguousarray(case.y).astype('int8').tobytes(), crc):08x}"


_STATE: dict[str, Any] = {}


def start(a: argparse.Namespace) -> None:
    """What each process does first."""
    prepare(a)
    from faultbench import adapters
    from faultbench.cases import Builder

    low, high = (int(v) for v in a.onset_windows.split(","))
    _STATE["builder"] = Builder(
        a.data,
        a.window_rows,
        a.windows,
        onset_window=(low, high),
        ref_rows=a.ref_rows,
        label_delay_windows=a.label_delay_windows,
    )
    _STATE["adapter"] = adapters.get(a.adapter)


def run(jobs: list[Job]) -> list[dict[str, Any]]:
    """Records of some jobs: a scored case, `{"skipped": id}` or `{"error": ..., "case": id}`."""
    return [_one(job) for job in jobs]


def _one(job: Job) -> dict[str, Any]:
    from faultbench.scoring import run_case

    from benchmarks.detection.effects import effect

    dataset, model, order, seed, fault, severity = job
    name = f"{dataset}/{model}/{order}/{fault}/s{severity}/seed{seed}"
    builder = _STATE["builder"]
    try:
        case = builder.make(dataset, model, order, fault, severity, seed)
        if case is None:
            return {"skipped": name}
        extra = {"truth_columns": [str(c) for c in case.columns], "digest": digest(case)}
        extra |= effect(case, builder.base(dataset, model, order, seed)) or {}
    except Exception as e:  # noqa: BLE001 - one case must not end the run
        return {"error": repr(e)[:300], "where": "build", "case": name}
    try:
        return run_case(_STATE["adapter"], case) | extra
    except Exception as e:  # noqa: BLE001
        return {"error": repr(e)[:300], "where": "adapter", "case": name}


def results(a: argparse.Namespace, jobs: list[Job]) -> Iterator[dict[str, Any]]:
    """Records as they come. With a budget job by job in random order, else by trained model."""
    chunks: list[list[Job]] = []
    for job in jobs:
        if a.budget >= 1e9 and chunks and chunks[-1][0][:4] == job[:4] and len(chunks[-1]) < 20:
            chunks[-1].append(job)
        else:
            chunks.append([job])
    if a.processes <= 1:
        start(a)
        for chunk in chunks:
            for job in chunk:
                yield from run([job])
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(a.processes, start, (a,)) as pool:
        for records in pool.imap_unordered(run, chunks):
            yield from records
        pool.close()
        pool.join()


def save(a: argparse.Namespace, kept: dict[str, list[Any]], planned: int, began: float) -> None:
    from faultbench.scoring import summarize

    cases, errors = kept["cases"], kept["errors"]
    body = {
        "adapter": a.adapter,
        "args": {
            k: v
            for k, v in vars(a).items()
            if k not in {"data", "out", "plugin", "sidecars", "faultbench"}
        },
        "versions": versions(),
        "planned": planned,
        "ran": len(cases),
        "not_applicable": len(kept["skipped"]),
        "errors": errors[:200],
        "n_errors": len(errors),
        "seconds": round(time.time() - began, 1),
        "summary": summarize(cases),
        "cases": cases,
        "skipped": kept["skipped"],
    }
    part = a.out.with_suffix(".part")
    part.write_text(json.dumps(body, default=float))
    part.replace(a.out)


def versions() -> dict[str, str]:
    """Versions of what matters for the figures, as installed here."""
    from importlib import metadata

    names = (
        "holdfast",
        "evidently",
        "nannyml",
        "alibi-detect",
        "deepchecks",
        "river",
        "numpy",
        "pandas",
        "scipy",
        "lightgbm",
        "scikit-learn",
    )
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def main(argv: list[str] | None = None) -> int:
    a = arguments(argv)
    jobs, planned = plan(a, prepare(a))
    kept: dict[str, list[Any]] = {"cases": [], "errors": [], "skipped": []}
    if a.resume and a.out.exists():
        old = json.loads(a.out.read_text())
        kept = {"cases": old["cases"], "errors": [], "skipped": old.get("skipped", [])}
        done = {r["id"] for r in kept["cases"]} | set(kept["skipped"])
        jobs = [j for j in jobs if f"{j[0]}/{j[1]}/{j[2]}/{j[4]}/s{j[5]}/seed{j[3]}" not in done]
    a.out.parent.mkdir(parents=True, exist_ok=True)
    began = saved = time.time()
    for count, record in enumerate(results(a, jobs), 1):
        if "skipped" in record:
            kept["skipped"].append(record["skipped"])
        else:
            kept["errors" if "error" in record else "cases"].append(record)
        if time.time() - saved > SAVE_SECONDS:
            saved = time.time()
            save(a, kept, planned, began)
            print(f"{count} of {len(jobs)} in {saved - began:.0f} s", file=sys.stderr, flush=True)
        if time.time() - began > a.budget:
            break
    save(a, kept, planned, began)
    print(
        f"ran {len(kept['cases'])} of {planned} (not applicable {len(kept['skipped'])}, "
        f"errors {len(kept['errors'])}) in {time.time() - began:.0f} s"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

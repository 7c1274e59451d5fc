# ruff: noqa: E501
"""Run the audit over real leaks, planted leaks and clean tables, and write what came out.

python -m benchmarks.leakage.run --part real --part planted --part clean --out out/leakage.json
python -m benchmarks.leakage.run --show out/leakage.json > benchmarks/leakage/results.md
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
import traceback
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.leakage.planter import PLANTERS, plant, plantable
from benchmarks.leakage.real import REAL, renamed
from benchmarks.leakage.tables import TABLES, clean
from holdfast.audit import audit


def made(train: Any, test: Any, options: dict[str, Any]) -> dict[str, Any]:
    """One audit as plain data, with what it cost."""
    before, start = time.process_time(), time.perf_counter()
    try:
        report = audit(train, test, **options).to_dict()
    except Exception as error:  # noqa: BLE001 - a crash is a result here
        return {"error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()[-800:]}
    found = [
        {k: f.get(k) for k in ("code", "verdict", "columns", "sentence", "worth")}
        for f in report["findings"]
    ]
    return {
        "passed": report["passed"],
        "findings": found,
        "not_tested": [n["type"] for n in report["not_tested"]],
        "cpu": time.process_time() - before,
        "wall": time.perf_counter() - start,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def hit(result: dict[str, Any], guilty: tuple[str, ...], codes: tuple[str, ...]) -> bool:
    """Whether some finding of the right kind names every guilty column (rows: any column)."""
    found = [f for f in result.get("findings", []) if any(word in f["code"] for word in codes)]
    named = {c for f in found for c in f["columns"]}
    return bool(found) and set(guilty) <= named


def run_real(only: set[str]) -> list[dict[str, Any]]:
    """Every real leak, under its own names and under c1 … cN."""
    rows = []
    for key, maker in REAL.items():
        if only and key not in only:
            continue
        own = maker()
        for real in (own, renamed(own)):
            result = made(real.train, real.test, real.options)
            row = {"part": "real", "name": real.name, "found": hit(result, real.guilty, real.codes)}
            sized = [f["worth"] for f in result.get("findings", []) if f["worth"]
                     and any(w in f["code"] for w in real.codes)]  # fmt: skip
            row["sized"] = bool(sized)
            row["without"] = [w["without"] for w in sized]
            if real.honest:
                cut = made(real.train.drop(columns=list(real.honest)), real.test, real.options)
                row["cleaned"] = [f["worth"] for f in cut.get("findings", []) if f["worth"]]
                row["honest"] = honest_score(real)
            rows.append({**row, "result": result})
            print(row["name"], row["found"], row["without"], row.get("honest"),
                  round(result.get("cpu", 0), 1), result.get("error", ""), file=sys.stderr)  # fmt: skip
    return rows


def honest_score(real: Any) -> float:
    """The score of the audit's own background model on the cleaned table."""
    from benchmarks.leakage.honest import score

    return score(real)


def run_planted(kinds: list[str], seeds: list[int], tables: list[str]) -> list[dict[str, Any]]:
    """Every kind on every table."""
    rows = []
    for name in tables:
        for seed in seeds:
            base = clean(name, seed)
            for kind in kinds:
                if not plantable(kind, name):
                    continue
                case = plant(kind, base, seed)
                result = made(case.train, case.test, case.options)
                found = hit(result, case.guilty, case.codes)
                rows.append({"part": "clean" if kind == "clean" else "planted", "name": name,
                             "kind": kind, "half": case.half, "seed": seed, "found": found,
                             "columns": len(base.features), "result": result})  # fmt: skip
                words = [
                    (f["code"], f["verdict"], f["columns"]) for f in result.get("findings", [])
                ]
                print(name, kind, seed, found, words, round(result.get("cpu", 0), 1),
                      result.get("error", ""), file=sys.stderr, flush=True)  # fmt: skip
    return rows


def show(rows: list[dict[str, Any]]) -> str:
    """The results as Markdown."""
    out = ["# Leakage audit: results", ""]
    real = [r for r in rows if r["part"] == "real"]
    if real:
        out += ["## Real leaks", "", "| leak | found | sized | honest score | cleaned table |",
                "|---|---|---|---|---|"]  # fmt: skip
        for r in real:
            got = ", ".join(f"{w:.3f}" for w in r["without"]) or "-"
            known = f"{r['honest']:.3f}" if r.get("honest") is not None else "-"
            out.append(f"| {r['name']} | {'yes' if r['found'] else 'NO'} | "
                       f"{'yes' if r['sized'] else 'no'} | {got} | {known} |")  # fmt: skip
        out.append("")
    planted = [r for r in rows if r["part"] == "planted"]
    if planted:
        out += ["## Planted leaks: share found", "",
                "| kind | tuned half | sealed half | all | aim |", "|---|---|---|---|---|"]  # fmt: skip
        by: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for r in planted:
            by[r["kind"]].append(r)
        for kind, group in by.items():
            cells = [_share(group, half) for half in ("tuned", "sealed", None)]
            out.append(f"| {kind} | {' | '.join(cells)} | {PLANTERS[kind][1]:.2f} |")
        out.append(
            f"| all | {' | '.join(_share(planted, h) for h in ('tuned', 'sealed', None))} | .90 |"
        )
        out.append("")
    quiet = [r for r in rows if r["part"] == "clean"]
    if quiet:
        proven = sum(
            f["verdict"] == "PROVEN" for r in quiet for f in r["result"].get("findings", [])
        )
        suspect = sum(len(f["columns"]) for r in quiet
                      for f in r["result"].get("findings", []) if f["verdict"] == "SUSPECT")  # fmt: skip
        columns = sum(r["columns"] for r in quiet)
        out += ["## Clean tables", "", f"{len(quiet)} variants, {columns:,} columns: {proven} PROVEN, "
                f"{suspect} columns SUSPECT ({suspect / columns:.2%}).", ""]  # fmt: skip
        for r in quiet:
            for f in r["result"].get("findings", []):
                out.append(
                    f"* {r['name']} (seed {r['seed']}): {f['verdict']} {f['code']} {f['columns']}"
                )
    errors = [r for r in rows if "error" in r["result"]]
    out += ["", f"Errors: {len(errors)} of {len(rows)} audits."]
    out += [f"* {r['name']} {r.get('kind', '')}: {r['result']['error']}" for r in errors[:20]]
    return "\n".join(out)


def _share(rows: list[dict[str, Any]], half: str | None) -> str:
    kept = [r for r in rows if half in (None, r["half"])]
    return (
        f"{sum(r['found'] for r in kept)} of {len(kept)} ({sum(r['found'] for r in kept) / len(kept):.2f})"
        if kept
        else "-"
    )


def main() -> None:
    """Run or show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", action="append", choices=["real", "planted", "clean"])
    parser.add_argument("--only", default="")
    parser.add_argument("--tables", default="")
    parser.add_argument("--kinds", default="")
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--half", choices=["tuned", "sealed"])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--show", type=Path, nargs="*")
    args = parser.parse_args()
    if args.show:
        print(show([row for path in args.show for row in json.loads(path.read_text("utf-8"))]))
        return
    only = set(filter(None, args.only.split(",")))
    seeds = [int(s) for s in args.seeds.split(",")]
    tables = [
        n
        for n, (_, half) in TABLES.items()
        if (not args.half or half == args.half) and (not args.tables or n in args.tables.split(","))
    ]
    kinds = list(filter(None, args.kinds.split(","))) or list(PLANTERS)
    rows: list[dict[str, Any]] = []
    for part in args.part or ["real", "planted", "clean"]:
        if part == "real":
            rows += run_real(only)
        else:
            rows += run_planted(["clean"] if part == "clean" else kinds, seeds, tables)
        if args.out:
            args.out.parent.mkdir(parents=True, exist_ok=True)
            args.out.write_text(json.dumps(rows, default=str), "utf-8")
    print(show(rows))


if __name__ == "__main__":
    main()

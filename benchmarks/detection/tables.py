"""Writes the pages of the fault benchmark from result files.

    python -m benchmarks.detection.tables ours.json peers/*.json --out pages/

One page a set-up for the monitor named with `--ours` (default Holdfast): `holdfast-200.md`; and one
with every other monitor beside it on exactly the same cases: `peers-200.md`. Losses are listed by
rule, not by hand.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.detection import scores
from benchmarks.detection.scores import Run
from benchmarks.detection.sections import (
    COLUMNS,
    Cell,
    blocks,
    cell,
    delays,
    effects,
    false_alarms,
    matrix,
    missed,
    reached,
    silence,
    table,
    wrong,
)


def heading(run: Run) -> str:
    rows, windows, onset, delay, _ = run.setup
    low, high = (int(v) for v in onset.split(","))
    known = ", ".join(f"{k} {v}" for k, v in sorted(run.versions.items()))
    datasets = sorted({r["dataset"] for r in run.cases.values()})
    return (
        f"{len(run.cases)} cases of {len(datasets)} datasets ({', '.join(datasets)}); windows of "
        f"{rows:,} rows, {windows} a stream, fault in windows {low} to {high - 1}, labels "
        f"{delay * rows:,} rows late. Cases that ended in an error: {run.errors}."
        + (f" Versions: {known}." if known else "")
    )


EXPLAIN = (
    "Detected: an alarm after the onset; clean: and none before. Found: a guilty column among the "
    "first three named (for faults without a column: detected). Delays in rows from the onset. "
    "hit@1, kind, class and action are of the detected."
)


def own_page(run: Run) -> str:
    """The page of one monitor."""
    faults = run.faults
    parts = {"all": faults}
    parts |= {c: [r for r in faults if r["cls"] == c] for c in scores.CLASSES}
    parts |= {
        f"{c}, severity {s}": rows
        for (c, s), rows in scores.groups(faults, lambda r: (r["cls"], r["severity"])).items()
    }
    parts = {name: rows for name, rows in parts.items() if rows}
    sections = [
        f"# {run.monitor} on the fault benchmark, windows of {run.setup[0]:,} rows",
        heading(run),
        EXPLAIN,
        "## False alarms",
        false_alarms(run),
    ]
    if faults:
        sections += [
            "## In short",
            reached(run),
            "## By class and severity",
            blocks("truth", parts),
            "## By kind",
            blocks("kind", scores.groups(faults, lambda r: r["kind"])),
            "## By fault",
            blocks("fault", scores.groups(faults, lambda r: r["fault"])),
            "## By dataset",
            blocks("dataset", scores.groups(faults, lambda r: r["dataset"])),
            "## What it was called",
            "Rows: truth. Columns: the kind given last.",
            matrix(faults, "kind"),
            matrix(faults, "cls"),
            "## Delays",
            delays(faults),
        ]
        for usable in (0, 2500):
            shown = effects(faults, usable)
            if shown:
                rows = f"at least {usable:,} usable rows" if usable else "all"
                sections += [f"## Drift by size ({rows})", _EFFECT, shown]
    if run.silent:
        sections += ["## Changes that should raise no alarm", silence(run.silent)]
    if faults:
        sections += ["## Missed", missed(faults), "## Wrong kind or wrong column", wrong(faults)]
    return "\n\n".join(sections) + "\n"


_EFFECT = (
    "Found of cases, and the share of the found whose class is right; effect in standard "
    "deviations over a floor of 0.07 (`effects.py`)."
)


def peers_page(ours: Run | None, peers: list[Run]) -> str:
    """Every peer beside ours on the cases both ran, and where the peer is better."""
    setup = peers[0].setup
    sections = [f"# Monitors on the same cases, windows of {setup[0]:,} rows", EXPLAIN]
    head = ["cases", "monitor", "quiet windows", "with alarm", "share", *COLUMNS[1:], "ms a window"]
    rows: list[list[Cell]] = []
    notes: list[str] = []
    for peer in peers:
        ids = list(peer.cases)
        if ours is not None:
            ids, differ = scores.common(peer, ours)
            if differ:
                notes.append(
                    f"* {differ} cases of {peer.monitor} left out: the same id, other rows."
                )
        rows += [_beside(run, ids) for run in (peer, *([ours] if ours is not None else []))]
        if peer.errors:
            notes.append(f"* {peer.monitor}: {peer.errors} cases ended in an error.")
    sections += [table(head, rows), "\n".join(notes)]
    sections += ["## Streams without any fault"]
    sections += [
        table(
            ["monitor", *scores.quiet([])],
            (
                [r.monitor, *(int(v) for v in scores.quiet(r.none).values())]
                for r in (*peers, *([ours] if ours is not None else []))
                if r.none
            ),
        )
    ]
    sections += ["## Changes that should raise no alarm"]
    sections += [
        f"### {r.monitor}\n\n{silence(r.silent)}"
        for r in (*peers, *([ours] if ours is not None else []))
        if r.silent
    ]
    for peer in peers:
        sections.append(f"## {peer.monitor} by class")
        classes = scores.groups(peer.faults, lambda r: r["cls"])
        sections.append(blocks("class", {"all": peer.faults, **classes}))
        if peer.versions:
            sections.append(", ".join(f"{k} {v}" for k, v in sorted(peer.versions.items())))
        if ours is not None:
            sections.append(f"### Where {peer.monitor} is better")
            sections.append(better(ours, peer))
    return "\n\n".join(s for s in sections if s) + "\n"


def _beside(run: Run, ids: list[str]) -> list[Cell]:
    records = [run.cases[i] for i in ids]
    faults = [r for r in records if r["fault"] != "none" and r["expect"]]
    q = scores.quiet(records)
    cost = sum(r["observe_s"] for r in records) / max(sum(r["windows"] for r in records), 1)
    measures = list(scores.block(faults).values())
    share = f"{100 * q['with alarm'] / max(q['windows'], 1):.1f} %"
    seen = (int(q["windows"]), int(q["with alarm"]), share)
    return [len(faults), run.monitor, *seen, *measures[1:], f"{1000 * cost:.1f}"]


def better(ours: Run, peer: Run) -> str:
    """The losses by rule, then the cases the peer caught clean and we did not."""
    ids, _ = scores.common(peer, ours)
    mine = [ours.cases[i] for i in ids if ours.cases[i]["fault"] != "none"]
    mine = [r for r in mine if r["expect"]]
    other = [peer.cases[r["id"]] for r in mine]
    rows = [
        [x.group, x.measure, x.cases, cell(x.ours, x.measure), cell(x.theirs, x.measure)]
        for x in scores.losses(mine, other)
    ]
    q_ours, q_peer = (scores.quiet([r.cases[i] for i in ids]) for r in (ours, peer))
    if q_peer["with alarm"] < q_ours["with alarm"]:
        loud = [cell(int(q["with alarm"])) for q in (q_ours, q_peer)]
        rows.insert(0, ["all", "quiet windows with alarm", int(q_ours["windows"]), *loud])
    head = ["cases of", "measure", "compared", ours.monitor, peer.monitor]
    text = table(head, rows) if rows else "Nowhere on these cases."
    alone = [r["id"] for r, s in zip(mine, other, strict=True) if s["clean"] and not r["detected"]]
    if alone:
        text += f"\n\nCaught clean by {peer.monitor} and missed by {ours.monitor}:\n\n"
        text += "\n".join(f"* `{i}`" for i in alone)
    return text


def main(argv: list[str] | None = None) -> int:
    ap = argparse.ArgumentParser(prog="tables", description=__doc__.split("\n")[0])
    ap.add_argument("results", nargs="+", type=Path)
    ap.add_argument("--ours", default="Holdfast", help="the monitor with a page of its own")
    ap.add_argument("--out", type=Path, default=Path("pages"))
    a = ap.parse_args(argv)
    a.out.mkdir(parents=True, exist_ok=True)
    by_setup: dict[tuple[int, int, str, int, int], list[Run]] = {}
    for run in scores.load(a.results):
        by_setup.setdefault(run.setup, []).append(run)
    names: set[str] = set()
    for setup, runs in by_setup.items():
        name = str(setup[0]) if str(setup[0]) not in names else "-".join(map(str, setup[:2]))
        names.add(name)
        ours = next((r for r in runs if r.monitor == a.ours), None)
        peers = [r for r in runs if r.monitor != a.ours]
        if ours is not None:
            _write(a.out / f"{a.ours.lower()}-{name}.md", own_page(ours))
        if peers:
            _write(a.out / f"peers-{name}.md", peers_page(ours, peers))
    return 0


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    print(path)


if __name__ == "__main__":
    raise SystemExit(main())

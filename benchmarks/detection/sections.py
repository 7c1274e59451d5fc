"""Sections of the pages: each a Markdown text from the records of one monitor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.detection import scores
from benchmarks.detection.scores import Record, Run

Cell = str | float | int | None
COLUMNS = tuple(scores.block([]))


def cell(value: Cell, column: str = "") -> str:
    """A number as the pages show it: shares with two digits, delays and counts without."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if isinstance(value, int) or "delay" in column or column == "cases":
        return f"{value:,.0f}"
    return f"{value:.2f}"


def table(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """A Markdown table, first column left, the rest right."""
    lines = [
        "| " + " | ".join(header) + " |",
        "|" + "|".join(["---", *["---:"] * (len(header) - 1)]) + "|",
    ]
    for row in rows:
        shown = [cell(v, h) for v, h in zip(row, header, strict=True)]
        lines.append("| " + " | ".join(shown) + " |")
    return "\n".join(lines)


def blocks(title: str, parts: dict[str, list[Record]]) -> str:
    """One line of measures for each group of fault cases."""
    return table(
        [title, *COLUMNS], ([name, *scores.block(rows).values()] for name, rows in parts.items())
    )


def false_alarms(run: Run) -> str:
    parts = {
        "windows before a fault": [r for r in run.cases.values() if r["fault"] != "none"],
        "streams without a fault": run.none,
        "all": list(run.cases.values()),
    }
    for order in ("permuted", "natural"):
        parts[f"order {order}"] = [r for r in run.cases.values() if r["order"] == order]
    for name, rows in scores.groups(run.cases.values(), lambda r: r["dataset"]).items():
        parts[f"dataset {name}"] = rows
    lines = []
    for name, rows in parts.items():
        if rows:
            q = scores.quiet(rows)
            low, high = scores.wilson(int(q["with alarm"]), int(q["windows"]))
            lines.append(
                [name, *(int(v) for v in q.values()), f"{100 * low:.2f} to {100 * high:.2f} %"]
            )
    head = ["fault-free", *scores.quiet([]), "share of windows, 95 %"]
    return table(head, lines)


def matrix(records: list[Record], level: str) -> str:
    counts = scores.confusion(records, level)
    called = sorted({name for row in counts.values() for name in row})
    rows = ([truth, *(row[name] or "" for name in called)] for truth, row in counts.items())
    return table(["truth", *called], rows)


def delays(records: list[Record]) -> str:
    rows: list[list[Cell]] = []
    for name, part in scores.groups(
        records, lambda r: (r["cls"], r["fault"], r["severity"])
    ).items():
        times = [float(r["delay"]) for r in part if r["detected"]]
        cuts = [scores.quantile(times, q) for q in (0.25, 0.5, 0.75, 0.9, 1.0)]
        rows.append(
            [f"{name[1]}, {name[2]}", len(part), len(times), *(cell(c, "delay") for c in cuts)]
        )
    head = ["fault, severity", "cases", "detected", "25 %", "median", "75 %", "90 %", "longest"]
    return table(head, rows)


def effects(records: list[Record], usable: int) -> str:
    cells = scores.by_effect(records, usable)
    if not cells:
        return ""
    sorts = sorted({sort for sort, _ in cells})
    rows = []
    for sort in sorts:
        row: list[Cell] = [sort]
        for _, label in scores.BINS:
            part = cells.get((sort, label), [])
            hits = [r for r in part if scores.found(r)]
            right = scores.share(r["cls_ok"] for r in hits)
            row.append(
                f"{len(hits)} of {len(part)}" + (f" ({cell(right)})" if right is not None else "")
                if part
                else "-"
            )
        rows.append(row)
    return table(["effect / floor", *(label for _, label in scores.BINS)], rows)


def silence(records: list[Record]) -> str:
    rows = []
    for name, part in scores.groups(records, lambda r: (r["fault"], r["severity"])).items():
        loud = [r for r in part if r["detected"]]
        paged = [r for r in loud if r.get("action_final") != "ignore"]
        rows.append(
            [
                f"{name[0]}, {name[1]}",
                len(part),
                len(part) - len(loud),
                len(loud) - len(paged),
                len(paged),
            ]
        )
    return table(["change, severity", "cases", "silent", "alarm, ignore", "alarm"], rows)


def missed(records: list[Record], most: int = 40) -> str:
    rows = scores.misses(records)
    lines = [
        f"* `{r['id']}`"
        + (f" (effect {r['effect']:.2f}, reach {r['reach']:.0f} nats)" if "reach" in r else "")
        for r in rows[:most]
    ]
    if len(rows) > most:
        lines.append(f"* and {len(rows) - most} more")
    return "\n".join(lines) or "None."


def wrong(records: list[Record], most: int = 40) -> str:
    rows = [r for r in records if r["detected"] and not (r["kind_ok"] and r.get("hit1", True))]
    lines = [
        f"* `{r['id']}`: called {r.get('kind_final') or 'nothing'}"
        + (f" on {', '.join(r.get('cols') or ['no column'])}" if r.get("has_cols") else "")
        + (f", truth {', '.join(r['truth_columns'])}" if r.get("truth_columns") else "")
        for r in rows[:most]
    ]
    if len(rows) > most:
        lines.append(f"* and {len(rows) - most} more")
    return "\n".join(lines) or "None."


def reached(run: Run) -> str:
    """The measures the project set itself numbers for, in one table."""
    faults = run.faults
    pipe = [r for r in faults if r["cls"] == "pipeline"]
    sized = scores.by_effect(faults, usable=2500)
    rows: list[list[Cell]] = []

    def add(what: str, part: list[Record], *measures: str) -> None:
        if part:
            values = scores.block(part)
            rows.append([what, len(part), ", ".join(_named(m, values[m]) for m in measures)])

    add("gross pipeline faults", [r for r in pipe if r["severity"] == 3], "found", "delay")
    gone = [r for r in pipe if r["fault"] == "missing" and r["severity"] == 3]
    add("a column going null", gone, "found", "delay")
    measures = ("found clean", "delay", "hit@1", "kind", "class", "action")
    add("all pipeline faults", pipe, *measures)
    add(
        "1 % outliers",
        [r for r in pipe if r["fault"] == "outliers" and r["severity"] == 1],
        "found",
    )
    for sort, part in scores.groups(faults, scores.drift_sort).items():
        if sort != "pipeline":
            add(sort, part, "found", "class")
    for sort in ("covariate abrupt", "prior", "concept"):
        large = sized.get((sort, "3 to 5"), []) + sized.get((sort, "over 5"), [])
        add(f"{sort}, 3 floors or more, 2,500 usable rows", large, "found", "class")
        middle = sized.get((sort, "2 to 3"), [])
        add(f"{sort}, 2 to 3 floors, 2,500 usable rows", middle, "found", "class")
    for name, part in scores.groups(run.silent, lambda r: r["fault"]).items():
        calm = [not r["detected"] or r.get("action_final") == "ignore" for r in part]
        rows.append([f"{name}: silent or ignore", len(part), cell(scores.share(calm))])
    return table(["what", "cases", "measured"], rows)


def _named(measure: str, value: Cell) -> str:
    return f"{measure} {cell(value, measure)}"

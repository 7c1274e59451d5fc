"""Result files of the fault benchmark, read and counted. No printing here; `tables` prints.

A *run* is one monitor under one set-up (rows a window, windows, onset, label delay); several files
of the same run are merged by case id. Reads what `run_faultbench` and `python -m faultbench` write.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Record = dict[str, Any]
CLASSES = ("pipeline", "covariate", "prior", "concept")
#: effect of a drift over the floor, as lower edges of bins
BINS = ((0.0, "below 2"), (2.0, "2 to 3"), (3.0, "3 to 5"), (5.0, "over 5"))
FLOOR = 0.07


@dataclass
class Run:
    """One monitor under one set-up: records by case id."""

    monitor: str
    setup: tuple[int, int, str, int, int]
    cases: dict[str, Record] = field(default_factory=dict)
    errors: int = 0
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def faults(self) -> list[Record]:
        """Cases with a fault that should raise an alarm."""
        return [r for r in self.cases.values() if r["fault"] != "none" and r["expect"]]

    @property
    def silent(self) -> list[Record]:
        """Cases with a harmless or negligible change, where silence is right."""
        return [r for r in self.cases.values() if r["fault"] != "none" and not r["expect"]]

    @property
    def none(self) -> list[Record]:
        """Streams without any fault."""
        return [r for r in self.cases.values() if r["fault"] == "none"]


def load(paths: Iterable[Path]) -> list[Run]:
    """Runs in the order of the files; of one case in two files the last counts."""
    runs: dict[tuple[str, tuple[int, int, str, int, int]], Run] = {}
    for path in paths:
        body = json.loads(path.read_text())
        args = body.get("args", {})
        setup = (
            int(args.get("window_rows", 200)),
            int(args.get("windows", 30)),
            str(args.get("onset_windows", "8,13")),
            int(args.get("label_delay_windows", 5)),
            int(args.get("ref_rows", 6000)),
        )
        monitor = body["adapter"].split(":")[-1]
        run = runs.setdefault((monitor, setup), Run(monitor, setup))
        run.cases.update({r["id"]: r for r in body["cases"]})
        run.errors += int(body.get("n_errors", 0))
        run.versions.update(body.get("versions", {}))
    return list(runs.values())


def common(a: Run, b: Run) -> tuple[list[str], int]:
    """Ids of the cases both ran on the very same rows, and how many had the id but other rows."""
    both = [i for i in a.cases if i in b.cases]
    differ = [
        i
        for i in both
        if a.cases[i].get("digest", "") != b.cases[i].get("digest", a.cases[i].get("digest", ""))
    ]
    out = set(differ)
    return [i for i in both if i not in out], len(differ)


def found(record: Record) -> bool:
    """A guilty column named; for faults without a column, an alarm after the onset."""
    return bool(record.get("found")) if record.get("has_cols") else bool(record.get("detected"))


def share(flags: Iterable[bool]) -> float | None:
    """Mean of flags; None of nothing."""
    values = list(flags)
    return sum(values) / len(values) if values else None


def median(values: Iterable[float]) -> float | None:
    """Median; None of nothing."""
    return quantile(list(values), 0.5)


def quantile(values: Sequence[float], q: float) -> float | None:
    """Quantile by linear interpolation; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    at = q * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


def wilson(count: int, n: int) -> tuple[float, float]:
    """95 % interval of a share; for a count of 0 the upper end is the exact one, 1 - .05^(1/n)."""
    if n == 0:
        return 0.0, 1.0
    if count == 0:
        return 0.0, 1 - 0.05 ** (1 / n)
    z, p = 1.959964, count / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def block(records: Sequence[Record]) -> dict[str, float | None]:
    """The measures of some fault cases. Kind, class, action and hit are of the detected.

    Kind and class are None when no alarm of these cases gave a kind, action likewise.
    """
    seen = [r for r in records if r["detected"]]
    named = [r for r in seen if "hit1" in r]
    given = {key: any(r.get(key) for r in seen) for key in ("kind_final", "action_final")}
    told = [r for r in seen if given["kind_final"]]
    acted = [r for r in seen if given["action_final"]]
    return {
        "cases": len(records),
        "detected": share(r["detected"] for r in records),
        "clean": share(r["clean"] for r in records),
        "found": share(found(r) for r in records),
        "found clean": share(found(r) and not r["false_windows"] for r in records),
        "delay": median(r["delay"] for r in seen),
        "found delay": median(
            r.get("found_delay", r["delay"]) for r in seen if found(r) and r["delay"] is not None
        ),
        "hit@1": share(r["hit1"] for r in named),
        "hit@3": share(r["hit3"] for r in named),
        "kind": share(r["kind_ok"] for r in told),
        "class": share(r["cls_ok"] for r in told),
        "action": share(r["action_ok"] for r in acted),
    }


def quiet(records: Iterable[Record]) -> dict[str, float]:
    """Fault-free windows, those with an alarm, alarms, and streams with at least one."""
    rows = list(records)
    return {
        "streams": len(rows),
        "windows": sum(r["quiet_windows"] for r in rows),
        "with alarm": sum(r["false_windows"] for r in rows),
        "alarms": sum(r["false_alarms"] for r in rows),
        "streams with alarm": sum(r["false_windows"] > 0 for r in rows),
    }


def groups(records: Iterable[Record], key: Callable[[Record], Any]) -> dict[Any, list[Record]]:
    """Records by key, keys in order."""
    out: dict[Any, list[Record]] = defaultdict(list)
    for r in records:
        out[key(r)].append(r)
    return dict(sorted(out.items()))


def confusion(records: Iterable[Record], level: str) -> dict[str, Counter[str]]:
    """Truth by what it was called; `level` is "kind" or "cls"."""
    out: dict[str, Counter[str]] = defaultdict(Counter)
    for r in records:
        called = (r.get(f"{level}_final") or "(none given)") if r["detected"] else "(silent)"
        out[r[level]][called] += 1
    return dict(sorted(out.items()))


def drift_sort(record: Record) -> str:
    """Covariate drift is abrupt or a ramp; prior and concept as they are."""
    if record["cls"] != "covariate":
        return str(record["cls"])
    return "covariate ramp" if "gradual" in record["fault"] else "covariate abrupt"


def by_effect(records: Iterable[Record], usable: int = 0) -> dict[tuple[str, str], list[Record]]:
    """Drift cases with a measured effect by (sort, bin), with at least `usable` usable rows."""
    out: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for r in records:
        if r.get("effect") is None or r["usable_rows"] < usable:
            continue
        floors = r["effect"] / FLOOR
        label = [name for low, name in BINS if floors >= low][-1]
        out[drift_sort(r), label].append(r)
    return dict(out)


def misses(records: Iterable[Record]) -> list[Record]:
    """Fault cases with no alarm after the onset, most evidence first."""
    return sorted(
        (r for r in records if not r["detected"]),
        key=lambda r: (-(r.get("reach") or 0.0), -r["severity"], r["id"]),
    )


@dataclass(frozen=True)
class Loss:
    """One measure on one group of cases where the other monitor is better."""

    group: str
    measure: str
    ours: float
    theirs: float
    cases: int


_OF_ALL = ("detected", "clean", "found", "found clean")
_OF_DETECTED = ("hit@1", "kind", "class", "action")


def losses(ours: Sequence[Record], theirs: Sequence[Record], least: int = 1) -> list[Loss]:
    """Where `theirs` is better on the same cases: in all, by class, by class and severity, by kind.

    Delays are compared on the cases both found, and columns, kinds and actions on the cases both
    detected, so that a monitor is not punished for having caught the hard ones too. A group of
    the same cases as an earlier one is left out.
    """
    out: list[Loss] = []
    keys: tuple[Callable[[Record], str], ...] = (
        lambda r: "all",
        lambda r: f"class {r['cls']}",
        lambda r: f"class {r['cls']}, severity {r['severity']}",
        lambda r: f"kind {r['kind']}",
    )
    by_id = {r["id"]: r for r in theirs}
    told: set[frozenset[str]] = set()
    for key in keys:
        for name, mine in groups((r for r in ours if r["id"] in by_id), key).items():
            ids = frozenset(r["id"] for r in mine)
            if len(mine) < least or ids in told:
                continue
            told.add(ids)
            out += _compared(name, mine, [by_id[r["id"]] for r in mine])
    return out


def _compared(name: str, mine: list[Record], other: list[Record]) -> list[Loss]:
    pairs = list(zip(mine, other, strict=True))
    out = _lower(name, pairs, _OF_ALL)
    out += _lower(name, [(r, s) for r, s in pairs if r["detected"] and s["detected"]], _OF_DETECTED)
    both = [(r, s) for r, s in pairs if found(r) and found(s)]
    x = median(r.get("found_delay", r["delay"]) for r, _ in both)
    y = median(s.get("found_delay", s["delay"]) for _, s in both)
    if x is not None and y is not None and y < x:
        out.append(Loss(name, "found delay, both found", x, y, len(both)))
    return out


def _lower(name: str, pairs: list[tuple[Record, Record]], measures: tuple[str, ...]) -> list[Loss]:
    a, b = block([r for r, _ in pairs]), block([s for _, s in pairs])
    values = [(m, a[m], b[m]) for m in measures]
    return [
        Loss(name, m, x, y, len(pairs))
        for m, x, y in values
        if x is not None and y is not None and y > x + 1e-9
    ]

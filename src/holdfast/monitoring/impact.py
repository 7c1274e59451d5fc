"""What an incident did to decisions and what that costs, from what the release knows of itself.

Three sources, each for the rows it speaks of:

* rows that a fallback answered: its expected cost against the main model's, both measured on
  validation rows when the release was built;
* rows that the main model answered although an input was wrong: the blast radius, which tried
  that very fault in that feature;
* rows without a decision: counted; what a person's decision costs instead is not known here.

For what no source speaks of there is no number, and the reason is given.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.diagnosis.quarantine import carrying, range_of
from holdfast.diagnosis.words import percent
from holdfast.evaluation.costs import Costs
from holdfast.evaluation.record import Evaluation
from holdfast.records import Estimate, Impact, Incident
from holdfast.releases.records import Blast, Fallback, Reference
from holdfast.reports.naming import names
from holdfast.stats.intervals import wilson

#: columns of the prediction log that are counted
COLUMNS = ("id", "at", "source", "verdict", "decision", "fallback", "marks")
#: kind of incident → fault of the blast radius that is the same thing
FAULTS = {
    "missing": "null",
    "dtype_change": "null",
    "default_filled": "default",
    "unit_scale": "x100",
    "category_renamed": "renamed",
    "frozen": "frozen",
    "stuck": "frozen",
    "shuffled": "shuffled",
    "misaligned": "shuffled",
}
_Z = 1.959963984540054


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """The affected rows, counted.

    Attributes:
        rows: how many.
        answers: verdict → rows.
        fallbacks: fields that the answering fallback did without → rows it decided, and how many
            of them got the first of the release's two decisions.
        plain: rows that the main model decided.
    """

    rows: int
    answers: dict[str, int] = {}
    fallbacks: dict[tuple[str, ...], tuple[int, int]] = {}
    plain: int = 0


def affected(incident: Incident, rows: pa.Table) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which rows an incident affects, shape (n,): those that show it, where that can be seen.

    Args:
        incident: the incident.
        rows: of its model, from the prediction log, with the columns ``at``, ``source``, ``marks``.
    """
    inside = range_of(incident).holds(rows)
    marks = [
        f"{s.get('feature')}:{s.get('code')}"
        for s in incident.evidence.get("streams", ())
        if isinstance(s, dict) and s.get("side") == "up" and s.get("feature")
    ]
    showing = inside & carrying(rows.column("marks"), marks) if marks else inside
    return showing if showing.any() else inside


def count(incident: Incident, rows: pa.Table, first: str | None) -> Counts:
    """Counts the affected rows.

    Args:
        incident: the incident.
        rows: of its model, from the prediction log, with `COLUMNS`.
        first: the first of the release's two decisions, or None when it is not known.
    """
    chosen = rows.filter(pa.array(affected(incident, rows)))
    decided = pc.is_valid(chosen.column("decision"))
    by_main = pc.and_(decided, pc.is_null(chosen.column("fallback")))
    answered = chosen.filter(pc.is_valid(chosen.column("fallback")))
    given = answered.filter(pc.equal(answered.column("decision"), pa.scalar(first, pa.string())))
    firsts = _by_value(given.column("fallback"))
    return Counts(
        rows=chosen.num_rows,
        answers=_by_value(chosen.column("verdict")),
        fallbacks={
            tuple(without.split(",")): (rows, firsts.get(without, 0))
            for without, rows in _by_value(answered.column("fallback")).items()
        },
        plain=int(pc.sum(by_main).as_py() or 0),
    )


def impact(incident: Incident, counts: Counts, release: Any) -> Impact:
    """Decisions changed and what they cost.

    Args:
        incident: the incident.
        counts: its rows.
        release: the release that answered (`evaluation`, `fallbacks`, `blast_radius`, `reference`,
            `costs`, `decisions`); what it does not have cannot be told.
    """
    parts: list[tuple[int, Estimate, Estimate, str]] = []
    open_rows: list[str] = []
    main = getattr(release, "evaluation", None)
    for without, (rows, first) in counts.fallbacks.items():
        found = _fallback(getattr(release, "fallbacks", ()), without)
        if found is None or not isinstance(main, Evaluation):
            open_rows.append(f"{rows:,} rows answered without {names(without)}")
            continue
        parts.append(
            (
                rows,
                _decided_otherwise(rows, first, release),
                _difference(found.evaluation, main),
                f"{rows:,} rows were answered without {names(without)}: cost of that fallback "
                "against the main model, both on validation rows",
            )
        )
    if counts.plain:
        blast = _blast(getattr(release, "blast_radius", ()), incident)
        if blast is None:
            open_rows.append(f"{counts.plain:,} rows decided by the main model")
        else:
            parts.append(
                (
                    counts.plain,
                    blast.flipped,
                    _blast_cost(blast, getattr(release, "costs", None)),
                    f"{counts.plain:,} rows were decided on the wrong input: on {blast.rows:,} "
                    f"validation rows the same fault changed {percent(blast.flipped.value or 0.0)} "
                    "of the decisions",
                )
            )
    undecided = sum(counts.answers.get(v, 0) for v in ("abstained", "rejected"))
    return _sum(counts, parts, undecided, open_rows)


def _sum(
    counts: Counts,
    parts: Sequence[tuple[int, Estimate, Estimate, str]],
    undecided: int,
    open_rows: Sequence[str],
) -> Impact:
    """The parts put together: intervals are added end to end, which never makes them too short."""
    basis = [text for *_, text in parts]
    if undecided:
        basis.append(
            f"{undecided:,} rows got no decision; what a person's decision costs instead is not "
            "counted"
        )
    untold = f"nothing in the release speaks of {' and '.join(open_rows)}" if open_rows else ""
    if untold:
        basis.append(untold)
    known = [p for p in parts if p[2].value is not None]
    rows = sum(n for n, *_ in known)
    missing = untold or ("no row was decided" if not known else "")
    if rows and not untold:
        cost = _added([(n, e) for n, _, e, _ in known], "cost")
        per_row = _scaled(cost, 1.0 / rows, "cost per row")
    else:
        cost = Estimate(value=None, unit="cost", why_not=missing or "no interval can be given")
        per_row = Estimate(value=None, unit="cost per row", why_not=cost.why_not)
    flips = [(n, e) for n, e, _, _ in parts if e.value is not None]
    if untold or len(flips) < len(parts) or not (flips or undecided):
        why = untold or "the release does not say how often it decides which way"
        changed = Estimate(value=None, unit="decisions", why_not=why)
    else:
        changed = _added([*flips, (undecided, Estimate(value=1.0, low=1.0, high=1.0))], "decisions")
    return Impact(
        rows=counts.rows,
        answers=dict(counts.answers),
        decisions_changed=changed,
        cost_per_row=per_row,
        cost_so_far=cost,
        basis=tuple(basis),
    )


def _added(parts: Iterable[tuple[int, Estimate]], unit: str) -> Estimate:
    """Sum of rows times estimate."""
    value = low = high = 0.0
    total = 0
    for n, e in parts:
        known = e.value or 0.0
        value += n * known
        low += n * (known if e.low is None else e.low)
        high += n * (known if e.high is None else e.high)
        total += n
    return Estimate(value=value, low=low, high=high, n=total, unit=unit, method="sum of intervals")


def _scaled(estimate: Estimate, factor: float, unit: str) -> Estimate:
    value, low, high = (
        None if x is None else x * factor for x in (estimate.value, estimate.low, estimate.high)
    )
    return msgspec.structs.replace(estimate, value=value, low=low, high=high, unit=unit)


def _fallback(fallbacks: Iterable[Fallback], without: tuple[str, ...]) -> Fallback | None:
    return next((f for f in fallbacks if set(f.without) == set(without)), None)


def _difference(fallback: Evaluation, main: Evaluation) -> Estimate:
    """Extra expected cost per row: ``fallback - main``.

    The two were measured on the same rows, so their errors go together; an interval that takes
    them as independent (MOVER, Zou & Donner 2008) is wide enough.
    """
    a, b = fallback.metrics.get("expected_cost"), main.metrics.get("expected_cost")
    if a is None or b is None or a.value is None or b.value is None:
        return Estimate(value=None, unit="cost per row", why_not="no expected cost was measured")
    value = a.value - b.value
    if None in (a.low, a.high, b.low, b.high):
        return Estimate(value=value, n=a.n, unit="cost per row", method="without an interval")
    down = math.hypot(a.value - float(a.low or 0.0), float(b.high or 0.0) - b.value)
    up = math.hypot(float(a.high or 0.0) - a.value, b.value - float(b.low or 0.0))
    return Estimate(
        value=value, low=value - down, high=value + up, n=a.n, unit="cost per row", method="mover"
    )


def _blast(blasts: Iterable[Blast], incident: Incident) -> Blast | None:
    """The experiment that did to the guiltiest feature what the incident does."""
    fault = FAULTS.get(incident.kind)
    if fault is None or len(incident.features) != 1:
        return None
    found = (b for b in blasts if (b.feature, b.fault) == (incident.features[0], fault))
    return next((b for b in found if not b.error), None)


def _blast_cost(blast: Blast, costs: Costs | None) -> Estimate:
    """Extra cost per row with an interval from the largest variance that the flips allow.

    A row's extra cost is 0 unless its decision flips, and then at most the dearer of the two
    differences, ``M = max(fp - tn, fn - tp)``; so its variance is at most ``M^2 p - mean^2``, with
    `p` the upper bound of the share of flips.
    """
    mean = blast.cost_change
    if costs is None or blast.flipped.high is None or not blast.rows:
        return Estimate(value=mean, n=blast.rows, unit="cost per row", method="without an interval")
    dearest = max(
        costs.false_positive - costs.true_negative, costs.false_negative - costs.true_positive
    )
    variance = max(dearest**2 * blast.flipped.high - mean**2, 0.0)
    half = _Z * math.sqrt(variance / blast.rows)
    return Estimate(
        value=mean, low=mean - half, high=mean + half, n=blast.rows, unit="cost per row",
        method="normal, largest variance",
    )  # fmt: skip


def _decided_otherwise(decided: int, first: int, release: Any) -> Estimate:
    """Net share of decisions that came out otherwise: decided rows against the reference.

    At least so many were changed; changes that cancel out are not seen.
    """
    reference = getattr(release, "reference", None)
    if not isinstance(reference, Reference) or not decided or not reference.rows:
        return Estimate(value=None, unit="share", why_not="no reference of decisions")
    seen = wilson(first, decided)
    before = wilson(round(reference.approval_rate * reference.rows), reference.rows)
    gap = abs((seen.value or 0.0) - reference.approval_rate)
    half = math.hypot(_half(seen), _half(before))
    return Estimate(
        value=gap,
        low=max(gap - half, 0.0),
        high=min(gap + half, 1.0),
        n=decided,
        unit="share",
        method="net difference of two shares",
    )


def _half(estimate: Estimate) -> float:
    return (float(estimate.high or 0.0) - float(estimate.low or 0.0)) / 2.0


def _by_value(column: pa.ChunkedArray) -> dict[str, int]:
    counted = pc.value_counts(pc.drop_null(column))
    return {str(e["values"]): int(e["counts"]) for e in counted.to_pylist()}

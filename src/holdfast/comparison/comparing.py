"""`compare`: two tables or profiles, one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import msgspec
import numpy as np

from holdfast.comparison.bars import bars
from holdfast.comparison.causes import cause_of
from holdfast.comparison.columns import differences
from holdfast.comparison.impact import (
    Scored,
    checked_importance,
    consequences,
    costs_of,
    felt,
    importance_of,
    outcome,
    scores_in,
)
from holdfast.comparison.judging import (
    ALWAYS,
    adjust,
    present,
    resolution,
    shares,
    skipped,
    status_of,
)
from holdfast.comparison.record import (
    ColumnComparison,
    Comparison,
    Consequence,
    Difference,
    Parting,
    Status,
)
from holdfast.comparison.sources import Sides, sides, some_rows
from holdfast.comparison.telling import order_of, tell
from holdfast.comparison.together import partings
from holdfast.contracts.model import Role
from holdfast.errors import DataError, UsageError
from holdfast.profiles.columns import NumberProfile, TextProfile
from holdfast.profiles.spec import TextSpec
from holdfast.stats.effect import moved_share

if TYPE_CHECKING:
    from holdfast.contracts import Contract
    from holdfast.evaluation import Costs
    from holdfast.releases import Release

#: chance that two samples of one source give any change at all
ERROR = 0.01
#: effects below so many standard deviations are negligible
FLOOR = 0.07
#: rows that a release scores for a comparison
SCORED = 50_000
#: a change of the mean score from so many of its standard deviations on is felt by the model
_FELT = 0.02
#: values that the reference lets one expect in the current rows, for a column to be compared
_HARDLY = 5.0
_NOT_FEATURES = frozenset({Role.ID, Role.IGNORED, Role.POST_OUTCOME, Role.EVENT_TIME})


def compare(
    reference: Any,
    current: Any,
    *,
    contract: Contract | None = None,
    release: Release | None = None,
    target: str | None = None,
    score: str | None = None,
    importance: Mapping[str, float] | None = None,
    costs: Costs | None = None,
    columns: Sequence[str] | None = None,
    show_values: bool = False,
    error: float = ERROR,
    floor: float = FLOOR,
    seed: int = 0,
) -> Comparison:
    """Compare current rows with a reference: what changed, whether it matters, what the cause is.

    A column *changed* when a difference is significant over all tests of the report (Holm, so that
    two samples of one source give any change with probability `error`) **and** large enough to
    matter. So at 50 million rows a change of no importance is called negligible, and at 50 rows
    what cannot be told is called that.

    Args:
        reference: rows known to be normal: a table of any sort, the path of a file, or a
            `holdfast.profiles.Profile`. Files are profiled chunk by chunk.
        current: the rows in question; the same, a profile only against a reference profile.
        contract: roles of columns (ids, ignored ones and times are not compared) and which values
            may be shown (``pii: no``); the release's, where a release is given.
        release: scores both sides (up to 50,000 rows each), gives costs, threshold, importance.
        target: column with the outcome, compared apart from the features.
        score: column with the scores of both sides.
        importance: column -> weight, any scale.
        costs: cost of each kind of decision; scores are then read as probabilities.
        columns: only these; None compares all.
        show_values: whether categories and bounds may be shown where no contract says so.
        error: chance of any change between two samples of one source, in (0, 1).
        floor: smallest shift that matters, in standard deviations.
        seed: of simulated tests.

    Rows are taken as independent draws. Rows that come in clumps (one customer, one day) look
    more certain than they are: compare one row an entity, or whole weeks with whole weeks.

    Raises:
        DataError: a named column is in neither table.
        UsageError: profiles that cannot be compared.

    Example:
        >>> old = {"age": list(range(20, 70)) * 40, "job": ["a", "b"] * 1000}
        >>> new = {"age": list(range(20, 70)) * 40, "job": ["a", None] * 1000}
        >>> found = compare(old, new)
        >>> found.passed, found.changed, found.column("job").cause.kind
        (False, ('job',), 'missing')
    """
    if not 0.0 < error < 1.0 or not floor > 0.0:
        raise UsageError(
            "error and floor are out of range",
            expected="0 < error < 1 and floor > 0",
            got=f"error={error}, floor={floor}",
        )
    if release is not None:
        contract = contract if contract is not None else release.contract
        costs = costs if costs is not None else release.costs
    roles = {} if contract is None else {f.name: f for f in contract.data.fields}
    if target is None:
        target = next((f.name for f in roles.values() if f.role is Role.TARGET), None)
    apart = {name for name in (target, score) if name is not None}
    both = sides(reference, current, columns=columns, skip=apart)
    _named(both, apart)
    shown = {name for name, f in roles.items() if f.pii == "no"}
    found = _columns(both, roles, apart, error=error, floor=floor, seed=seed)
    drafts, parted, tests = found
    scored, untold = _scored(both, release, score, costs)
    weights = importance_of(release) if release is not None else {}
    weights_from = "share of decisions its worst fault flips" if weights else ""
    if importance is not None:
        weights, weights_from = checked_importance(importance), "given"
    finished = [
        _finish(
            draft,
            both,
            shown=draft.name in shown or (show_values and draft.name not in roles),
            scored=scored,
            costs=costs,
            threshold=None if release is None else release.threshold,
            weights=weights,
            weights_from=weights_from,
        )
        for draft in drafts
    ]
    effects = _effects(both, scored, costs, release, target, floor)
    if target is not None and not any(e.what == "outcome" for e in effects):
        untold = [*untold, f"the outcome `{target}`: it is not yes or no on both sides"]
    return tell(
        sorted(finished, key=order_of),
        effects,
        parted,
        rows=(both.reference.rows, both.current.rows),
        resolution=resolution(both.reference.rows, both.current.rows, tests, error),
        error=error,
        floor=floor,
        untold=untold,
    )


def _named(both: Sides, apart: set[str]) -> None:
    for name in apart:
        tables = [t for t in (both.reference_rows, both.current_rows) if t is not None]
        if tables and not any(name in table for table in tables):
            raise DataError(
                f"no table has the column {name!r}",
                expected="a column of the reference or the current rows",
                got=f"column={name!r}",
                remedy="check the spelling, capitals included",
            )


def _columns(
    both: Sides, roles: Mapping[str, Any], apart: set[str], *, error: float, floor: float, seed: int
) -> tuple[list[ColumnComparison], list[Parting], int]:
    """Every column with its judged tests, pairs that parted, and the number of tests made."""
    spec = both.reference.spec
    drafts: list[ColumnComparison] = []
    tests: list[list[Difference]] = []
    for name, column in spec.columns.items():
        if name in apart:
            continue
        old, new = both.reference.columns[name], both.current.columns[name]
        why = skipped(old, column)
        field = roles.get(name)
        if field is not None and field.role in _NOT_FEATURES:
            why = f"its role is {field.role.value.replace('_', ' ')}"
        draft = ColumnComparison(name=name, kind=column.kind.value, status=Status.SAME, why=why)
        made: list[Difference] = []
        if new.rows and new.absent == new.rows:
            draft = msgspec.structs.replace(draft, status=Status.VANISHED)
        elif field is not None and field.role in _NOT_FEATURES - {Role.EVENT_TIME}:
            draft = msgspec.structs.replace(draft, status=Status.SKIPPED)
        else:
            made = differences(old, new, column, floor=floor, seed=seed)
            made = [d for d in made if not why or d.what in ALWAYS]
        drafts.append(draft)
        tests.append(made)
    still = {
        d.name for d, made in zip(drafts, tests, strict=True) if not any(x.p < 0.01 for x in made)
    }
    pairs = partings(both.reference, both.current, still)
    judged = adjust([*tests, [_as_test(p) for p in pairs]], error)
    count = sum(len(column) for column in judged)
    parted = [
        msgspec.structs.replace(pair, adjusted=min(1.0, pair.adjusted * count))
        for pair in pairs
        if pair.adjusted * count <= error
    ]
    out = []
    for draft, made in zip(drafts, judged, strict=False):
        if draft.status in {Status.VANISHED, Status.SKIPPED}:
            out.append(draft)
            continue
        out.append(_judged(draft, made, both, count, error))
    known = {*spec.columns, *apart}
    # profiles of a chosen set of columns name the others as extra on both sides
    out += [
        ColumnComparison(name=name, kind="", status=Status.APPEARED)
        for name in both.current.extra
        if name not in known and name not in both.reference.extra
    ]
    return out, parted, count


def _as_test(pair: Parting) -> Difference:
    from holdfast.records import Estimate

    effect = Estimate(value=pair.current - pair.reference, unit="correlation")
    return Difference(what="together", effect=effect, floor=1.0, p=pair.adjusted)


def _judged(
    draft: ColumnComparison, made: list[Difference], both: Sides, tests: int, error: float
) -> ColumnComparison:
    spec = both.reference.spec.columns[draft.name]
    old, new = both.reference.columns[draft.name], both.current.columns[draft.name]
    rows = present(old), present(new)
    seen = resolution(*rows, tests, error)
    share = min(n / p.rows if p.rows else 0.0 for n, p in zip(rows, (old, new), strict=True))
    status, why = status_of(made, seen, share)
    if draft.why:
        status = Status.CHANGED if status is Status.CHANGED else Status.SKIPPED
        why, seen = draft.why, None
    elif seen is None and status is not Status.CHANGED and _hardly_any(rows[0], old.rows, new.rows):
        status, why = Status.SKIPPED, "hardly any value on either side"
    missed, unseen, outside = shares(old, new, spec)
    return msgspec.structs.replace(
        draft,
        status=status,
        why=why,
        differences=tuple(made),
        resolution=seen,
        missing=missed,
        unseen=unseen,
        outside=outside,
    )


def _hardly_any(values: int, rows: int, rows_now: int) -> bool:
    """Whether the reference lets one expect hardly any value in so many current rows."""
    return rows > 0 and rows_now > 0 and values / rows * rows_now < _HARDLY


def _finish(
    draft: ColumnComparison,
    both: Sides,
    *,
    shown: bool,
    scored: tuple[Scored, Scored] | None,
    costs: Costs | None,
    threshold: float | None,
    weights: Mapping[str, float],
    weights_from: str,
) -> ColumnComparison:
    """What is worth computing only now: picture, cause, and what the model feels of it."""
    if draft.status in {Status.APPEARED, Status.SKIPPED}:
        return draft
    spec = both.reference.spec.columns[draft.name]
    old, new = both.reference.columns[draft.name], both.current.columns[draft.name]
    changed = draft.status is Status.CHANGED
    facts: dict[str, Any] = {}
    if isinstance(old, NumberProfile) and isinstance(new, NumberProfile):
        facts["moved"] = moved_share(np.array(old.cells), np.array(new.cells))
    elif isinstance(old, TextProfile) and isinstance(new, TextProfile):
        complete = isinstance(spec, TextSpec) and spec.complete
        pair = [np.r_[p.counts, p.other] if complete else np.array(p.buckets) for p in (old, new)]
        facts["moved"] = moved_share(*pair)
    if changed:
        telling = {d.what for d in draft.differences if d.matters}
        facts["cause"] = cause_of(old, new, spec, telling)
        facts["bars"] = bars(old, new, spec, shown=shown)
    if draft.name in weights:
        facts["importance"], facts["importance_from"] = weights[draft.name], weights_from
        if weights[draft.name] == 0.0:
            facts["matters"] = False
    if scored is not None and draft.name in scored[0].rows:
        view = scored[0].rows.column(draft.name)
        one = felt(view, scored[0].scores, spec, old, new)
        if one is not None:
            spread = float(scored[0].known.std())
            facts["score_effect"] = one.effect
            if draft.name not in weights:
                facts["importance"] = one.explained
                facts["importance_from"] = "share of the score's variance it explains alone"
            limit = (
                threshold if threshold is not None else None if costs is None else costs.threshold
            )
            if costs is not None and limit is not None:
                per_row = costs_of(scored[0].scores, costs, limit)
                per_row[~np.isfinite(scored[0].scores)] = np.nan
                two = felt(view, per_row, spec, old, new)
                facts["cost_effect"] = None if two is None else two.effect
            if changed:
                strange = (draft.unseen.current or 0.0) + (draft.outside.current or 0.0)
                weak = abs(one.effect) < _FELT * spread and one.explained < 0.02
                facts["matters"] = None if weak and strange > 0.01 else not weak
    if draft.status is Status.VANISHED and "matters" not in facts:
        facts["matters"] = None
    return msgspec.structs.replace(draft, **facts)


def _scored(
    both: Sides, release: Release | None, score: str | None, costs: Costs | None
) -> tuple[tuple[Scored, Scored] | None, list[str]]:
    """The scores of both sides, and what could not be told of them."""
    if release is None and score is None:
        return None, ["what it does to scores and decisions: give --score or a release"]
    tables = both.reference_rows, both.current_rows
    if tables[0] is None or tables[1] is None:
        return None, ["what it does to scores and decisions: a profile has no rows"]
    out = []
    for table in tables:
        if score is not None:
            if score not in table:
                return None, [f"what it does to scores: one side lacks the column `{score}`"]
            rows = some_rows(table)
            out.append(Scored(scores=scores_in(rows, score), rows=rows))
            continue
        rows = some_rows(table, SCORED)
        answered = cast(Any, release).scorer().answer_table(rows.arrow()).column("score")
        values = np.asarray(answered.to_numpy(zero_copy_only=False), dtype=np.float64)
        out.append(Scored(scores=values, rows=rows))
    if any(len(side.known) < 2 for side in out):
        return None, ["what it does to scores: one side has no scores"]
    untold = [] if costs is not None else ["what it costs: give costs or a release"]
    return (out[0], out[1]), untold


def _effects(
    both: Sides,
    scored: tuple[Scored, Scored] | None,
    costs: Costs | None,
    release: Release | None,
    target: str | None,
    floor: float,
) -> list[Consequence]:
    found: list[Consequence] = []
    if scored is not None:
        found = consequences(
            *scored,
            costs=costs,
            threshold=None if release is None else release.threshold,
            floor=floor,
        )
    if target is not None and both.reference_rows is not None and both.current_rows is not None:
        positive = None if release is None else release.positive
        one = outcome(both.reference_rows, both.current_rows, target, positive)
        found += [one] if one is not None else []
    return found

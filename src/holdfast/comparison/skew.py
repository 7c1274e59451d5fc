"""Train/serve skew: what was logged at serving, held against what training saw, feature by feature.

The logged rows are joined with the training (warehouse) table by id, or by entity and time. A
feature *differs* when the Wilson lower bound of its share of mismatches is above what is allowed,
and is the *same as far as tested* when the upper bound is small; between the two it could not be
told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast import frames
from holdfast.comparison.equality import (
    BoolArray,
    Compared,
    IntArray,
    State,
    Tolerance,
    compare_columns,
)
from holdfast.comparison.joining import Joined, earlier_rows, join, key_codes
from holdfast.comparison.patterns import Pattern, pattern
from holdfast.comparison.skew_report import FeatureSkew, SkewReport
from holdfast.diagnosis.words import clean, names, percent
from holdfast.errors import DataError, UsageError
from holdfast.findings import Finding, Severity
from holdfast.frames import ColumnView, Table
from holdfast.stats.intervals import wilson

if TYPE_CHECKING:
    from holdfast.contracts import Contract

#: share of mismatches that is allowed: one row in a thousand
ALLOWED = 0.001
#: a feature is the same when at most this share may still differ (73 equal pairs show it)
SURE = 0.05
#: pairs looked at for a pattern
MOST_PAIRS = 20_000
#: row numbers shown as examples
EXAMPLES = 5
#: share of logged rows without partner from which nothing is said of the whole
LOST = 0.5
LEVEL = 0.95

REMEDIES = {
    "HF-SKEW-VALUE": "Compute the feature once and share it: log what was served and train on "
    "that, or run the training code on a logged request and look where the two part.",
    "HF-SKEW-UNIT": "Agree on one unit, and convert in one place.",
    "HF-SKEW-TIMEZONE": "Store times in UTC with their zone, and convert in one place.",
    "HF-SKEW-STALE": "Refresh the online store more often, or train on values as old as served.",
    "HF-SKEW-CONSTANT": "Find where the default is put in; a missing value must stay missing.",
    "HF-SKEW-ROUNDED": "Send the full precision, or round in training too.",
    "HF-SKEW-CATEGORY": "Map the names in one place, before both sides.",
}


def skew(
    logged: Any,
    training: Any,
    *,
    key: str | Sequence[str],
    features: Sequence[str] | None = None,
    contract: Contract | None = None,
    entity: str | None = None,
    event_time: str | None = None,
    tolerance: Tolerance | None = None,
    allowed: float = ALLOWED,
    show_ids: bool = False,
    seed: int = 0,
) -> SkewReport:
    """Joins logged requests with the training table and compares every feature.

    Args:
        logged: the requests as served; anything `holdfast.frames.read` takes.
        training: the training or warehouse table.
        key: column or columns that name the row in both; or the entity, with `event_time`.
        features: columns to compare; the contract's features, else every common column.
        contract: names features, entity and event time, and says which values may be shown.
        entity: column that names the row's owner, to recognise values that were not refreshed.
        event_time: column that says when, on both sides. Where keys repeat in training, each
            logged row is compared with the latest training row that is not later.
        tolerance: when two numbers count as equal.
        allowed: share of mismatches that is fine, in [0, 1).
        show_ids: show the keys of example rows; else their numbers only.
        seed: of the sample in which patterns are looked for.

    Raises:
        DataError: an empty table, no such key or feature, nothing in common.
        UsageError: `allowed` is out of range.

    Example:
        >>> ids = list(range(1, 201))
        >>> served = {"id": ids, "income": [100.0 * i for i in ids]}
        >>> trained = {"id": ids, "income": [float(i) for i in ids]}
        >>> report = skew(served, trained, key="id")
        >>> report.passed, report.findings[0].code
        (False, 'HF-SKEW-UNIT')
        >>> print(report.findings[0].sentence)
        `income` differs in 100% of 200 rows (98% to 100%): logged = 100 x training in all \
of them (per cent, or cents)
    """
    if not 0.0 <= allowed < 1.0:
        raise UsageError(
            "the allowed share of mismatches is out of range",
            expected="a number from 0 to below 1",
            got=f"allowed={allowed}",
        )
    left, right = frames.read(logged), frames.read(training)
    keys = (key,) if isinstance(key, str) else tuple(key)
    if contract is not None:
        entity = entity or _by_role(contract, "entity", left, right)
        event_time = event_time or _by_role(contract, "event_time", left, right)
    _usable(left, right, keys)
    joined = join(left, right, keys, event_time)
    chosen = _features(left, right, keys, features, contract, entity, event_time, joined)
    work = _Work(left, right, joined, keys, contract, entity, event_time, tolerance, allowed, seed)
    work.show_ids = show_ids
    results = [work.feature(name) for name in chosen]
    findings = [f for _, found in results for f in found]
    only_logged = tuple(n for n in left.names if n not in right)
    only_training = tuple(n for n in right.names if n not in left)
    findings += _about_columns(only_training, contract)
    findings += _about_rows(joined, left.num_rows)
    lost = joined.without_partner + joined.ambiguous + joined.null_keys
    return SkewReport(
        passed=_passed([f for f, _ in results], findings, lost / left.num_rows),
        mode="join",
        logged_rows=left.num_rows,
        training_rows=right.num_rows,
        pairs=len(joined.logged),
        without_partner=joined.without_partner,
        left_out=joined.ambiguous + joined.null_keys,
        duplicates=(joined.duplicates_logged, joined.duplicates_training),
        allowed=allowed,
        tolerance=work.tolerance,
        features=tuple(sorted((f for f, _ in results), key=_worst_first)),
        only_logged=only_logged,
        only_training=only_training,
        findings=tuple(sorted(findings, key=lambda f: -f.severity.rank)),
    )


def _worst_first(feature: FeatureSkew) -> tuple[float, str]:
    return -(feature.share.value or 0.0), feature.name


def _passed(
    features: Sequence[FeatureSkew], findings: Sequence[Finding], lost: float
) -> bool | None:
    if any(f.severity.rank >= Severity.ERROR.rank for f in findings):
        return False
    if lost > LOST or any(f.same is not True for f in features):
        return None
    return True


def _by_role(contract: Contract, role: str, left: Table, right: Table) -> str | None:
    found = (f.name for f in contract.fields if f.role.value == role)
    return next((name for name in found if name in left and name in right), None)


def _usable(left: Table, right: Table, keys: Sequence[str]) -> None:
    for table, which in ((left, "logged"), (right, "training")):
        if not table.num_rows:
            raise DataError(
                f"the {which} table has no rows",
                code="HF-E-SKEW-EMPTY",
                expected="at least one row",
                got="0 rows",
                remedy="check the file and the days it covers",
            )
        absent = [name for name in keys if name not in table]
        if absent or not keys:
            raise DataError(
                f"the {which} table lacks the key",
                code="HF-E-SKEW-KEY",
                expected=f"a column {absent[0]!r}" if absent else "a key",
                got=f"columns {', '.join(table.names[:12])}",
                remedy="name the column that both tables share with --key",
            )


def _features(
    left: Table,
    right: Table,
    keys: Sequence[str],
    asked: Sequence[str] | None,
    contract: Contract | None,
    entity: str | None,
    event_time: str | None,
    joined: Joined,
) -> tuple[str, ...]:
    """Columns to compare, in the order of the training table."""
    if asked is not None:
        absent = [n for n in asked if n not in left or n not in right]
        if absent:
            where = "logged" if absent[0] not in left else "training"
            raise DataError(
                f"a feature is not in the {where} table",
                code="HF-E-SKEW-COLUMNS",
                expected=f"a column {absent[0]!r}",
                got=f"columns {', '.join((left if where == 'logged' else right).names[:12])}",
                remedy="check the spelling, capitals included",
            )
        return tuple(asked)
    skipped = {*keys, entity, event_time if joined.by_time else None}
    chosen = tuple(n for n in right.names if n in left and n not in skipped)
    if contract is not None:
        known = {*contract.features, event_time}
        chosen = tuple(n for n in chosen if n in known)
    if not chosen:
        raise DataError(
            "the two tables have no feature in common",
            code="HF-E-SKEW-COLUMNS",
            expected="columns of the same name beside the key",
            got=f"logged {', '.join(left.names[:8])}; training {', '.join(right.names[:8])}",
            remedy="rename the columns of one side, or name them with --feature",
        )
    return chosen


class _Work:
    """What comparing one feature needs, made once."""

    def __init__(
        self,
        left: Table,
        right: Table,
        joined: Joined,
        keys: Sequence[str],
        contract: Contract | None,
        entity: str | None,
        event_time: str | None,
        tolerance: Tolerance | None,
        allowed: float,
        seed: int,
    ) -> None:
        self.left, self.right, self.joined, self.keys = left, right, joined, keys
        self.tolerance = tolerance or Tolerance()
        self.allowed = allowed
        self.show_ids = False
        self._open = {f.name for f in contract.fields if f.pii == "no"} if contract else set()
        self._seed = seed
        self._time = event_time if event_time is not None and event_time in right else None
        codes = joined.codes
        if entity is not None and entity in right:
            codes = key_codes(right, right, (entity,))[1]
        self._codes = codes

    def feature(self, name: str) -> tuple[FeatureSkew, list[Finding]]:
        """One feature, and what there is to say about it."""
        joined = self.joined
        compared = compare_columns(
            _rows(self.left, name, joined.logged),
            _rows(self.right, name, joined.training),
            self.tolerance,
        )
        counts = [int(np.count_nonzero(compared.state == state)) for state in State]
        pairs, wrong = len(compared.state), sum(counts[1:])
        share = wilson(wrong, pairs, LEVEL)
        low, high = share.low or 0.0, 1.0 if share.high is None else share.high
        same = False if low > self.allowed else (True if high <= max(SURE, self.allowed) else None)
        found: list[Finding] = []
        fits = Pattern(code="", says="")
        if counts[State.DIFFERENT] and not same:
            fits = self._pattern(name, compared)
        if _beyond(counts[State.DIFFERENT], pairs, self.allowed):
            found.append(self._differs(name, compared, counts[State.DIFFERENT], fits))
        found += [
            self._null(name, compared, state, counts[state])
            for state in (State.NULL_LOGGED, State.NULL_TRAINING)
            if _beyond(counts[state], pairs, self.allowed)
        ]
        if not found and low > self.allowed:
            found.append(self._differs(name, compared, wrong, fits))
        if compared.mixed:
            found.append(_types(name, compared, wrong))
        result = FeatureSkew(
            name=name,
            kind=compared.kind,
            types=compared.types,
            pairs=pairs,
            mismatches=wrong,
            share=share,
            different=counts[State.DIFFERENT],
            null_logged=counts[State.NULL_LOGGED],
            null_training=counts[State.NULL_TRAINING],
            same=same,
            pattern=fits.says if fits.code not in ("", "HF-SKEW-VALUE") else "",
        )
        return result, found

    def _pattern(self, name: str, compared: Compared) -> Pattern:
        """What the differing pairs have in common, looked for in a sample."""
        differ = np.flatnonzero(compared.state == State.DIFFERENT)
        rng = np.random.default_rng(self._seed)
        if len(differ) > MOST_PAIRS:
            differ = np.sort(rng.choice(differ, MOST_PAIRS, replace=False))
        joined = self.joined
        logged, training = joined.logged[differ], joined.training[differ]
        time = self.right.column(self._time) if self._time is not None else None
        steps = earlier_rows(self._codes, time, training)
        has = steps[0] >= 0 if steps else np.zeros(len(differ), np.bool_)
        earlier: list[Compared] = []
        others: list[Compared] = []
        if has.sum() >= max(5, len(differ) // 2):
            earlier = [self._against(name, logged, at) for at in steps]
            turned = rng.permutation(len(differ))
            others = [self._against(name, logged, at[turned]) for at in steps]
        return pattern(compared.take(differ), earlier, others, self.tolerance.equal)

    def _against(self, name: str, logged: IntArray, training: IntArray) -> Compared:
        """Logged values against other training rows; a row that is not there is no match."""
        there = training >= 0
        compared = compare_columns(
            _rows(self.left, name, logged),
            _rows(self.right, name, np.where(there, training, 0)),
            self.tolerance,
        )
        compared.state[~there] = State.DIFFERENT
        return compared

    def _examples(self, rows: BoolArray) -> dict[str, Any]:
        """A few of the rows by number, and by key where that may be shown."""
        at = self.joined.logged[np.flatnonzero(rows)[:EXAMPLES]]
        shown: dict[str, Any] = {"logged_rows": at.tolist()}
        if self.show_ids or self._open.issuperset(self.keys):
            columns = [self.left.column(key).array.take(at).to_pylist() for key in self.keys]
            shown["keys"] = [
                values[0] if len(values) == 1 else list(values)
                for values in zip(*columns, strict=True)
            ]
        return shown

    def _differs(self, name: str, compared: Compared, count: int, fits: Pattern) -> Finding:
        rows = compared.state == State.DIFFERENT
        if not rows.any() or int(rows.sum()) != count:
            rows = compared.state != State.SAME
        code = fits.code or "HF-SKEW-VALUE"
        said = fits.says or "nulls on either side"
        return self._finding(
            code, name, rows, f"differs in {_often(count, len(rows))}: {said}",
            REMEDIES[code], fits,
        )  # fmt: skip

    def _null(self, name: str, compared: Compared, state: State, count: int) -> Finding:
        rows = compared.state == state
        often = _often(count, len(rows))
        if state is State.NULL_LOGGED:
            return self._finding(
                "HF-SKEW-NULL-SERVING", name, rows,
                f"is null in the log in {often} where training has a value",
                "Mend the lookup at serving; do not fill it with a default.",
            )  # fmt: skip
        filled = compared.take(rows)
        values = filled.logged if filled.kind in {"number", "time"} else filled.logged_codes
        one = len(values) >= 5 and len(np.unique(values)) == 1
        more = ", always with the same: a default" if one else ""
        return self._finding(
            "HF-SKEW-NULL-TRAINING", name, rows,
            f"has a value in the log in {often} where training has none{more}",
            "Treat missing values the same on both sides: fill in both, or in neither.",
        )  # fmt: skip

    def _finding(
        self,
        code: str,
        name: str,
        rows: BoolArray,
        said: str,
        remedy: str,
        fits: Pattern | None = None,
    ) -> Finding:
        evidence = {"rows": int(rows.sum()), "pairs": len(rows), **self._examples(rows)}
        if fits is not None:
            evidence |= fits.evidence
            if name in self._open:
                evidence |= fits.values
        return Finding(
            code=code,
            severity=Severity.ERROR,
            sentence=f"`{clean(name)}` {said}",
            columns=(name,),
            evidence=evidence,
            remedy=remedy,
        )


def _rows(table: Table, name: str, at: IntArray) -> ColumnView:
    return ColumnView(name, table.column(name).array.take(at))


def _beyond(count: int, pairs: int, allowed: float) -> bool:
    return count > 0 and (wilson(count, pairs, LEVEL).low or 0.0) > allowed


def _often(count: int, pairs: int) -> str:
    """A share with its interval, in words.

    >>> _often(30, 100)
    '30% of 100 rows (22% to 40%)'
    """
    found = wilson(count, pairs, LEVEL)
    low, high = found.low or 0.0, found.high or 0.0
    return f"{percent(count / pairs)} of {pairs:,} rows ({percent(low)} to {percent(high)})"


def _types(name: str, compared: Compared, wrong: int) -> Finding:
    same = "the values are the same once read" if not wrong else "and not every value agrees"
    logged, training = compared.types
    return Finding(
        code="HF-SKEW-TYPE",
        severity=Severity.WARNING if not wrong else Severity.ERROR,
        sentence=f"`{clean(name)}` is logged as {logged} where training has {training}; {same}",
        columns=(name,),
        evidence={"logged": logged, "training": training, "mismatches": wrong},
        remedy="Send the type that training saw; a text is not a number to a model.",
    )


def _about_columns(only_training: Sequence[str], contract: Contract | None) -> list[Finding]:
    """Features of the contract that were not logged."""
    if contract is None:
        return []
    lost = [name for name in only_training if name in contract.features]
    if not lost:
        return []
    return [
        Finding(
            code="HF-SKEW-COLUMN",
            severity=Severity.WARNING,
            sentence=f"{names(lost)} {'is' if len(lost) == 1 else 'are'} in training and not in "
            "the log, so nothing can be said of what the model was served there",
            columns=tuple(lost),
            remedy="Log every feature that the model is asked with.",
        )
    ]


def _about_rows(joined: Joined, rows: int) -> list[Finding]:
    """Rows that could not be compared, and keys that stand twice."""
    found = []
    lost = joined.without_partner
    if lost:
        found.append(
            Finding(
                code="HF-SKEW-UNMATCHED",
                severity=Severity.WARNING if lost > 0.05 * rows else Severity.NOTE,
                sentence=f"{lost:,} of {rows:,} logged rows ({percent(lost / rows)}) have no "
                "partner in the training table and were not compared",
                evidence={"rows": lost, "logged": rows},
                remedy="Check that both tables cover the same days and that no filter drops rows.",
            )
        )
    repeated = joined.duplicates_logged, joined.duplicates_training
    if any(repeated) or joined.ambiguous or joined.null_keys:
        parts = [
            f"{count:,} {what}"
            for count, what in (
                (repeated[0], "logged rows repeat a key"),
                (repeated[1], "training rows repeat a key"),
                (joined.ambiguous, "logged rows were left out because their key is ambiguous"),
                (joined.null_keys, "logged rows have no key"),
            )
            if count
        ]
        found.append(
            Finding(
                code="HF-SKEW-DUPLICATE-KEY",
                severity=Severity.WARNING,
                sentence="; ".join(parts),
                evidence={
                    "repeated_logged": repeated[0],
                    "repeated_training": repeated[1],
                    "ambiguous": joined.ambiguous,
                    "without_key": joined.null_keys,
                },
                remedy="Find out which of the repeated rows was served; give every request its own "
                "id.",
            )
        )
    return found

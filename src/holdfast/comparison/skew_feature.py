"""One feature, logged against training: counts, bounds, a pattern, and what to say of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.comparison.patterns import Pattern, pattern
from holdfast.comparison.skew_report import FeatureSkew
from holdfast.diagnosis.words import percent
from holdfast.findings import Finding, Severity
from holdfast.frames import ColumnView, Table
from holdfast.frames.equality import (
    BoolArray,
    Compared,
    IntArray,
    State,
    Tolerance,
    compare_columns,
)
from holdfast.frames.joining import Joined, earlier_rows, key_codes
from holdfast.reports.naming import clean
from holdfast.stats.intervals import wilson

if TYPE_CHECKING:
    from holdfast.contracts import Contract

#: a feature is the same when at most this share may still differ (73 equal pairs show it)
SURE = 0.05
#: pairs looked at for a pattern
MOST_PAIRS = 20_000
#: row numbers shown as examples
EXAMPLES = 5
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


class FeatureWork:
    """What comparing one feature needs, made once."""

    def __init__(
        self,
        left: Table,
        right: Table,
        joined: Joined,
        *,
        keys: Sequence[str],
        contract: Contract | None,
        entity: str | None,
        event_time: str | None,
        tolerance: Tolerance,
        allowed: float,
        show_ids: bool,
        seed: int,
    ) -> None:
        self.left, self.right, self.joined, self.keys = left, right, joined, keys
        self.tolerance, self.allowed = tolerance, allowed
        self._open = {f.name for f in contract.fields if f.pii == "no"} if contract else set()
        self._show_ids = show_ids or self._open.issuperset(keys)
        self._seed = seed
        self._time = event_time if event_time is not None and event_time in right else None
        self._codes = joined.codes
        if entity is not None and entity in right:
            self._codes = key_codes(right, right, (entity,))[1]

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
        if self._show_ids:
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

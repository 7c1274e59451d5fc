"""Rows of one person, device or station on both sides: declared groups and found ones."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from holdfast.audit.case import Case
from holdfast.audit.record import LeakFinding, Verdict, Worth
from holdfast.audit.rows.candidates import Candidate, candidates
from holdfast.audit.rows.compared import row_numbers
from holdfast.audit.sizing import by_groups, by_rows
from holdfast.audit.words import expect
from holdfast.findings import Severity
from holdfast.frames.joining import key_codes
from holdfast.reports.naming import names

#: rows of a declared group or entity on both sides that prove a leak
_ROWS = 5
_SHARE = 0.002
#: gain of random over grouped folds from which a table without a split is worth a question
_GAIN = 0.01
_REMEDY = (
    "Split by the group (GroupKFold, GroupShuffleSplit), so that no group is on both sides, and "
    "expect the score of new groups. If the same groups return in use, split by time instead and "
    "answer the finding with that reason."
)


class _Overlap(NamedTuple):
    hit: Any
    leaked: Any
    groups: int


class Groups:
    """Entities on both sides of a split, measured as random folds against grouped folds."""

    code = "HF-L-GROUPS"
    type = "one entity on both sides of the split"
    asked_by: tuple[str, ...] = ("groups",)

    def needs(self, case: Case) -> str | None:
        """Some rows; without declared groups, columns that look like groups are tried."""
        return None if case.n >= 50 else "50 training rows"

    def run(self, case: Case) -> list[LeakFinding]:
        """One finding a declared group or entity, and at most two for columns found."""
        found = []
        declared = dict.fromkeys([*case.roles.groups, *filter(None, [case.roles.entity])])
        for name in declared:
            finding = self._declared(case, name)
            if finding is not None:
                found.append(finding)
        if not declared:
            found += self._found(case)
        return found

    def _declared(self, case: Case, name: str) -> LeakFinding | None:
        numbers = _numbers(case, name)
        strict = not _forward(case)
        overlap = None if case.test is None else _overlap(case, name)
        if overlap is None:
            gain = by_groups(case, [n for n in case.honest if n != name], numbers, name)
            return None if not _worthwhile(gain) else self._finding(
                case, name, Verdict.SUSPECT, gain,
                f"a random split would put rows of the same {names([name])} on both sides",
                {"groups": int(numbers.max()) + 1, "rows": case.n},
            )  # fmt: skip
        rows = int(overlap.hit.sum())
        if rows < _ROWS or rows < _SHARE * len(overlap.hit):
            return None
        gain = self._measured(case, name, numbers, overlap)
        if not strict and not _worthwhile(gain):
            return None  # who returns later is no leak, unless the model knows him by it
        return self._finding(
            case, name, Verdict.PROVEN if strict else Verdict.SUSPECT, gain,
            f"{rows:,} test rows ({rows / len(overlap.hit):.1%}) belong to a {names([name])} that "
            "is in the training table too",
            self._evidence(case, overlap),
        )  # fmt: skip

    def _found(self, case: Case) -> list[LeakFinding]:
        found = []
        for candidate in candidates(case):
            name = candidate.name
            overlap = None if case.test is None or name not in case.test else _overlap(case, name)
            if overlap is not None and overlap.hit.mean() < 0.02:
                continue  # already apart
            numbers = _numbers(case, name)
            gain = by_groups(case, [n for n in case.honest if n != name], numbers, name)
            if not (candidate.sure or _worthwhile(gain)):
                continue
            found.append(self._suspect(case, candidate, overlap, gain))
        found.sort(key=lambda f: -(f.worth.gain if f.worth is not None else 0.0))
        return found[:2]

    def _suspect(
        self, case: Case, candidate: Candidate, overlap: _Overlap | None, gain: Worth | None
    ) -> LeakFinding:
        evidence: dict[str, Any] = {
            "values": candidate.values,
            "rows_with_a_repeated_value": candidate.repeated,
            "agree_within": list(candidate.agree),
            "label_agreement": candidate.label,
        }
        if overlap is None:
            told = "a random split puts them on both sides"
        else:
            evidence.update(self._evidence(case, overlap))
            told = f"{overlap.hit.mean():.1%} of the test rows share one with a training row"
        return self._finding(
            case, candidate.name, Verdict.SUSPECT, gain,
            f"rows with the same {names([candidate.name])} seem to be of one entity; {told}",
            evidence,
        )  # fmt: skip

    def _measured(self, case: Case, name: str, numbers: Any, overlap: _Overlap) -> Worth | None:
        """By the split itself where a model without the leaked rows is left, else by folds."""
        features = [n for n in case.honest if n != name]
        leaked = overlap.leaked
        if leaked.mean() < 0.5:
            gain = by_rows(case, features, leaked, None)
            if gain is not None:
                return gain
        return by_groups(case, features, numbers, name)

    @staticmethod
    def _evidence(case: Case, overlap: _Overlap) -> dict[str, Any]:
        return {
            "test_rows": int(overlap.hit.sum()),
            "share": round(float(overlap.hit.mean()), 4),
            "groups_on_both_sides": overlap.groups,
            "rows": row_numbers(case, np.flatnonzero(overlap.hit), test=True),
            "training_rows": row_numbers(case, np.flatnonzero(overlap.leaked)),
        }

    def _finding(
        self, case: Case, name: str, verdict: Verdict, gain: Worth | None, sentence: str,
        evidence: dict[str, Any],
    ) -> LeakFinding:  # fmt: skip
        if gain is not None and gain.low > 0.0:
            sentence += f"; for new ones {expect(gain)}"
        return LeakFinding(
            code=self.code,
            severity=Severity.ERROR if verdict is Verdict.PROVEN else Severity.WARNING,
            verdict=verdict,
            columns=(name,),
            sentence=sentence,
            evidence=evidence,
            worth=gain,
            remedy=_REMEDY,
        )


def _worthwhile(gain: Worth | None) -> bool:
    return gain is not None and gain.low > 0.0 and gain.gain >= _GAIN


def _numbers(case: Case, name: str) -> Any:
    """Shape (n,): group of every training row; each null is a group of its own."""
    codes = np.unique(case.group_codes(name), return_inverse=True)[1]
    missing = case.column(name).missing
    if missing is not None and missing.any():
        codes[missing] = int(codes.max()) + 1 + np.arange(int(missing.sum()))
    return np.unique(codes, return_inverse=True)[1]


def _overlap(case: Case, name: str) -> _Overlap | None:
    test = case.test
    if test is None or name not in test:
        return None
    of_train, of_test = key_codes(case.train, test, [name])
    most = int(max(of_train.max(initial=-1), of_test.max(initial=-1))) + 1
    in_train = np.bincount(of_train[of_train >= 0], minlength=most) > 0
    in_test = np.bincount(of_test[of_test >= 0], minlength=most) > 0
    both = in_train & in_test
    if not most:
        return _Overlap(np.zeros(len(of_test), np.bool_), np.zeros(len(of_train), np.bool_), 0)
    hit = (of_test >= 0) & both[np.maximum(of_test, 0)]
    leaked = (of_train >= 0) & both[np.maximum(of_train, 0)]
    return _Overlap(hit, leaked, int(both.sum()))


def _forward(case: Case) -> bool:
    """Whether no test row is earlier than a training row: then groups return as they do in use."""
    time = case.roles.event_time
    if time is None or case.test is None or time not in case.test:
        return False
    last, first = case.column(time).bounds[1], case.test.column(time).bounds[0]
    return last is not None and first is not None and type(last) is type(first) and first >= last

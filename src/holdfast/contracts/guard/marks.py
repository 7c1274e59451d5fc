"""What a mark does: its violation, its part in the outcome, and the repair of the value.

Everything that can be known before a row arrives is computed here once, as an `Effect`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from holdfast.contracts.model import Field, Kind, Outcome, Policy, Verdict, Violation
from holdfast.contracts.values import short

#: outcome by rank, best first
OUTCOMES = (Outcome.OK, Outcome.DEGRADED, Outcome.ABSTAINED, Outcome.REJECTED)

_RANK = {
    Policy.ALLOW: 0,
    Policy.IMPUTE: 1,
    Policy.CLIP: 1,
    Policy.FALLBACK: 1,
    Policy.ABSTAIN: 2,
    Policy.REJECT: 3,
}

#: what happens to the value; a larger repair wins over a smaller one
KEEP, CLIP, IMPUTE, LEAVE_OUT = range(4)
_REPAIR = {Policy.IMPUTE: IMPUTE, Policy.CLIP: CLIP, Policy.FALLBACK: LEAVE_OUT}
#: repair of a `Mark`: nothing, a new value, or fields set to None for a fallback
NOTHING, SET, OMIT = range(3)

#: one mark on one row: violation (None for a silent repair), rank of the outcome it asks for, and
#: its repair: NOTHING; SET, name, value; or OMIT, names, None. A bare tuple, because a guard makes
#: and reads them within nanoseconds, and most of them are made before any row arrives.
Mark = tuple[Violation | None, int, int, Any, Any]
Marks = list[Mark]


class Effect(NamedTuple):
    """What happens when one rule marks one field.

    Attributes:
        violation: the violation, complete where `show` is false.
        show: whether the violation names the value.
        rank: how bad the row's outcome becomes, 0 (ok) to 3 (rejected).
        repair: KEEP, CLIP, IMPUTE or LEAVE_OUT.
    """

    violation: Violation
    show: bool
    rank: int
    repair: int

    def seen(self, *values: Any) -> Violation:
        """The violation, with the offending values where they may be shown."""
        known = self.violation
        if not self.show:
            return known
        got = " ".join(map(short, values))
        return Violation(known.field, known.code, known.policy, known.note, got)

    def mark(self, *values: Any) -> Mark:
        """The mark without any repair."""
        return (self.seen(*values), self.rank, NOTHING, None, None)


def effect(
    field: str,
    code: str,
    policy: Policy,
    *,
    note: bool = False,
    show: bool = False,
    clippable: bool = False,
    imputable: bool = True,
) -> Effect:
    """The effect of a mark with `code` on `field` under `policy`.

    A note does nothing to the row. ``clip`` where nothing can be clipped, and ``impute`` where
    nothing can be imputed, act like ``abstain``: a value is never guessed.
    """
    if note:
        policy = Policy.ALLOW
    elif (policy is Policy.CLIP and not clippable) or (policy is Policy.IMPUTE and not imputable):
        policy = Policy.ABSTAIN
    return Effect(
        Violation(field=field, code=code, policy=policy, note=note),
        show,
        _RANK[policy],
        _REPAIR.get(policy, KEEP),
    )


def field_effect(
    field: Field, code: str, *, rows: bool, policy: Policy | None, clippable: bool = False
) -> Effect:
    """The effect of one of a field's own rules; a null has no value to show."""
    return effect(
        field.name,
        code,
        field.policy if policy is None else policy,
        note=not rows,
        show=field.pii == "no" and code != "null",
        clippable=clippable and field.kind in {Kind.NUMERIC, Kind.INTEGER},
    )


def verdict(row: dict[str, Any], marks: Marks) -> Verdict:
    """The verdict on a marked row; the row itself is not touched."""
    violations = []
    worst, values = 0, row
    missing: tuple[str, ...] = ()
    for violation, rank, repair, name, value in marks:
        if violation is not None:
            violations.append(violation)
            if rank > worst:
                worst = rank
        if repair == NOTHING:
            continue
        if values is row:
            values = row.copy()
        if repair == SET:
            values[name] = value
        else:
            missing += tuple(n for n in name if n not in missing)
            values.update(dict.fromkeys(name))
    return Verdict(OUTCOMES[worst], values, tuple(violations), missing)


def shadow_verdict(row: dict[str, Any], marks: Marks) -> Verdict:
    """The verdict on a marked row in shadow mode: the same violations, nothing else."""
    return Verdict(Outcome.OK, row, tuple(mark[0] for mark in marks if mark[0] is not None))

"""Numbers in another unit: a factor, an offset, a sign."""

from __future__ import annotations

from functools import partial

from holdfast.diagnosis.evidence import Cause, Evidence
from holdfast.diagnosis.look import Look
from holdfast.diagnosis.rules.base import (
    Rule,
    Suspect,
    amount,
    broken,
    gathered,
    hit,
    pipeline,
)
from holdfast.diagnosis.rules.harmless_drift import weightless
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.mixture import Mixture, fit
from holdfast.diagnosis.signatures.transforms import (
    KNOWN,
    Transform,
    best_changes,
    misfit,
    whole_ratio,
)
from holdfast.diagnosis.words import percent

#: share of rows (of the guilty source) beyond the range that outliers do not reach
BULK = 0.5
#: with one known factor explaining all of them, less will do
BULK_WITH_FACTOR = 0.2
#: different numbers a column needs before its unit can be told
DISTINCT = 5
#: a unit changes for whole sources; a smaller share of the rows that no segment explains is odd
WHOLE, SCATTERED = 0.85, -20.0
#: where fewer rows than this are hit, each must speak clearly (nats), else it is a coincidence
LEAST, CLEAR = 0.4, 2.5


def match(evidence: Evidence) -> Cause | None:
    """Most values are out of range, or many by one known factor."""
    moved = evidence.rising("range")
    if not moved:
        return None
    reach = evidence.reach(moved[0])
    values = evidence.values.get(moved[0].field)
    factor = values.factor if values is not None and values.rows >= 3 else None
    if reach < (BULK if factor is None else BULK_WITH_FACTOR):
        return None
    if factor is None:
        because = f"{percent(reach)} of the values left the range together"
        return pipeline("unit_scale", moved, "out of range", 0.6, because)
    because = f"divided by {factor:g} the values are back in range"
    return pipeline("unit_scale", moved, f"out of range by a factor of {factor:g}", 0.85, because)


def weigh(scene: Scene) -> list[Suspect]:
    """A change of unit that, undone, leaves the column as in the reference."""
    out = []
    for look in scene.broken:
        if not look.is_number or look.face.distinct < DISTINCT:
            continue
        for change, ratio in look.keep("changes", best_changes):
            found = fit(ratio)
            if found.nats <= 0.0 or (change.prior < KNOWN and weightless(look)):
                continue  # an unknown change inside known values without effect: harmless drift
            prior = change.prior - misfit(look, change, found.share)
            turned = change.a < 0.0 and change.prior >= KNOWN  # signs do turn in single rows
            if found.share < WHOLE and not turned and not gathered(scene, found, look.name):
                hits = max(1.0, float(found.weight.sum()))
                known = change.prior >= KNOWN and found.share >= LEAST
                if not known and found.nats / hits < CLEAR:
                    continue
                if _in_reach(look, found):
                    continue
                prior += SCATTERED
            because = (
                f"undone, the values are as in the reference: {_formula(change)} explains "
                f"{percent(found.share)} of the rows"
            )
            cause = broken("unit_scale", (look.name,), words(change), because)
            details = {"factor": change.a, "offset": change.b, "share": found.share}
            again = partial(whole_ratio, change=change)
            out.append(hit(cause, found, prior, again, **details))
    return out


def _in_reach(look: Look, found: Mixture) -> bool:
    """Whether the rows hit lie no further out than a new record would."""
    x = look.numbers[(found.weight > 0.5) & look.present]
    reach = look.face.spread
    inside = (x >= look.face.low - reach) & (x <= look.face.high + reach)
    return bool(inside.all())


def words(change: Transform) -> str:
    """What happened to the column, after its name.

    >>> words(Transform(100.0, 0.0, 0.0, "")), words(Transform(1.8, 32.0, 0.0, "degrees"))
    ('x100', 'x1.8 + 32 (degrees)')
    >>> words(Transform(-1.0, 0.0, 0.0, "")), words(Transform(1.0, -2.5, 0.0, ""))
    ('with the sign turned', 'shifted by -2.5')
    """
    if change.a == -1.0 and change.b == 0.0:
        return "with the sign turned"
    if change.a == 1.0:
        text = f"shifted by {'+' if change.b > 0 else ''}{amount(change.b)}"
    elif change.b == 0.0:
        text = f"x{amount(change.a)}"
    else:
        text = f"x{amount(change.a)} {'+' if change.b > 0 else '-'} {amount(abs(change.b))}"
    return f"{text} ({change.known})" if change.known else text


def _formula(change: Transform) -> str:
    return words(change._replace(known=""))


RULE = Rule("unit_scale", ("range",), match, weigh, close=True)

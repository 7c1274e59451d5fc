"""What the marks show but cannot explain: said plainly, to be looked at by a person."""

from __future__ import annotations

from holdfast.diagnosis.evidence import Cause, Evidence
from holdfast.diagnosis.rules.base import Rule, Suspect, features_of, hit
from holdfast.diagnosis.rules.harmless_drift import weightless
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.alone import altered, bond_ratio
from holdfast.records import Action

_WORDS = {
    "format": "in another format",
    "length": "of another length",
    "order": "out of order with its partner",
    "null_together": "null without its partners",
    "sum": "no longer adding up",
    "dependency": "contradicting what determines it",
    "unknown_field": "fields that the contract does not know arrive",
    "rejected": "more requests rejected",
    "abstained": "more requests sent to a person",
    "guard_error": "the guard itself fails",
    "model_error": "the model itself fails",
    "other": "marks that the release does not know",
}
#: codes that only a change upstream can cause
_UPSTREAM = frozenset({"format", "length", "unknown_field"})


def match(evidence: Evidence) -> Cause:
    """Always answers; the cause is pipeline where only a change upstream can do this."""
    first = evidence.moved[0]
    upstream = first.code in _UPSTREAM
    return Cause(
        class_="pipeline" if upstream else "unknown",
        kind="unknown",
        action=Action.FIX_PIPELINE if upstream else Action.INVESTIGATE,
        features=features_of([m for m in evidence.moved if m.code == first.code]),
        words=_WORDS.get(first.code, f"marked {first.code}"),
        confidence=0.5 if upstream else 0.2,
        because="the marks show that something changed, but not what",
    )


#: less likely than any kind with a name, before looking
PRIOR = -8.0
#: what losing its bond to the other columns must add to a column's own movement
LEAST = 8.0


def weigh(scene: Scene) -> list[Suspect]:
    """A column that moved and no longer suits the others: altered, in a way without a name."""
    out = []
    for look in scene.close:
        if look.drifted <= 0.0 or not look.ratios.size or scene.hangs_on(look.name):
            continue
        if weightless(look):
            continue
        found = look.keep("altered", altered)
        if found.nats <= look.drifted + LEAST:
            continue
        because = "the column moved and no longer suits the others, which did not move with it"
        cause = Cause(
            class_="pipeline",
            kind="unknown",
            action=Action.FIX_PIPELINE,
            features=(look.name,),
            words="altered upstream",
            confidence=0.0,
            because=because,
        )
        out.append(hit(cause, found, PRIOR, bond_ratio, share=found.share))
    return out


RULE = Rule("unknown", (), match, weigh, close=True)

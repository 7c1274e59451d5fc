"""Which policy each field gets, from what a fault in it would do."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from holdfast.contracts.contract import Contract
from holdfast.contracts.model import Policy, Role
from holdfast.evaluation.record import Evaluation
from holdfast.releases.records import Blast

#: share of decisions that a fault must flip for a field to be guarded
FLIPPED = 0.02
#: and share of what the model is worth, over one constant decision, that it must cost
LOST = 0.02
#: faults that a guard sees on the row itself
_VISIBLE = frozenset({"null", "default", "x100", "renamed"})
#: faults that fields are ranked by: the value is gone, or something was filled in
_GONE = frozenset({"null", "default"})


def ranked_fields(blast: Sequence[Blast], evaluation: Evaluation) -> list[str]:
    """Fields worth guarding, the most expensive to lose (null or default) first.

    A field is worth it when a null, default, x100 or renamed value in it flips at least 2% of the
    decisions and costs at least 2% of what the model is worth (its expected cost against that of
    one constant decision for all), or leaves the model without an answer.

    Args:
        blast: the blast radius.
        evaluation: of the healthy model.
    """
    value = evaluation.baseline.expected_cost - evaluation.value("expected_cost")
    dear = LOST * max(value, 0.0)
    worth = {
        entry.feature
        for entry in blast
        if entry.fault in _VISIBLE
        and (entry.error or ((entry.flipped.value or 0.0) >= FLIPPED and entry.cost_change >= dear))
    }
    harm = dict.fromkeys(worth, float("-inf"))
    for entry in blast:
        if entry.feature in worth and entry.fault in _GONE:
            harm[entry.feature] = max(harm[entry.feature], entry.cost_change)
    return sorted(harm, key=lambda name: (-harm[name], name))


def automatic_policies(
    contract: Contract,
    features: Collection[str],
    worth: Collection[str],
    covered: Collection[str],
) -> dict[str, Policy]:
    """Policies for the fields that have none of their own yet.

    The rule, in this order:

    1. A field whose policy a person set (anything but ``allow``) keeps it.
    2. A field the model does not use keeps ``allow``.
    3. A field that is not worth guarding keeps ``allow``: the model copes with it.
    4. A field with a good fallback gets ``fallback``. Good means: on validation rows, cheaper
       than one constant decision for all, beyond chance. (What the main model's own pipeline does
       about a null is one of the ways to fall back that were compared.)
    5. Else a field worth guarding gets ``abstain``: nothing known answers well enough.

    Nulls that training itself had in plenty are notes of the contract, not violations; the model
    learned them and goes on answering, whatever the policy.

    Args:
        contract: the contract.
        features: inputs of the model.
        worth: fields worth guarding (`ranked_fields`).
        covered: fields with a good fallback.
    """
    chosen: dict[str, Policy] = {}
    for field in contract.fields:
        if field.role is not Role.FEATURE or field.policy is not Policy.ALLOW:
            continue
        if field.name not in features or field.name not in worth:
            continue
        chosen[field.name] = Policy.FALLBACK if field.name in covered else Policy.ABSTAIN
    return chosen

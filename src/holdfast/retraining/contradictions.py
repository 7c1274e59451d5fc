"""Clauses of a policy that cannot all be meant."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.retraining.policy import Policy
from holdfast.retraining.units import spelled


def contradictions(policy: Policy) -> list[tuple[str, str, str]]:
    """What contradicts what: the key to blame, the trouble, and what would be right.

    Example:
        >>> contradictions(Policy())
        []
    """
    return list(_found(policy))


def _found(policy: Policy) -> Iterator[tuple[str, str, str]]:
    when, unless, limits = policy.when, policy.unless, policy.limits
    steps = policy.canary.steps
    if list(steps) != sorted(set(steps)):
        yield "canary.steps", f"canary.steps = {list(steps)} do not rise", "rising shares"
    if when.schedule is not None:
        if when.schedule == 0:
            yield "when.schedule", "when.schedule is no time", "a duration above 0, or false"
        elif when.schedule < unless.cooldown:
            yield (
                "when.schedule",
                f"when.schedule = {spelled(when.schedule)} is shorter than unless.cooldown = "
                f"{spelled(unless.cooldown)}: it could never be kept",
                "a schedule of at least the cooldown",
            )
        elif when.schedule * limits.per_model.count < limits.per_model.per:
            yield (
                "when.schedule",
                f"when.schedule = {spelled(when.schedule)} asks for more than limits.per_model = "
                f"{limits.per_model.count}/{spelled(limits.per_model.per)} allows",
                "a schedule that the limit allows",
            )
    rise = when.loss_increase
    if not when.incident and rise is None and when.growth is None and when.schedule is None:
        yield (
            "when",
            "nothing ever asks for a retraining",
            "at least one of when.incident, when.loss_increase, when.growth, when.schedule",
        )
    if not unless.open_incident and policy.automatic:
        yield (
            "unless.open_incident",
            "automatic = true with no incident that forbids a retraining would learn from "
            "broken rows",
            'at least "pipeline" among unless.open_incident',
        )
    if policy.gates.slice_support > policy.gates.decide_at:
        yield (
            "gates.slice_support",
            f"gates.slice_support = {policy.gates.slice_support} is more than gates.decide_at = "
            f"{policy.gates.decide_at}: no slice would ever be judged",
            "a support of at most decide_at",
        )

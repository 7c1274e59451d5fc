"""Whether a model is trained again now: every clause of the policy told, then one outcome. Pure."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator

import msgspec

from holdfast.retraining.facts import Facts
from holdfast.retraining.policy import Policy
from holdfast.retraining.units import spelled


class Outcome(enum.StrEnum):
    """What is decided."""

    RETRAIN = "retrain"
    RECALIBRATE = "recalibrate"
    WAIT = "wait"
    VETOED = "vetoed"
    COULD_NOT_TELL = "could_not_tell"


class Role(enum.StrEnum):
    """What a clause is there for."""

    WHEN = "when"
    UNLESS = "unless"
    LIMIT = "limit"


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One clause and what it says now.

    Attributes:
        name: its key in the policy.
        role: whether it asks (``when``), forbids (``unless``) or limits (``limit``).
        holds: whether it asks, forbids or limits now; None: could not be told.
        sentence: why.
    """

    name: str
    role: Role
    holds: bool | None
    sentence: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided, and every clause behind it.

    Attributes:
        outcome: what is done.
        cause: names cause and window of what asks, the same as long as they are; None where
            nothing asks. One cause leads to one retraining.
        clauses: every clause, in the order of the policy.
    """

    outcome: Outcome
    cause: str | None
    clauses: tuple[Told, ...]

    @property
    def why(self) -> tuple[str, ...]:
        """The sentences that decided."""
        wanted = {
            Outcome.RETRAIN: (Role.WHEN,),
            Outcome.RECALIBRATE: (Role.WHEN,),
            Outcome.VETOED: (Role.UNLESS, Role.LIMIT),
            Outcome.WAIT: (Role.WHEN,),
            Outcome.COULD_NOT_TELL: (Role.WHEN,),
        }[self.outcome]
        holds = {Outcome.WAIT: False, Outcome.COULD_NOT_TELL: None}.get(self.outcome, True)
        return tuple(c.sentence for c in self.clauses if c.role in wanted and c.holds is holds)


def decide(policy: Policy, facts: Facts) -> Decision:
    """What to do about a model now.

    Every clause is looked at, also where another has decided already. What asks is heard only
    where nothing forbids: an open incident of a class that the policy names, too few outcomes, a
    cooldown that runs, a storm, a freeze, a challenger that is still tried, or a limit. A loss
    that could not be told neither asks nor is it taken for a good one.

    Example:
        >>> facts = Facts(model="loan", now=10**15, champion="a1", trained_rows=100, matured=5_000)
        >>> decision = decide(Policy(), facts)
        >>> decision.outcome.value, decision.cause
        ('retrain', 'growth:a1:14')
    """
    asks = tuple(_asks(policy, facts))
    forbids = (*_forbids(policy, facts), *_limits(policy, facts))
    asking = [(told, cause) for told, cause in asks if told.holds]
    clauses = (*(told for told, _ in asks), *forbids)
    cause = asking[0][1] if asking else None
    if not asking:
        unknown = any(told.holds is None for told, _ in asks)
        outcome = Outcome.COULD_NOT_TELL if unknown else Outcome.WAIT
    elif any(told.holds is not False for told in forbids):
        outcome = Outcome.VETOED
    elif policy.when.recalibrate_first and _only_prior(facts, asking[0][0]):
        outcome = Outcome.RECALIBRATE
    else:
        outcome = Outcome.RETRAIN
    return Decision(outcome=outcome, cause=cause, clauses=clauses)


def _only_prior(facts: Facts, told: Told) -> bool:
    """Whether the share of outcomes is what moved, and nothing else did."""
    moved = {i.class_ for i in facts.incidents if i.class_ != "harmless"}
    asked = {i.asks for i in facts.incidents if i.asks}
    return moved == {"prior"} or (told.name == "when.incident" and asked == {"recalibrate"})


def _asks(policy: Policy, facts: Facts) -> Iterator[tuple[Told, str | None]]:
    champion = (facts.champion or "")[:12]

    def told(name: str, holds: bool | None, sentence: str, cause: str) -> tuple[Told, str | None]:
        clause = Told(name=f"when.{name}", role=Role.WHEN, holds=holds, sentence=sentence)
        return clause, cause if holds else None

    when, loss = policy.when, facts.loss
    if when.incident:
        found = [i for i in facts.incidents if i.asks]
        yield told(
            "incident",
            bool(found),
            "; ".join(f"incident {i.id[:12]} asks to {i.asks}: {i.sentence}" for i in found)
            or "no open incident asks for it",
            f"incident:{found[0].id if found else None}",
        )
    if when.loss_increase is not None:
        cause = f"loss:{champion}:{loss.since if loss else None}"
        yield told("loss_increase", *_risen(policy, facts), cause)
    if when.growth is not None:
        need = max(1, round((when.growth - 1) * facts.trained_rows))
        known = facts.champion is not None and facts.trained_rows > 0
        yield told(
            "growth",
            facts.matured >= need if known else None,
            f"{facts.matured:,} outcomes came since the champion learned from "
            f"{facts.trained_rows:,} rows; {need:,} ask for a retraining"
            if known
            else "how many rows the champion learned from is not known",
            f"growth:{champion}:{_times_grown(when.growth, facts)}",
        )
    if when.schedule is not None:
        last = max((facts.trained_at, *facts.retrains))
        age = facts.now - last
        yield told(
            "schedule",
            age >= when.schedule,
            f"trained {spelled(max(age, 0) // 1_000_000 * 1_000_000)} ago; the schedule is "
            f"{spelled(when.schedule)}",
            f"schedule:{champion}:{last}",
        )


def _times_grown(growth: float, facts: Facts) -> int:
    """How many times over the rows have grown: each time is a cause of its own.

    A challenger that was not better with 1.3 times the rows may be with 1.7 times.

    >>> facts = Facts(model="loan", now=0, champion="a1", trained_rows=1_000, matured=700)
    >>> _times_grown(1.3, facts)
    2
    """
    ratio = 1.0 + facts.matured / max(facts.trained_rows, 1)
    return int(math.log(ratio) / math.log(growth) + 1e-9)


def _risen(policy: Policy, facts: Facts) -> tuple[bool | None, str]:
    rise, loss = policy.when.loss_increase, facts.loss
    if rise is None or loss is None or loss.risen is None:
        why = loss.why if loss is not None and loss.why else "no outcomes were judged yet"
        return None, f"whether the {policy.metric} has risen could not be told: {why}"
    said = (
        f"{policy.metric} {loss.estimate:.4g} against {loss.baseline:.4g} over {loss.rows:,} rows"
    )
    if not loss.risen:
        return False, f"{said}: no rise of {rise.min:.0%} or more was told"
    lasted = 0 if loss.since is None else facts.now - loss.since
    if lasted < rise.lasting:
        return False, f"{said}: risen, but not yet for {spelled(rise.lasting)}"
    return True, f"{said}: risen by {rise.min:.0%} or more with confidence {rise.confidence}"


def _forbids(policy: Policy, facts: Facts) -> Iterator[Told]:
    def told(name: str, holds: bool | None, sentence: str) -> Told:
        return Told(name=name, role=Role.UNLESS, holds=holds, sentence=sentence)

    unless = policy.unless
    bad = [i for i in facts.incidents if i.class_ in unless.open_incident]
    yield told(
        "unless.open_incident",
        bool(bad),
        "; ".join(f"incident {i.id[:12]} ({i.class_}: {i.kind}) is open: {i.sentence}" for i in bad)
        or f"no incident of class {', '.join(unless.open_incident)} is open",
    )
    yield told(
        "unless.matured_labels",
        facts.matured < unless.matured_labels,
        f"{facts.matured:,} outcomes came since the champion was trained, "
        f"{unless.matured_labels:,} are asked for",
    )
    last = max(facts.retrains, default=None)
    age = None if last is None else facts.now - last
    yield told(
        "unless.cooldown",
        age is not None and age < unless.cooldown,
        "it was not retrained yet"
        if age is None
        else f"retrained {spelled(max(age, 0) // 1_000_000 * 1_000_000)} ago, "
        f"the cooldown is {spelled(unless.cooldown)}",
    )
    wide = {source: n for source, n in facts.storms.items() if n >= unless.storm}
    yield told(
        "unless.storm",
        bool(wide),
        "; ".join(
            f"{n} models alarm at once from {source or 'one place'}" for source, n in wide.items()
        )
        or f"no {unless.storm} models alarm at once from one source",
    )
    yield told(
        "frozen",
        bool(facts.frozen),
        f"frozen: {', '.join(facts.frozen)}" if facts.frozen else "nothing is frozen",
    )
    yield told(
        "challenger",
        facts.challenger is not None,
        f"release {facts.challenger[:12]} is being tried"
        if facts.challenger
        else "no challenger is being tried",
    )
    if facts.champion is None:
        yield told("champion", True, "there is no champion: the first release is a person's")


def _limits(policy: Policy, facts: Facts) -> Iterator[Told]:
    def told(name: str, holds: bool, sentence: str) -> Told:
        return Told(name=f"limits.{name}", role=Role.LIMIT, holds=holds, sentence=sentence)

    limits = policy.limits
    lately = sum(facts.now - t < limits.per_model.per for t in facts.retrains)
    yield told(
        "per_model",
        lately >= limits.per_model.count,
        f"{lately} retrainings within {spelled(limits.per_model.per)}, "
        f"{limits.per_model.count} allowed",
    )
    yield told(
        "at_once",
        facts.running >= limits.at_once,
        f"{facts.running} retrainings run now, {limits.at_once} allowed",
    )
    yield told(
        "attempts",
        facts.failed >= limits.attempts,
        f"{facts.failed} retrainings failed in a row, {limits.attempts} allowed"
        + ("; a person is to look" if facts.failed >= limits.attempts else ""),
    )

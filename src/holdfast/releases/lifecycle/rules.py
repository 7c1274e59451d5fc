"""The rules of the moves: from a state to the stages a move leads to, or a refusal. No store."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from holdfast.errors import ReleaseError
from holdfast.releases.lifecycle.stage import ALLOWED, Stage
from holdfast.releases.lifecycle.state import State

#: what the first release of a model needs no check of: there is no champion to hold it against
WAIVED_FOR_THE_FIRST = ("shadow", "canary")
_PROMOTABLE = (Stage.AUDITED, Stage.SHADOW, Stage.CANARY)


class Plan(msgspec.Struct, frozen=True):
    """What a move does.

    Attributes:
        release: the release it is about.
        stages: release and stage, step by step in this order.
        before: the champion until now, where the move changes it.
        waived: check → why it was not asked for.
    """

    release: str
    stages: tuple[tuple[str, Stage], ...]
    before: str | None = None
    waived: dict[str, str] = {}


def refusal(
    message: str, *, expected: str, got: str, remedy: str, code: str = "HF-E-LIFECYCLE"
) -> ReleaseError:
    """A move that the rules do not allow."""
    return ReleaseError(message, code=code, expected=expected, got=got, remedy=remedy)


def step(state: State, release: str, *to: Stage) -> Plan:
    """One release goes to the next stage, or through several.

    Example:
        >>> [(r, s.value) for r, s in step(State(), "a1", Stage.AUDITED).stages]
        [('a1', 'candidate'), ('a1', 'audited')]

    Raises:
        ReleaseError: the stage cannot follow (``HF-E-LIFECYCLE``).
    """
    now, steps = state.stage(release), []
    if release not in state.stages:
        steps.append((release, Stage.CANDIDATE))
    for stage in to:
        if stage not in ALLOWED[now]:
            raise refusal(
                f"release {release[:12]} cannot become {stage.value}",
                expected=f"one of {sorted(ALLOWED[now])} after {now.value}",
                got=f"stage={now.value}",
                remedy="build a new release" if not ALLOWED[now] else "take the steps in order",
            )
        steps.append((release, stage))
        now = stage
    return Plan(release, tuple(steps))


def promote(
    state: State, release: str, at: int, required: Collection[str], waived: Mapping[str, str]
) -> Plan:
    """A release becomes champion, the champion standby, the standby before it is retired.

    Args:
        state: how things stand.
        release: the release; audited, in shadow or canary.
        at: when, microseconds since 1970 (UTC).
        required: names of the checks asked for.
        waived: name → reason for those asked for no longer.

    Raises:
        ReleaseError: the wrong stage, or a check is lacking, failed or expired
            (``HF-E-LIFECYCLE``).
    """
    now = state.stage(release)
    if now not in _PROMOTABLE:
        raise refusal(
            f"release {release[:12]} cannot be promoted",
            expected=f"one of {[stage.value for stage in _PROMOTABLE]}",
            got=f"stage={now.value}",
            remedy="audit a candidate first; a standby answers again by a rollback",
        )
    odd = [name for name, why in waived.items() if name not in required or not why.strip()]
    if odd:
        raise refusal(
            "this waiver says nothing",
            expected=f"checks of {sorted(required)}, each with a reason",
            got=f"waived={sorted(odd)}",
            remedy="name a required check and say why it may be left out",
        )
    champion, standby = state.holder(Stage.CHAMPION), state.holder(Stage.STANDBY)
    used, lacking = {}, []
    for name in required:
        if state.passes(release, name, at):
            continue
        if name in waived:
            used[name] = waived[name]
        elif champion is None and name in WAIVED_FOR_THE_FIRST:
            used[name] = "first release of the model"
        else:
            lacking.append(name)
    for name in WAIVED_FOR_THE_FIRST:  # the store asks for both, or for a word about them
        if name not in required and not state.passes(release, name, at):
            used[name] = "not asked for"
    if lacking:
        raise refusal(
            f"release {release[:12]} lacks checks",
            expected=f"passed and not expired: {sorted(required)}",
            got=f"lacking={lacking}",
            remedy="record the outcome of the check, or waive it with a reason",
        )
    steps = [(standby, Stage.RETIRED)] if standby is not None else []
    steps += [(champion, Stage.STANDBY)] if champion is not None else []
    return Plan(release, (*steps, (release, Stage.CHAMPION)), champion, used)


def rollback(state: State) -> Plan:
    """The standby answers again; the champion is quarantined.

    Raises:
        ReleaseError: there is no standby (``HF-E-LIFECYCLE``).
    """
    champion, standby = state.holder(Stage.CHAMPION), state.holder(Stage.STANDBY)
    if champion is None or standby is None:
        raise refusal(
            "there is no standby to roll back to",
            expected="a champion and a standby",
            got=f"champion={champion and champion[:12]}, standby={standby and standby[:12]}",
            remedy="promote the release you want by its id",
        )
    return Plan(standby, ((champion, Stage.QUARANTINED), (standby, Stage.CHAMPION)), champion)


def quarantine(state: State, release: str) -> Plan:
    """A release is set aside; not the champion, which a rollback sets aside.

    Raises:
        ReleaseError: the champion, or a release that is out already (``HF-E-LIFECYCLE``).
    """
    if state.stage(release) is Stage.CHAMPION:
        raise refusal(
            "the champion is not quarantined while it answers",
            expected="another release",
            got="stage=champion",
            remedy="roll back: the champion is quarantined and the standby answers",
        )
    return step(state, release, Stage.QUARANTINED)


def adopt(state: State, release: str) -> Plan:
    """Bring the stages into line with a champion that was set before they had a first move.

    Later on the store lets nobody set one beside the lifecycle.

    Raises:
        ReleaseError: there is a champion already, or nothing leads there (``HF-E-LIFECYCLE``).
    """
    champion = state.holder(Stage.CHAMPION)
    if champion is not None:
        raise refusal(
            "there is a champion of the lifecycle already",
            expected="no champion of the lifecycle",
            got=f"champion={champion[:12]}",
            remedy="promote or roll back",
        )
    through = (Stage.AUDITED,) if state.stage(release) is Stage.CANDIDATE else ()
    return step(state, release, *through, Stage.CHAMPION)

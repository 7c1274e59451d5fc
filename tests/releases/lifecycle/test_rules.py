"""The rules by themselves, without a store: what they plan, and how a refusal reads."""

from __future__ import annotations

import pytest

from holdfast.errors import ReleaseError
from holdfast.releases.lifecycle import Stage, State, rules
from holdfast.storage.lifecycle import CheckRow

A, B, C = ("0123456789ab" + letter * 52 for letter in "abc")
SHORT = "0123456789ab"


def shown(call, *args) -> ReleaseError:
    """The refusal; it names releases by their first twelve characters and no longer."""
    with pytest.raises(ReleaseError) as caught:
        call(*args)
    text = f"{caught.value.message} {caught.value.got}"
    assert SHORT in text
    assert not any(SHORT + letter in text for letter in "abc")
    return caught.value


def test_before_the_first_move_there_is_nothing():
    assert State().rev == 0
    assert (State().stages, State().frozen, State().checks) == ({}, (), {})


@pytest.mark.parametrize(
    ("record", "changed"), [(State(), {"rev": 7}), (rules.Plan(A, ()), {"release": B})]
)
def test_what_was_read_and_planned_is_not_changed_afterwards(record, changed):
    for name, value in changed.items():
        with pytest.raises(AttributeError, match="immutable"):
            setattr(record, name, value)


def test_the_parts_of_a_state_are_given_by_name():
    with pytest.raises(TypeError):
        State(1)


def test_a_step_out_of_order_is_refused_with_what_may_come():
    error = shown(rules.step, State(stages={A: Stage.AUDITED}), A, Stage.CANARY)
    assert error.got == "stage=audited"
    assert error.remedy == "take the steps in order"


def test_where_nothing_leads_out_a_new_release_is_the_remedy():
    error = shown(rules.step, State(stages={A: Stage.REJECTED}), A, Stage.AUDITED)
    assert error.expected == "one of [] after rejected"
    assert error.remedy == "build a new release"


def test_a_candidate_is_not_promoted():
    error = shown(rules.promote, State(), A, 0, (), {})
    assert error.got == "stage=candidate"


def test_a_release_that_lacks_a_check_is_named_with_it():
    state = State(stages={A: Stage.AUDITED, B: Stage.CHAMPION})
    error = shown(rules.promote, state, A, 0, ("shadow", "canary"), {"shadow": "urgent"})
    assert error.got == "lacking=['canary']"


@pytest.mark.parametrize("required", [("fairness",), ("fairness", "canary")])
def test_a_shadow_or_canary_that_is_not_asked_for_is_put_on_record_unless_it_passed(required):
    passed = {
        A: {n: CheckRow(A, n, True, 0, None, e) for e, n in enumerate(("fairness", "canary"), 1)}
    }
    state = State(stages={A: Stage.AUDITED, B: Stage.CHAMPION}, checks=passed)
    assert rules.promote(state, A, 0, required, {}).waived == {"shadow": "not asked for"}


def test_a_promotion_moves_three_releases_in_this_order():
    state = State(stages={A: Stage.AUDITED, B: Stage.CHAMPION, C: Stage.STANDBY})
    plan = rules.promote(state, A, 0, (), {})
    assert plan.stages == ((C, Stage.RETIRED), (B, Stage.STANDBY), (A, Stage.CHAMPION))
    assert plan.before == B


@pytest.mark.parametrize(
    ("stages", "got"),
    [
        ({A: Stage.CHAMPION}, f"champion={SHORT}, standby=None"),
        ({A: Stage.STANDBY}, f"champion=None, standby={SHORT}"),
    ],
)
def test_a_rollback_needs_a_champion_and_a_standby(stages, got):
    assert shown(rules.rollback, State(stages=stages)).got == got


def test_nothing_is_adopted_beside_a_champion_of_the_lifecycle():
    error = shown(rules.adopt, State(stages={A: Stage.CHAMPION}), B)
    assert error.got == f"champion={SHORT}"


def test_a_candidate_is_adopted_through_the_audit_and_an_audited_release_at_once():
    through = ((A, Stage.CANDIDATE), (A, Stage.AUDITED), (A, Stage.CHAMPION))
    assert rules.adopt(State(), A).stages == through
    audited = State(stages={A: Stage.AUDITED})
    assert rules.adopt(audited, A).stages == ((A, Stage.CHAMPION),)

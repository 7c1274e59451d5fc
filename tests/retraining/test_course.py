"""A challenger goes on, waits, or goes out; and the reason is always told."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from holdfast.releases.lifecycle import Stage
from holdfast.retraining.course import Go, Trial, Turn, turn
from holdfast.retraining.policy import Bounds

HOUR = 3_600_000_000
SHADOW = Bounds(min=24 * HOUR, requests=1_000, max_error_rate=0.001, max_p99=50_000)
CANARY = Bounds(min=2 * HOUR, requests=500, max_error_rate=0.01)
STEPS = (0.01, 0.05, 0.25)


def next_of(trial: Trial, now: int = 30 * HOUR, steps=STEPS):
    return turn(trial, now, shadow=SHADOW, canary=CANARY, steps=steps)


def test_what_is_audited_goes_to_the_shadow():
    assert next_of(Trial(stage=Stage.AUDITED, since=0)).go is Go.SHADOW


def test_a_good_shadow_becomes_canary_with_the_first_share():
    found = next_of(
        Trial(stage=Stage.SHADOW, since=0, answers=1_000, errors=1, p99=40_000, compared="better")
    )
    assert (found.go, found.share, found.passed) == (Go.CANARY, 0.01, ("shadow",))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"since": 7 * HOUR}, "23.0 of 24.0 h"),
        ({"answers": 999}, "999 of 1,000 answers"),
        ({"compared": "undecided"}, "not yet told better"),
        ({"compared": "undecided", "told": ("800 of 2,000 rows",)}, "800 of 2,000 rows"),
    ],
)
def test_a_shadow_waits_for_what_it_has_not_shown(changes, reason):
    found = next_of(
        Trial(
            **{"stage": Stage.SHADOW, "since": 0, "answers": 2_000, "compared": "better"} | changes
        )
    )
    assert found.go is Go.WAIT
    assert reason in " ".join(found.why)


@pytest.mark.parametrize(
    ("changes", "go", "reason"),
    [
        ({"compared": "worse", "told": ("it costs more",)}, Go.REJECT, "it costs more"),
        ({"compared": "slice_worse"}, Go.REJECT, "slice_worse"),
        ({"errors": 3}, Go.REJECT, "3 of 2,000 answers failed"),
        ({"p99": 50_001}, Go.REJECT, "50.0 ms"),
        ({"tripped": "error rate"}, Go.REJECT, "error rate"),
        ({"stage": Stage.CANARY, "share": 0.05, "tripped": "error rate"}, Go.QUARANTINE, "error"),
    ],
)  # fmt: skip
def test_a_challenger_that_fails_goes_out(changes, go, reason):
    trial = Trial(
        **{"stage": Stage.SHADOW, "since": 0, "answers": 2_000, "compared": "better"} | changes
    )
    found = next_of(trial)
    assert found.go is go
    assert reason in " ".join(found.why)


def test_few_failures_among_few_answers_say_nothing_yet():
    trial = Trial(stage=Stage.SHADOW, since=0, answers=10, errors=1, compared="better")
    assert next_of(trial).go is Go.WAIT


def test_the_share_rises_step_by_step_and_the_last_one_leads_to_the_champion():
    trial = Trial(stage=Stage.CANARY, since=0, answers=500, share=0.01)
    assert next_of(trial).share == 0.05
    last = Trial(stage=Stage.CANARY, since=0, answers=500, share=0.25, compared="better")
    assert (next_of(last).go, next_of(last).passed) == (Go.PROMOTE, ("canary",))
    undecided = Trial(stage=Stage.CANARY, since=0, answers=500, share=0.25)
    assert next_of(undecided).go is Go.WAIT


def test_without_steps_the_shadow_leads_to_the_champion():
    trial = Trial(stage=Stage.SHADOW, since=0, answers=1_000, compared="better")
    assert (next_of(trial, steps=()).go, next_of(trial, steps=()).passed) == (
        Go.PROMOTE, ("shadow",),
    )  # fmt: skip


def test_what_could_not_be_measured_is_told():
    trial = Trial(stage=Stage.SHADOW, since=0, answers=1_000, compared="better")
    assert "could not be told" in " ".join(next_of(trial).why)


def test_what_was_measured_or_is_not_asked_for_is_not_told_missing():
    measured = Trial(stage=Stage.SHADOW, since=0, answers=1_000, p99=40_000, compared="better")
    not_asked = Trial(stage=Stage.CANARY, since=0, answers=500, share=0.25, compared="better")
    for trial in (measured, not_asked):
        assert "could not be told" not in " ".join(next_of(trial).why)


def test_how_long_answers_take_is_told_in_milliseconds():
    bounds = Bounds(min=0, requests=10, max_p99=80_000)
    trial = Trial(stage=Stage.SHADOW, since=0, answers=10, p99=90_000)
    [why] = turn(trial, 1, shadow=bounds, canary=bounds, steps=STEPS).why
    assert why == "99 of 100 answers take up to 90.0 ms, more than 80.0 ms"


def test_a_challenger_of_which_nothing_is_known_has_answered_nothing_and_failed_at_nothing():
    unknown = next_of(Trial(stage=Stage.SHADOW, since=0))
    assert unknown.why[0] == "0 of 1,000 answers"
    strict = Bounds(min=0, requests=10, max_error_rate=0.0)
    trial = Trial(stage=Stage.SHADOW, since=0, answers=10, compared="better")
    assert turn(trial, 1, shadow=strict, canary=strict, steps=STEPS).go is Go.CANARY


@pytest.mark.parametrize(
    ("record", "name"),
    [(Trial(stage=Stage.SHADOW, since=0), "since"), (Turn(go=Go.WAIT, why=()), "go")],
)
def test_what_was_seen_and_decided_is_not_changed_afterwards(record, name):
    with pytest.raises(AttributeError, match="immutable"):
        setattr(record, name, None)


@pytest.mark.parametrize(("kind", "parts"), [(Trial, (Stage.SHADOW, 0)), (Turn, (Go.WAIT, ()))])
def test_the_parts_of_a_course_are_given_by_name(kind, parts):
    with pytest.raises(TypeError):
        kind(*parts)


@given(
    st.sampled_from([Stage.SHADOW, Stage.CANARY]),
    st.integers(0, 3_000),
    st.just(0) | st.integers(0, 50),
    st.sampled_from(["better", "worse", "slice_worse", "undecided"]),
    st.sampled_from([None, *STEPS]),
    st.integers(0, 40).map(lambda hours: hours * HOUR),
    st.sampled_from(["", "guard"]),
)
@example(Stage.SHADOW, 1_000, 1, "better", None, 24 * HOUR, "")
@example(Stage.CANARY, 500, 0, "undecided", 0.05, 2 * HOUR, "")
@example(Stage.CANARY, 500, 0, "better", 0.25, 2 * HOUR, "")
def test_nothing_goes_up_that_is_not_better_long_enough_and_sound(
    stage, answers, errors, compared, share, now, tripped
):
    trial = Trial(
        stage=stage, since=0, answers=answers, errors=errors, compared=compared, share=share,
        tripped=tripped,
    )  # fmt: skip
    found = next_of(trial, now)
    assert found.why
    if found.go in (Go.CANARY, Go.PROMOTE):
        bounds = SHADOW if stage is Stage.SHADOW else CANARY
        assert not tripped
        assert answers >= bounds.requests
        assert errors <= bounds.max_error_rate * answers
        assert now >= bounds.min
        assert compared == "better" or (compared == "undecided" and found.go is Go.CANARY)
    if found.go is Go.CANARY:
        assert found.share > (share or 0.0)
        assert found.share in STEPS

"""What asks is heard only where nothing forbids, and every clause is told."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.retraining.deciding import Decision, Outcome, Role, Told, decide
from holdfast.retraining.facts import Facts, LossSignal, OpenIncident
from holdfast.retraining.policy import Policy, Rise, Unless, When
from holdfast.retraining.units import duration

NOW = 10**15
DAY = duration("1d")
RISEN = LossSignal(estimate=0.4, baseline=0.3, risen=True, since=NOW - 3 * DAY, rows=900)
CALM = LossSignal(estimate=0.3, baseline=0.3, risen=False, rows=900)
POLICY = Policy(when=When(growth=None))


def facts(**changes) -> Facts:
    usual = {
        "model": "loan", "now": NOW, "champion": "c" * 64, "trained_at": NOW - 90 * DAY,
        "trained_rows": 10_000, "matured": 5_000, "loss": RISEN,
    }  # fmt: skip
    return Facts(**usual | changes)


def an_incident(class_="pipeline", kind="missing", asks="") -> OpenIncident:
    return OpenIncident(id="i1", class_=class_, kind=kind, sentence="It is so.", asks=asks)


def test_a_loss_that_has_risen_asks_for_a_retraining():
    found = decide(POLICY, facts())
    assert (found.outcome, found.cause) == (
        Outcome.RETRAIN, f"loss:{'c' * 12}:{NOW - 3 * DAY}",
    )  # fmt: skip
    [why] = found.why
    assert "log_loss 0.4 against 0.3 over 900 rows: risen by 5% or more" in why


def test_without_a_rise_nothing_is_done():
    found = decide(POLICY, facts(loss=CALM))
    assert (found.outcome, found.cause) == (Outcome.WAIT, None)
    assert "no rise of 5% or more was told" in found.why[1]


@pytest.mark.parametrize("loss", [None, LossSignal(estimate=None, why="12 rows are too few")])
def test_a_loss_that_could_not_be_told_is_not_a_good_one(loss):
    found = decide(POLICY, facts(loss=loss))
    assert found.outcome is Outcome.COULD_NOT_TELL
    assert "could not be told" in found.why[0]


def test_an_incident_that_asks_is_heard_and_one_that_asks_to_recalibrate_gets_that():
    drift = facts(loss=CALM, incidents=(an_incident("concept", "concept_drift", "retrain"),))
    found = decide(POLICY, drift)
    assert (found.outcome, found.cause) == (Outcome.RETRAIN, "incident:i1")
    prior = facts(loss=CALM, incidents=(an_incident("prior", "prior_shift", "recalibrate"),))
    assert decide(POLICY, prior).outcome is Outcome.RECALIBRATE
    deaf = Policy(when=When(growth=None, incident=False))
    assert decide(deaf, drift).outcome is Outcome.WAIT


def test_a_rise_must_last():
    policy = Policy(when=When(growth=None, loss_increase=Rise(lasting=4 * DAY)))
    assert decide(policy, facts()).outcome is Outcome.WAIT
    assert decide(policy, facts(now=NOW + DAY)).outcome is Outcome.RETRAIN


@pytest.mark.parametrize(
    ("changes", "name", "reason"),
    [
        ({"incidents": (an_incident(),)}, "unless.open_incident", "i1 (pipeline: missing)"),
        ({"incidents": (an_incident("unknown"),)}, "unless.open_incident", "unknown"),
        ({"matured": 1_999}, "unless.matured_labels", "1,999 outcomes"),
        ({"retrains": (NOW - 6 * DAY,)}, "unless.cooldown", "6d ago, the cooldown is 1w"),
        ({"storms": {"source=app": 3}}, "unless.storm", "3 models alarm at once"),
        ({"frozen": ("all",)}, "frozen", "frozen: all"),
        ({"challenger": "d" * 64}, "challenger", "is being tried"),
        ({"retrains": (NOW - DAY // 2,)}, "limits.per_model", "1 retrainings within"),
        ({"running": 3}, "limits.at_once", "3 retrainings run now"),
        ({"failed": 3}, "limits.attempts", "a person is to look"),
        ({"champion": None}, "champion", "a person's"),
    ],
)
def test_what_forbids_is_named(changes, name, reason):
    found = decide(POLICY, facts(**changes))
    assert found.outcome is Outcome.VETOED
    [clause] = [c for c in found.clauses if c.name == name]
    assert clause.holds
    assert reason in clause.sentence
    assert clause.sentence in found.why


@pytest.mark.parametrize("class_", ["covariate", "concept", "prior", "harmless"])
def test_drift_forbids_nothing(class_):
    assert decide(POLICY, facts(incidents=(an_incident(class_),))).outcome is not Outcome.VETOED


def test_where_only_the_share_of_outcomes_moved_calibration_comes_first():
    prior = facts(incidents=(an_incident("prior", "prior_shift"),))
    assert decide(POLICY, prior).outcome is Outcome.RECALIBRATE
    both = facts(incidents=(an_incident("prior"), an_incident("concept")))
    assert decide(POLICY, both).outcome is Outcome.RETRAIN
    never = msgspec.structs.replace(POLICY, when=When(growth=None, recalibrate_first=False))
    assert decide(never, prior).outcome is Outcome.RETRAIN


def test_growth_counts_outcomes_against_the_rows_that_were_learned():
    policy = Policy(when=When(loss_increase=None, growth=1.3))
    assert decide(policy, facts(matured=2_999)).outcome is Outcome.WAIT
    found = decide(policy, facts(matured=3_000))
    assert (found.outcome, found.cause) == (Outcome.RETRAIN, f"growth:{'c' * 12}:1")
    assert decide(policy, facts(trained_rows=0)).outcome is Outcome.COULD_NOT_TELL


def test_a_schedule_asks_once_its_time_is_over():
    policy = Policy(when=When(loss_increase=None, growth=None, schedule=90 * DAY))
    assert decide(policy, facts(now=NOW - 1)).outcome is Outcome.WAIT
    assert decide(policy, facts()).outcome is Outcome.RETRAIN
    lately = facts(retrains=(NOW - 20 * DAY,))
    assert decide(policy, lately).outcome is Outcome.WAIT


def clause(policy: Policy, found: Facts, name: str) -> Told:
    [told] = [c for c in decide(policy, found).clauses if c.name == name]
    return told


def test_an_incident_that_asks_to_recalibrate_is_heard_whatever_its_class():
    asks = (an_incident("concept", "concept_drift", "recalibrate"),)
    assert decide(POLICY, facts(loss=CALM, incidents=asks)).outcome is Outcome.RECALIBRATE
    deaf = Policy(when=When(growth=None, incident=False))
    assert decide(deaf, facts(incidents=asks)).outcome is Outcome.RETRAIN


def test_one_row_more_asks_where_the_champion_learned_from_one():
    policy = Policy(when=When(loss_increase=None, growth=1.3))
    assert clause(policy, facts(trained_rows=1, matured=0), "when.growth").holds is False
    assert clause(policy, facts(trained_rows=1, matured=1), "when.growth").holds is True


@pytest.mark.parametrize(
    ("trained_rows", "matured", "times"),
    [(0, 0, 0), (1, 1, 2), (1_000, 299, 0), (1_000, 300, 1), (1_000, 689, 1), (1_000, 690, 2)],
)
def test_growth_is_a_cause_of_its_own_each_time_the_rows_have_grown_again(
    trained_rows, matured, times
):
    policy = Policy(when=When(loss_increase=None, growth=1.3), unless=Unless(matured_labels=0))
    found = facts(trained_rows=trained_rows, matured=matured)
    cause = decide(policy, found).cause
    assert cause == (f"growth:{'c' * 12}:{times}" if times else None)


SECOND = duration("1s")


@pytest.mark.parametrize(
    ("age", "ago"), [(0, "0s"), (SECOND, "1s"), (2 * SECOND + 5, "2s"), (-SECOND, "0s")]
)
def test_how_long_ago_it_was_trained_is_told_in_whole_seconds(age, ago):
    policy = Policy(when=When(loss_increase=None, growth=None, schedule=DAY))
    schedule = clause(policy, facts(trained_at=NOW - age), "when.schedule")
    assert schedule.sentence == f"trained {ago} ago; the schedule is 1d"
    cooldown = clause(policy, facts(retrains=(NOW - age,)), "unless.cooldown")
    assert cooldown.sentence == f"retrained {ago} ago, the cooldown is 1w"


def test_a_rise_whose_beginning_is_not_known_has_not_lasted_yet():
    policy = Policy(when=When(growth=None, loss_increase=Rise(lasting=1)))
    unknown = msgspec.structs.replace(RISEN, since=None)
    assert decide(policy, facts(loss=unknown)).outcome is Outcome.WAIT


@pytest.mark.parametrize(("source", "place"), [("source=app", "source=app"), ("", "one place")])
def test_a_storm_is_told_with_the_place_it_comes_from(source, place):
    storm = clause(POLICY, facts(storms={source: 3}), "unless.storm")
    assert storm.sentence == f"3 models alarm at once from {place}"


def test_incidents_and_challengers_are_named_by_their_first_twelve_characters():
    bad, drift = (
        msgspec.structs.replace(an_incident(class_, asks=asks), id="0123456789abc")
        for class_, asks in (("pipeline", ""), ("concept", "retrain"))
    )
    found = facts(incidents=(bad, drift), challenger="0123456789abc")
    for name in ("when.incident", "unless.open_incident", "challenger"):
        sentence = clause(POLICY, found, name).sentence
        assert "0123456789ab " in sentence


def test_what_was_decided_is_not_changed_afterwards_and_is_given_by_name():
    decision = decide(POLICY, facts())
    for record, name in ((decision, "outcome"), (decision.clauses[0], "holds")):
        with pytest.raises(AttributeError, match="immutable"):
            setattr(record, name, None)
    with pytest.raises(TypeError):
        Decision(Outcome.WAIT, None, ())
    with pytest.raises(TypeError):
        Told("frozen", Role.UNLESS, None, "")


incidents = st.lists(
    st.sampled_from(["pipeline", "label", "unknown", "model", "concept", "prior"]), max_size=3
)
anything = st.builds(
    facts,
    matured=st.integers(0, 20_000),
    retrains=st.lists(st.integers(NOW - 30 * DAY, NOW), max_size=3).map(tuple),
    running=st.integers(0, 4),
    failed=st.integers(0, 4),
    incidents=incidents.map(lambda names: tuple(an_incident(n) for n in names)),
    storms=st.dictionaries(st.just("source=a"), st.integers(1, 9), max_size=1),
    frozen=st.sampled_from([(), ("all",)]),
    loss=st.sampled_from([None, CALM, RISEN]),
    challenger=st.sampled_from([None, "d"]),
)


@given(anything)
def test_whatever_asks_a_veto_wins_and_every_clause_is_told(found):
    decision = decide(Policy(), found)
    names = [c.name for c in decision.clauses]
    assert len(names) == len(set(names)) == 12
    assert all(c.sentence for c in decision.clauses)
    forbidden = any(c.holds for c in decision.clauses if c.role is not Role.WHEN)
    asks = any(c.holds for c in decision.clauses if c.role is Role.WHEN)
    assert (decision.outcome is Outcome.VETOED) == (asks and forbidden)
    assert (decision.cause is not None) == asks
    if decision.outcome in (Outcome.RETRAIN, Outcome.RECALIBRATE):
        assert not {i.class_ for i in found.incidents} & set(Unless().open_incident)
        assert found.matured >= 2_000
        assert found.challenger is None
    assert decide(Policy(), found) == decision


@given(anything, st.integers(0, 20_000))
def test_more_outcomes_never_turn_a_retraining_into_waiting(found, more):
    before = decide(Policy(), found).outcome
    after = decide(Policy(), msgspec.structs.replace(found, matured=found.matured + more)).outcome
    if before in (Outcome.RETRAIN, Outcome.RECALIBRATE):
        assert after is before

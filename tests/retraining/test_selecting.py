"""Selective labels: told from complete ones, corrected where it can be, never where it cannot.

The worlds are simulated, so the truth is known: loans with a risk that depends on one number, a
model that is too sure of itself, the riskiest third refused, nine of ten labels of the others come.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from holdfast.retraining.selecting import (
    BOUND,
    DELAYS,
    EXPLORED,
    Answer,
    Bools,
    Floats,
    Texts,
    chance_of,
    old_enough,
    selection,
    weighted_mean,
    weights_of,
)
from holdfast.stats.intervals import clopper_pearson

LOSSES = {
    "brier": lambda score, bad: (score - bad) ** 2,
    "log_loss": lambda score, bad: -np.log(np.where(bad, score, 1 - score)),
}
RUNS = 400


class Loans(NamedTuple):
    score: Floats
    bad: Bools
    decision: Texts
    labelled: Bools
    propensity: Floats


def loans(rng: np.random.Generator, n: int, share: float = 0.0, each: int = 1) -> Loans:
    """So many loans; a share of the refused is approved, alike for all `each` of one customer."""
    x = np.repeat(rng.normal(size=n // each), each)
    bad = rng.random(len(x)) < 1 / (1 + np.exp(1.5 - 2 * x))
    score = 1 / (1 + np.exp(1.2 - 1.2 * x))
    refuse = score > 0.35
    explored = refuse & np.repeat(rng.random(n // each) < share, each)
    decision = np.where(refuse & ~explored, "refuse", "approve").astype(object)
    labelled = (decision == "approve") & (rng.random(len(x)) < 0.9)
    propensity = np.where(explored, share, np.where(refuse, 1 - share, 1.0))
    return Loans(score, bad, decision, labelled, propensity if share else np.full(len(x), np.nan))


def weights(given: Loans) -> Floats:
    chance = chance_of("approve", given.decision, given.propensity)
    return weights_of(np.where(given.labelled, chance, 0.0)).values


def truth(metric: str) -> float:
    given = loans(np.random.default_rng(99), 2_000_000)
    return float(LOSSES[metric](given.score, given.bad).mean())


def covered(hits: int, level: float = 0.95) -> bool:
    """Whether so many of `RUNS` intervals that hold the truth are in keeping with their level."""
    bound = clopper_pearson(hits, RUNS, 0.999)
    return (bound.low or 0) <= level <= (bound.high or 1)


@pytest.mark.parametrize("metric", LOSSES)
def test_without_exploration_labelled_rows_mislead_and_no_correction_is_claimed(metric):
    rng, true = np.random.default_rng(1), truth(metric)
    for _ in range(50):
        given = loans(rng, 4_000)
        found = selection(given.decision, given.labelled, given.propensity)
        assert found.answer is Answer.NOT_CORRECTABLE
        naive = weighted_mean(
            LOSSES[metric](given.score, given.bad), given.labelled.astype(np.float64)
        )
        assert naive.high is not None
        assert naive.high < true


@pytest.mark.parametrize("metric", LOSSES)
@pytest.mark.parametrize(("rows", "share"), [(4_000, 0.05), (10_000, 0.02)])
def test_with_exploration_the_weighted_loss_covers_the_truth_at_its_level(metric, rows, share):
    rng, true, hits, corrected = np.random.default_rng(2), truth(metric), 0, 0
    for _ in range(RUNS):
        given = loans(rng, rows, share)
        found = selection(given.decision, given.labelled, given.propensity)
        assert found.answer in (Answer.CORRECTABLE, Answer.NOT_CORRECTABLE)
        corrected += found.answer is Answer.CORRECTABLE
        mean = weighted_mean(LOSSES[metric](given.score, given.bad), weights(given))
        hits += mean.low <= true <= mean.high
    assert covered(hits), hits
    assert corrected > 0.99 * RUNS


def test_where_customers_are_drawn_with_all_their_rows_the_interval_must_know_it():
    rng, true, alone, together = np.random.default_rng(3), truth("brier"), 0, 0
    customer = np.repeat(np.arange(1_000), 10)
    for _ in range(RUNS):
        given = loans(rng, 10_000, 0.2, each=10)
        losses, by = LOSSES["brier"](given.score, given.bad), weights(given)
        one, all_ = weighted_mean(losses, by), weighted_mean(losses, by, customer)
        alone += one.low <= true <= one.high
        together += all_.low <= true <= all_.high
    assert covered(together), together
    assert alone < 0.85 * RUNS


def test_clipped_weights_draw_the_estimate_toward_the_naive_one_and_are_counted():
    given = loans(np.random.default_rng(4), 400_000, 0.005)
    losses = LOSSES["brier"](given.score, given.bad)
    chance = np.where(given.labelled, chance_of("approve", given.decision, given.propensity), 0.0)
    clipped, whole = weights_of(chance), weights_of(chance, bound=1_000.0)
    assert (clipped.values.max(), clipped.bound, whole.clipped) == (BOUND, BOUND, 0)
    assert clipped.clipped == ((chance > 0) & (chance < 1)).sum()
    naive, drawn, fair = (
        weighted_mean(losses, by).value
        for by in (given.labelled.astype(np.float64), clipped.values, whole.values)
    )
    assert naive < drawn < fair


def test_a_few_heavy_rows_are_worth_few_rows():
    assert weights_of(np.ones(500)).effective == pytest.approx(500)
    heavy = weights_of(np.r_[np.ones(500), np.full(5, 0.01)])
    assert heavy.effective == pytest.approx(1000**2 / (500 + 5 * 100**2))
    assert weights_of(np.zeros(3)).effective == 0


def test_labels_that_come_by_chance_alone_are_seldom_called_selective():
    rng, answers = np.random.default_rng(5), []
    for _ in range(RUNS):
        decision = np.where(rng.random(6_000) < 0.3, "refuse", "approve").astype(object)
        came = rng.random(6_000) < 0.8
        answers.append(selection(decision, came, np.full(6_000, np.nan)).answer)
    assert answers.count(Answer.NOT_SELECTIVE) > 0.95 * RUNS
    assert set(answers) <= {Answer.NOT_SELECTIVE, Answer.COULD_NOT_TELL}


def test_at_the_margin_itself_it_is_called_selective_no_more_often_than_the_level_allows():
    rng, wrong = np.random.default_rng(6), 0
    for _ in range(RUNS):
        decision = np.where(rng.random(4_000) < 0.5, "refuse", "approve").astype(object)
        came = rng.random(4_000) < np.where(decision == "approve", 0.85, 0.80)
        found = selection(decision, came, np.full(4_000, np.nan))
        wrong += found.answer in (Answer.CORRECTABLE, Answer.NOT_CORRECTABLE)
    assert (clopper_pearson(wrong, RUNS, 0.999).low or 0) <= 0.025


def test_few_rows_or_one_decision_do_not_tell():
    few = np.array(["approve"] * 6 + ["refuse"] * 4, object)
    assert selection(few, few == "refuse", np.ones(10)).answer is not Answer.NOT_SELECTIVE
    half = np.arange(10) % 2 == 0
    assert selection(few, half, np.ones(10)).answer is Answer.COULD_NOT_TELL
    for one in (few[:6], np.array([None, None], object)):
        found = selection(one, np.ones(len(one), bool), np.ones(len(one)))
        assert (found.answer, found.p_value) == (Answer.COULD_NOT_TELL, None)
        assert "no rows of two decisions" in found.sentences[0]


def test_the_verdict_tells_what_it_rests_on_and_what_nothing_speaks_of():
    given = loans(np.random.default_rng(7), 10_000, 0.1)
    # refused while nothing was explored, and before probabilities were logged
    propensity = given.propensity.copy()
    refused = np.flatnonzero(given.decision == "refuse")
    propensity[refused[:40]], propensity[refused[40:100]] = 1.0, np.nan
    found = selection(given.decision, given.labelled, propensity)
    assert (found.decision, found.unreachable, found.unknown) == ("approve", 40, 60)
    assert found.explored == (given.labelled & (propensity == 0.1)).sum()
    assert found.p_value is not None
    assert found.p_value < 1e-9
    text = " ".join(found.sentences)
    assert "0.0% of the others" in text
    assert f"{found.explored} explored rows have their label" in text
    assert "40 rows had no chance of a label" in text
    assert "of 60 rows it was not logged how likely" in text


def test_too_few_explored_rows_correct_nothing():
    decision = np.array(["approve"] * 500 + ["refuse"] * 300, object)
    propensity = np.ones(800)
    propensity[: EXPLORED - 1], propensity[500:] = 0.1, 0.9
    found = selection(decision, decision == "approve", propensity)
    assert found.answer is Answer.NOT_CORRECTABLE
    assert (
        f"{EXPLORED - 1} explored rows have their label, and {EXPLORED} are needed"
        in (found.sentences[1])
    )
    propensity[EXPLORED - 1] = 0.1
    assert selection(decision, decision == "approve", propensity).answer is Answer.CORRECTABLE


def test_a_mean_of_one_weighted_row_is_refused():
    found = weighted_mean(np.array([0.3, 0.5]), np.array([2.0, 0.0]))
    assert (found.value, found.why_not) == (None, "fewer than 2 weighted rows")
    assert weighted_mean(np.ones(4), np.ones(4), np.zeros(4)).value is None


def test_a_row_counts_once_its_label_would_have_come():
    rng = np.random.default_rng(8)
    received = np.sort(rng.integers(0, 1_000_000, 4_000))
    came = received + rng.exponential(50_000, 4_000)
    came[came > 1_000_000] = np.nan
    old = old_enough(received, came)
    assert np.isnan(came[old]).mean() < 0.06
    assert received[old].max() > 800_000
    known = np.flatnonzero(~np.isnan(came))
    came[known[DELAYS - 1 :]] = np.nan
    assert not old_enough(received, came).any()


def taught(rng: np.random.Generator, turning: bool) -> list[float]:
    """Loss over all loans of models from labels as they are, from weighted ones, and from all.

    The riskier third is refused; where the risk turns there, a straight line cannot follow it.
    """

    def world(n: int) -> tuple[Floats, Floats]:
        x = rng.normal(size=(n, 2))
        turn = 3 * np.maximum(x[:, 0] - 0.6, 0) if turning else 0.0
        return x, 1 / (1 + np.exp(1.5 - 2 * x[:, 0] - 0.5 * x[:, 1] + turn))

    x, risk = world(4_000)
    bad, refuse = rng.random(4_000) < risk, x[:, 0] > 0.5
    explored = refuse & (rng.random(4_000) < 0.05)
    known, weight = ~refuse | explored, np.where(explored, 20.0, 1.0)

    def fit(rows: Bools, weights: Floats) -> LogisticRegression:
        return LogisticRegression(C=1e6).fit(x[rows], bad[rows], weights[rows])

    one, every = np.ones(4_000), np.ones(4_000, bool)
    models = [fit(known, one), fit(known, weight), fit(every, one)]
    new, true = world(50_000)
    said = [model.predict_proba(new)[:, 1] for model in models]
    return [float(-(true * np.log(p) + (1 - true) * np.log(1 - p)).mean()) for p in said]


def test_weights_teach_a_model_that_cannot_follow_and_cost_one_that_can():
    rng = np.random.default_rng(9)
    naive, weighted, whole = np.transpose([taught(rng, turning=True) for _ in range(10)])
    assert (weighted < naive).all()
    assert (weighted - whole).mean() < 0.25 * (naive - whole).mean()
    naive, weighted, whole = np.transpose([taught(rng, turning=False) for _ in range(10)])
    assert (naive - whole).mean() < 0.002
    assert 0 < (weighted - naive).mean() < 0.01

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detection.columns.tables import categories, exchangeable, numbers, sticky

from holdfast.detection.columns.detector import ValueDetector
from holdfast.detection.columns.fit import WEIGHTS, ReferenceFit, learn_reference
from holdfast.errors import DataError
from holdfast.frames.values import ValueKind, read_values


def notes_of(columns, **more):
    return learn_reference(columns, **more).notes


def test_a_fit_is_data():
    columns, score, label = exchangeable(1500, np.random.default_rng(0))
    fit = learn_reference(columns, score=score, label=label)
    again = ReferenceFit.from_bytes(fit.to_bytes())
    assert again.to_bytes() == fit.to_bytes()
    assert again.notes == fit.notes
    assert again.columns[0].table.steps.tolist() == fit.columns[0].table.steps.tolist()
    twice = learn_reference(columns, score=score, label=label)
    assert twice.to_bytes() == fit.to_bytes()


def test_the_shares_of_the_budget_add_up_to_one():
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("rows", [0, 1, 29])
def test_too_few_rows_are_refused_in_words(rows):
    with pytest.raises(DataError, match="too few rows") as caught:
        learn_reference({"a": numbers(np.arange(rows, dtype=float))})
    assert f"rows={rows}" in str(caught.value)
    with pytest.raises(DataError, match="columns=0"):
        learn_reference({})


def test_thirty_rows_teach_wide_tolerances_and_still_show_a_column_that_goes_null():
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 2, 30)
    fit = learn_reference({"a": numbers(rng.normal(size=30)), "b": categories(kind, "xy")})
    [null] = [s for s in fit.streams if (s.field, s.code) == ("a", "null")]
    assert null.edge >= 8 / 30
    detector = ValueDetector(fit, 14.0)
    quiet = {"a": numbers(rng.normal(size=500)), "b": categories(rng.integers(0, 2, 500), "xy")}
    assert not [x for x in detector.observe(quiet, 500) if not x.over]
    gone = {"a": numbers(np.full(60, np.nan)), "b": categories([0, 1] * 30, "xy")}
    found = [x for x in detector.observe(gone, 60) if not x.over]
    assert ("a", "null") in {(x.field, x.code) for x in found}


def test_constants_and_empty_columns_are_watched_for_what_can_be_said():
    fit = learn_reference(
        {"one": numbers(np.ones(500)), "none": numbers(np.full(500, np.nan)),
         "word": categories([0] * 500, ["a"])}
    )  # fmt: skip
    assert all(not c.bets for c in fit.columns)
    assert "none: null is not watched: up to 100% is normal in the reference" in fit.notes
    detector = ValueDetector(fit, 14.0)
    changed = {"one": numbers(np.full(100, 2.0)), "none": numbers(np.ones(100)),
               "word": categories([0] * 100, ["b"])}  # fmt: skip
    found = {(x.field, x.code) for x in detector.observe(changed, 100)}
    assert {("one", "above"), ("word", "unseen")} <= found


@pytest.mark.parametrize(
    "x",
    [
        np.arange(3000.0),
        np.arange(3000.0)[::-1] * 60 + np.random.default_rng(0).normal(0, 900, 3000),
        np.sort(np.random.default_rng(0).normal(size=3000)),
    ],
    ids=["a counter", "a falling one with noise", "a sorted column"],
)
def test_columns_that_move_along_with_time_are_recognised(x):
    rng = np.random.default_rng(1)
    columns = {"when": numbers(x), "x": numbers(rng.normal(size=3000))}
    fit = learn_reference(columns)
    assert [c.calendar for c in fit.columns] == [True, False]
    assert any(n.startswith("'when' moves along with time") for n in fit.notes)
    later = {"when": numbers(x + 1e7), "x": numbers(rng.normal(size=3000))}
    assert not [s for s in ValueDetector(fit, 14.0).observe(later, 3000) if not s.over]
    gone = {"when": numbers(np.full(10, np.nan)), "x": numbers(rng.normal(size=10))}
    assert [s.code for s in ValueDetector(fit, 14.0).observe(gone, 10)] == ["null"]


def test_dates_are_read_as_numbers_and_recognised():
    days = [dt.datetime(2026, 1, 1) + dt.timedelta(hours=i) for i in range(1000)]  # noqa: DTZ001
    import pyarrow as pa

    fit = learn_reference({"day": read_values(ValueKind.NUMBER, pa.array(days))})
    assert fit.columns[0].calendar


def test_a_shuffled_counter_is_no_calendar():
    x = np.random.default_rng(0).permutation(3000).astype(float)
    assert not learn_reference({"id": numbers(x)}).columns[0].calendar


def restless(rows, rng):
    """Regimes of a few thousand rows in which everything is different."""
    regime = np.repeat(rng.integers(0, 2, rows // 1000 + 1), 1000)[:rows]
    return {
        "level": numbers(rng.normal(size=rows) + 3.0 * regime),
        "kind": categories(np.where(rng.random(rows) < 0.1, 1 - regime, regime), "ab"),
        "calm": numbers(rng.normal(size=rows)),
    }


def test_a_reference_that_cannot_stay_quiet_is_told_and_muted_or_widened():
    fit = learn_reference(restless(12_000, np.random.default_rng(3)))
    level, kind, calm = fit.columns
    moved = [b for b in level.bets if b.muted or b.mult > 1 or b.deff > 1]
    assert len(moved) > 0.6 * len(level.bets)
    assert all(b.muted for b in kind.bets)
    assert not any(b.muted for b in calm.bets)
    told = "\n".join(fit.notes)
    assert "'level': evidence divided by up to 30" in told
    assert "'kind': the mix of its values is not watched" in told
    assert "'calm': the mix" not in told


def test_a_short_reference_with_a_step_in_it_widens_and_says_so():
    rng = np.random.default_rng(0)
    step = np.repeat([0.0, 1.0], 200) + rng.normal(0, 0.1, 400)
    fit = learn_reference({"x": numbers(step), "y": numbers(rng.normal(size=400))})
    widened, calm = fit.columns
    assert max(b.mult for b in widened.bets) > 3.0
    assert max(b.mult for b in calm.bets) <= 2.2
    assert any(n.startswith("'x': tolerances widened") for n in fit.notes)


def test_such_a_reference_keeps_its_own_kind_of_life_quiet():
    fit = learn_reference(restless(12_000, np.random.default_rng(3)))
    found = ValueDetector(fit, 14.0).observe(restless(12_000, np.random.default_rng(4)), 12_000)
    assert len([x for x in found if not x.over]) <= 1


@pytest.mark.parametrize("rows", [400, 6000])
def test_the_reference_itself_is_quiet_in_its_own_order(rows):
    for columns in (
        exchangeable(rows, np.random.default_rng(1))[0],
        sticky(rows, np.random.default_rng(1), 0.9),
        restless(rows, np.random.default_rng(2)),
    ):
        detector = ValueDetector(learn_reference(columns), 14.0)
        assert not [x for x in detector.observe(columns, rows) if not x.over]


def test_free_text_is_told_and_new_texts_are_normal():
    words = [f"comment {i}" for i in range(1000)]
    columns = {"text": categories(np.arange(1000), words)}
    assert any("free text or an identifier" in n for n in notes_of(columns))
    new = {"text": categories(np.arange(500), [f"other {i}" for i in range(500)])}
    assert ValueDetector(learn_reference(columns), 14.0).observe(new, 500) == []


def test_a_column_with_hardly_any_value_is_told():
    x = np.full(2000, np.nan)
    x[:12] = 1.0
    notes = notes_of({"rare": numbers(x)})
    assert any(n.startswith("rare: repeat is not watched") for n in notes)


def test_outcomes_of_one_class_only_are_not_bet_on():
    columns, score, _ = exchangeable(1000, np.random.default_rng(0))
    fit = learn_reference(columns, score=score, label=np.zeros(1000))
    assert fit.labels is None
    assert fit.score is not None
    assert learn_reference(columns, score=np.full(1000, np.nan)).score is None
    assert learn_reference(columns, score=np.full(1000, 0.3)).score is not None


cell = st.one_of(
    st.none(), st.floats(), st.integers(), st.booleans(), st.text(max_size=3), st.binary(max_size=2)
)


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(cell, min_size=30, max_size=90),
    kind=st.sampled_from(list(ValueKind)),
    score=st.floats(),
    scale=st.sampled_from([0.5, 1.0, 2.0]),
)
def test_no_reference_raises(values, kind, score, scale):
    rows = len(values)
    columns = {"odd": read_values(kind, values), "plain": numbers(np.arange(rows, dtype=float))}
    scores = np.where(np.arange(rows) % 3 == 0, score, 0.5)
    label = (np.arange(rows) % 2).astype(float)
    fit = learn_reference(columns, score=scores, label=label, scale=scale)
    detector = ValueDetector(fit, 14.0)
    detector.observe(columns, rows, scores)
    detector.observe_labels(detector.read(columns, rows), scores, label)
    assert detector.spent() <= 1.0 + 1e-9


def orders(rows, rng, length=25, new=0.05):
    """Lines of orders: one country an order, now and then one that was never seen."""
    starts = rng.random(rows) < 1.0 / length
    starts[0] = True
    order = np.cumsum(starts) - 1
    count = int(order[-1]) + 1
    fresh = rng.random(count) < new
    name = np.where(fresh, 3 + rng.integers(0, 10**6, count), rng.integers(0, 3, count))
    places, codes = np.unique(name[order], return_inverse=True)
    return {"country": categories(codes, [f"c{k}" for k in places.tolist()])}


def test_new_categories_that_come_in_bunches_count_as_bunches():
    rng = np.random.default_rng(4)
    fit = learn_reference(orders(8000, rng))
    [unseen] = [s for s in fit.streams if s.code == "unseen"]
    assert unseen.deff > 5.0
    single = learn_reference(orders(8000, rng, length=1))
    assert next(s.deff for s in single.streams if s.code == "unseen") < 2.0
    detector = ValueDetector(fit, np.log(2e6))
    found = detector.observe(orders(8000, rng), 8000)
    assert [x for x in found if x.code == "unseen"] == []


def test_where_a_level_wanders_its_spread_is_believed_as_little():
    rng = np.random.default_rng(6)
    level = np.repeat(rng.normal(size=60), 100) + rng.normal(size=6000)
    fit = learn_reference({"level": numbers(level)})
    tilts = [b for b in fit.columns[0].bets if b.key.startswith(("level", "spread"))]
    assert len({b.deff for b in tilts}) == 1
    assert tilts[0].deff > 5.0


def test_evidence_is_divided_as_far_as_rows_clump():
    rng = np.random.default_rng(5)
    level = np.repeat(rng.normal(size=100), 120)
    fit = learn_reference({"level": numbers(level)})
    assert max(b.deff for b in fit.columns[0].bets) > 60.0

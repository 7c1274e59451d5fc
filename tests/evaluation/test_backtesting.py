"""The rolling-origin backtest: trained on what was known, scored on what came after."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pytest
from benchmarks.evaluation.cv_gap import clean
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from holdfast.errors import DataError, HoldfastError, UsageError
from holdfast.evaluation import backtest
from holdfast.reports import FORMATS, render


def _dated(seed=0, days=200, a_day=6):
    rng = np.random.default_rng(seed)
    n = days * a_day
    start = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - a naive column, as tables hold them
    x = rng.normal(size=n)
    return {
        "at": [start + dt.timedelta(days=i // a_day) for i in range(n)],
        "x": x.tolist(),
        "y": (x + rng.normal(size=n) > 0).tolist(),
    }


def test_at_each_origin_only_rows_with_known_outcomes_train_and_all_later_rows_are_scored():
    seen = []

    def model(train, test):
        seen.append((train.column("at").to_pylist(), test.column("at").to_pylist()))
        return np.asarray(test.column("x"))

    found = backtest(_dated(), target="y", event_time="at", label_delay="20d", origins=5,
                     features=["x"], model=model)  # fmt: skip
    assert len(seen) == len(found.origins) == 5
    for train, test in seen:
        assert max(train) + dt.timedelta(days=20) <= min(test)
        assert max(test) == max(_dated()["at"])


def test_a_window_keeps_old_rows_out():
    def model(train, test):
        first.append(min(train.column("at").to_pylist()))
        latest.append(min(test.column("at").to_pylist()))
        return np.zeros(test.num_rows)

    first, latest = [], []
    backtest(_dated(), target="y", event_time="at", window="30 days", origins=4, model=model)
    gaps = [at - start for start, at in zip(first, latest, strict=True)]
    assert max(gaps) <= dt.timedelta(days=30)


def test_the_score_of_an_origin_is_scikit_learns():
    rows = _dated()
    found = backtest(rows, target="y", event_time="at", origins=3,
                     model=lambda train, test: np.asarray(test.column("x")))  # fmt: skip
    for origin in found.origins:
        at = np.array([t.timestamp() * 1e6 for t in (d.replace(tzinfo=dt.UTC) for d in rows["at"])])
        mine = (at >= origin.at) & (at <= origin.until)
        expected = roc_auc_score(np.array(rows["y"])[mine], np.array(rows["x"])[mine])
        assert origin.score.value == pytest.approx(expected, abs=1e-9)
        assert (origin.tested, origin.positives) == (mine.sum(), np.array(rows["y"])[mine].sum())
    values = [o.score.value for o in found.origins]
    assert found.overall.value == pytest.approx(np.mean(values), abs=1e-9)


def _ageing_model(rate):
    """Right in 0.9 of the rows when fresh, less by `rate` for each unit of age."""

    def model(train, test):
        now = max(train.column("when").to_pylist())
        rng = np.random.default_rng(now)
        age = np.array(test.column("when").to_pylist()) - now
        right = rng.random(len(age)) < np.maximum(0.9 - rate * age, 0.0)
        truth = np.array(test.column("copy").to_pylist())
        return np.where(right, truth, "wrong").tolist()

    return model


def _classes(n=6_000):
    labels = np.random.default_rng(0).choice(["a", "b", "c"], n).tolist()
    return {"when": list(range(n)), "copy": labels, "y": labels}


def test_the_slope_with_age_is_found_where_models_age_and_its_interval_holds_the_truth():
    found = backtest(_classes(), target="y", event_time="when", model=_ageing_model(1e-4))
    assert found.ageing.low <= -1e-4 <= found.ageing.high < 0
    assert (found.passed, found.findings[0].code) == (False, "HF-E311")


def test_models_that_do_not_age_are_not_said_to():
    found = backtest(_classes(), target="y", event_time="when", model=_ageing_model(0.0))
    assert found.ageing.low <= 0.0 <= found.ageing.high
    assert found.passed is True


def test_freshly_trained_models_that_get_worse_are_said_to():
    n = 6_000
    rng = np.random.default_rng(1)
    x, when = rng.normal(size=n), np.arange(n)
    frame = {"when": when, "x": x, "y": x * (1.2 - when / n) + 0.5 * rng.normal(size=n) > 0}
    found = backtest(frame, target="y", event_time="when", model=LogisticRegression())
    assert found.trend.high < 0
    assert "HF-E312" in {f.code for f in found.findings}


def test_an_entity_with_many_rows_widens_the_intervals():
    rng = np.random.default_rng(2)
    n = 4_000
    who = rng.integers(0, 20, n)
    luck = rng.normal(size=20)
    frame = {"when": np.arange(n), "who": who, "x": luck[who] + rng.normal(size=n)}
    frame["y"] = luck[who] + rng.normal(size=n) > 0

    def width(**options):
        found = backtest(frame, target="y", event_time="when", features=["x"], origins=3,
                         model=LogisticRegression(), **options)  # fmt: skip
        return found.overall.high - found.overall.low

    assert width(entity="who") > 1.3 * width()


def test_origins_before_any_outcome_was_known_are_counted_and_not_scored():
    found = backtest(clean(0, 600), target="y", event_time="when", label_delay=280,
                     model=LogisticRegression())  # fmt: skip
    silent = [o for o in found.origins if o.score.value is None]
    assert silent
    assert "were known by then" in silent[0].score.why_not
    assert "HF-E313" in {f.code for f in found.findings}


@pytest.mark.parametrize(
    ("change", "options", "error"),
    [
        ({}, {"origins": 0}, UsageError),
        ({}, {"start": 1.0}, UsageError),
        ({}, {"label_delay": 10_000}, DataError),
        ({"when": [0] * 600}, {}, DataError),
        ({"when": ["x"] * 600}, {}, DataError),
        ({"y": [True] + [False] * 599}, {}, DataError),
        ({"y": [[1]] * 600}, {}, DataError),
        ({}, {"target": "nothing"}, DataError),
        ({"x": [None] * 600, "z": [None] * 600, "person": [None] * 600}, {}, HoldfastError),
    ],
)
def test_bad_input_is_a_clear_error(change, options, error):
    settings = {"target": "y", "event_time": "when", **options}
    with pytest.raises(error):
        backtest({**clean(1, 600), **change}, **settings)


def test_the_record_shows_itself_in_every_format():
    found = backtest(_dated(), target="y", event_time="at", label_delay="5d", origins=4)
    for name in FORMATS:
        assert render(found.document("test"), name)
    assert json.loads(found.to_json())["label_delay"] == "5d"
    assert found.to_frame().num_rows == 4

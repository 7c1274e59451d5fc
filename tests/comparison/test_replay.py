"""The training code on logged requests, and rows alone against rows together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from holdfast.comparison.replay import replay, single_batch
from holdfast.contracts import Contract
from holdfast.errors import DataError, UsageError

ROWS = 300


@pytest.fixture
def raw() -> pa.Table:
    rng = np.random.default_rng(0)
    return pa.table(
        {
            "id": np.arange(ROWS),
            "cents": rng.integers(1, 10**6, ROWS),
            "born": 1960 + rng.integers(0, 40, ROWS),
        }
    )


def transform(table):
    return pa.table(
        {"euro": pc.divide(pc.cast(table["cents"], pa.float64()), 100.0),
         "age": pc.subtract(2026, table["born"])}
    )  # fmt: skip


def served(raw):
    return transform(raw).append_column("id", raw["id"])


def test_the_same_code_on_both_sides_has_no_skew(raw):
    report = replay(raw, transform, served(raw), key="id")
    assert report.passed is True
    assert report.mode == "replay"
    assert "replayed" in report.document().summary


def test_a_serving_copy_that_forgot_to_divide_is_named(raw):
    forgot = served(raw).set_column(0, "euro", pc.cast(raw["cents"], pa.float64()))
    [finding] = replay(raw, transform, forgot, key="id").findings
    assert finding.code == "HF-SKEW-UNIT"
    assert finding.columns == ("euro",)


def test_a_transform_may_reorder_rows_when_it_keeps_the_key(raw):
    def shuffled(table):
        return served(table).take(np.random.default_rng(1).permutation(table.num_rows))

    assert replay(raw, shuffled, served(raw), key="id").passed is True


def test_frames_of_pandas_are_fine(raw):
    report = replay(raw, lambda t: transform(t).to_pandas(), served(raw).to_pandas(), key="id")
    assert report.passed is True


def test_a_transform_that_fails_or_drops_rows_is_refused_without_showing_values(raw):
    def fails(table):
        raise ValueError("secret 42")

    with pytest.raises(DataError) as caught:
        replay(raw, fails, served(raw), key="id")
    assert caught.value.code == "HF-E-SKEW-TRANSFORM"
    assert "secret" not in str(caught.value)
    with pytest.raises(DataError, match="row by row"):
        replay(raw, lambda t: transform(t).slice(5), served(raw), key="id")
    with pytest.raises(DataError, match="lack the key"):
        replay(raw.drop_columns(["id"]), transform, served(raw), key="id")


# -- single rows against the batch -------------------------------------------------------------


class Plain:
    """A model that scores a row by itself."""

    def predict_table(self, table):
        return np.asarray(table["x"].to_numpy(), np.float64)

    def one(self, row):
        return row["x"]


class Centred(Plain):
    """A model whose transform subtracts the mean of the batch."""

    def predict_table(self, table):
        x = np.asarray(table["x"].to_numpy(), np.float64)
        return x - x.mean() + 0.5


class Release:
    """As much of a release as `single_batch` asks."""

    threshold = 0.5

    def __init__(self, model, contract):
        self.model, self.contract = model, contract

    def scorer(self):
        from holdfast.releases.scorer import Member, Scorer

        model = self.model
        model.features = ("x",)
        model.predict_one = model.one
        model.predict = lambda rows: np.array([model.one(row) for row in rows])
        return Scorer(self.contract.guard(), Member((), model, 0.5), [], ("no", "yes"))


@pytest.fixture
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"id": [f"p{i}" for i in range(ROWS)], "x": rng.random(ROWS)})


@pytest.fixture
def contract(rows) -> Contract:
    return Contract.learn(rows, ids=["id"], policies={"x": "reject"})


def test_a_model_that_looks_at_one_row_only_passes(rows, contract):
    report = single_batch(Release(Plain(), contract), rows)
    assert report.passed is True
    assert report.scores.compared == ROWS
    assert report.scores.largest == 0.0


def test_a_mean_of_the_batch_is_found_with_the_worst_rows(rows, contract):
    rows["x"] = rows.x * 0.5
    report = single_batch(Release(Centred(), contract), rows, ids="id", show_ids=True)
    shift = 0.5 - rows.x.mean()
    assert report.passed is False
    assert report.scores.different == ROWS
    assert report.scores.largest == pytest.approx(shift)
    assert report.scores.flips == int(((rows.x + shift >= 0.5) != (rows.x >= 0.5)).sum())
    [finding] = report.findings
    assert finding.code == "HF-SKEW-SINGLE-BATCH"
    assert report.scores.worst[0].id in set(rows.id)
    assert len(report.to_frame()) == 10
    assert report.scores.worst[0].id in report.document().findings[0].sentence


def test_ids_stay_out_unless_they_may_be_shown(rows, contract):
    report = single_batch(Release(Centred(), contract), rows, ids="id")
    assert report.scores.worst[0].id is None
    assert '"p1' not in report.to_json()


def test_rows_that_the_guard_steps_in_for_are_left_out_and_counted(rows, contract):
    rows.loc[:49, "x"] = np.nan
    report = single_batch(Release(Plain(), contract), rows)
    assert report.scores.compared == ROWS - 50
    assert report.left_out == 50
    assert [f.code for f in report.findings] == ["HF-SKEW-NOT-COMPARED"]
    assert report.passed is True


def test_few_rows_or_none_that_could_be_compared_cannot_tell(rows, contract):
    assert single_batch(Release(Plain(), contract), rows.head(20)).passed is None
    rows["x"] = np.nan
    assert single_batch(Release(Plain(), contract), rows).passed is None


def test_more_rows_are_sampled_with_the_seed(rows, contract):
    one = single_batch(Release(Centred(), contract), rows, most=100, seed=1)
    assert one.scores.rows == 100
    assert one == single_batch(Release(Centred(), contract), rows, most=100, seed=1)


def test_no_rows_and_no_row_to_ask_are_refused(rows, contract):
    with pytest.raises(DataError, match="no rows"):
        single_batch(Release(Plain(), contract), rows.head(0))
    with pytest.raises(UsageError, match="at least one"):
        single_batch(Release(Plain(), contract), rows, most=0)
    with pytest.raises(DataError, match="no column"):
        single_batch(Release(Plain(), contract), rows, ids="nope")

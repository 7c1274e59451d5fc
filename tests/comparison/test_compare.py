"""What a comparison says of each kind of change, and of tables that cannot be compared."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.comparison import Comparison, Status, compare
from holdfast.contracts import Contract
from holdfast.errors import DataError, UsageError
from holdfast.evaluation import Costs
from holdfast.profiles import Profile, ProfileSpec
from holdfast.reports import FORMATS, render


def loans(rows: int, seed: int) -> dict[str, object]:
    rng = np.random.default_rng(seed)
    income = rng.lognormal(8, 0.6, rows)
    job = rng.choice(["fixed", "partime", "freelance", "none"], rows, p=[0.5, 0.25, 0.15, 0.1])
    age = rng.integers(18, 80, rows)
    risk = 1 / (1 + np.exp((np.log(income) - 7.5) * 2 - (job == "none") * 1.5))
    return {
        "income": income,
        "job": job,
        "age": age,
        "ratio": (rng.uniform(0, 0.9, rows)).round(2),
        "noise": rng.normal(size=rows),
        "p": risk,
        "default": (rng.random(rows) < risk).astype(int),
    }


GOOD = loans(4000, 0)


def changed(**columns: object) -> Comparison:
    current = loans(4000, 1)
    for name, make in columns.items():
        current[name] = make(current[name], np.random.default_rng(2)) if callable(make) else make
    return compare(GOOD, current)


def _some(share, value):
    return lambda x, r: np.where(r.random(len(x)) < share, value, x)


FAULTS = [
    ("income", lambda x, r: x * 100, "unit_scale", "SHIFT"),
    ("income", _some(0.3, np.nan), "missing", "MISSING"),
    ("income", lambda x, r: np.full(len(x), np.nan), "missing", "EMPTY"),
    ("income", lambda x, r: np.full(len(x), 4321.0), "stuck", "CONSTANT"),
    ("income", lambda x, r: x.astype(str), "dtype_change", "TYPE"),
    ("income", _some(0.1, -999.0), "default_filled", "SENTINEL"),
    ("income", lambda x, r: np.minimum(x, np.quantile(x, 0.8)), "clipped", "SHIFT"),
    ("income", lambda x, r: x * 1.3, "covariate_drift", "SHIFT"),
    ("noise", lambda x, r: x.round(1), "precision_loss", "SHIFT"),
    ("noise", lambda x, r: np.where(r.random(len(x)) < 0.02, x * 40, x), "outliers", "RANGE"),
    ("job", lambda x, r: np.where(x == "fixed", "FIXED", x), "category_renamed", "UNSEEN"),
    ("job", _some(0.1, "gig"), "new_category", "UNSEEN"),
    ("job", lambda x, r: np.where(x == "none", "partime", x), None, "MIX"),
    ("job", lambda x, r: np.full(len(x), "fixed"), "stuck", "CONSTANT"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "fault", "kind", "code"), FAULTS)
def test_a_broken_column_is_named_with_its_cause(column, fault, kind, code):
    found = changed(**{column: fault})
    assert found.passed is False
    assert found.changed == (column,)
    assert [f.code for f in found.findings if f.columns == (column,)] == [f"HF-COMPARE-{code}"]
    if kind is not None:
        assert found.column(column).cause.kind == kind


def test_the_same_rows_pass_and_nothing_is_claimed_beyond_what_was_seen():
    found = compare(GOOD, GOOD)
    assert found.passed is True
    assert found.findings == ()
    assert "No change that matters was found in 7 columns" in found.verdict
    assert all(0 <= d.adjusted <= 1 for c in found.columns for d in c.differences)


def test_columns_that_vanish_or_appear_get_a_sentence_each():
    current = loans(4000, 1)
    current["salary"] = current.pop("income")
    found = compare(GOOD, current)
    assert found.column("income").status is Status.VANISHED
    assert found.column("salary").status is Status.APPEARED
    assert {"HF-COMPARE-VANISHED", "HF-COMPARE-APPEARED"} <= {f.code for f in found.findings}
    assert found.passed is False


def test_score_decisions_money_and_outcome_are_compared():
    current = loans(4000, 1)
    current["income"] = current["income"] / 2
    current["p"] = 1 / (
        1 + np.exp((np.log(current["income"]) - 7.5) * 2 - (current["job"] == "none") * 1.5)
    )
    found = compare(GOOD, current, score="p", target="default", costs=Costs(1, 4))
    effects = {e.what: e for e in found.consequences}
    assert set(effects) == {"score", "decisions", "money", "outcome"}
    assert effects["decisions"].moved is True
    assert effects["score"].change.value == pytest.approx(
        np.mean(current["p"]) - np.mean(GOOD["p"])
    )
    income = found.column("income")
    assert income.matters is True
    # the column alone explains nearly all of the movement
    assert income.score_effect == pytest.approx(effects["score"].change.value, rel=0.25)
    assert income.importance > 0.5
    assert found.column("noise").importance < 0.02
    assert "It matters: positive decisions went from" in found.verdict


def test_a_change_that_the_score_does_not_feel_is_a_warning_and_passes():
    current = loans(4000, 1)
    current["noise"] = current["noise"] + 0.5
    found = compare(GOOD, current, score="p")
    assert found.passed is True
    assert [f.severity.value for f in found.findings] == ["warning"]
    assert found.column("noise").matters is False
    assert compare(GOOD, current).passed is False  # unknown whether it matters


def test_columns_that_part_are_found_though_each_looks_as_before():
    rng = np.random.default_rng(3)
    x = rng.normal(size=5000)
    table = {"x": x, "y": x + rng.normal(size=5000)}
    stale = {"x": table["x"], "y": np.roll(table["y"], 7)}
    found = compare(table, stale)
    assert found.changed == ()
    assert found.partings[0].columns == ("x", "y")
    assert [f.code for f in found.findings] == ["HF-COMPARE-DEPENDENCE"]
    assert found.passed is False


def test_times_running_numbers_and_declared_ids_are_not_compared():
    day = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    old = {
        "id": range(300),
        "at": [day] * 300,
        "key": [f"k{i}" for i in range(300)],
        "x": [1, 2] * 150,
    }
    new = {
        "id": range(300, 600), "at": [day + datetime.timedelta(days=40)] * 300,
        "key": [f"z{i}" for i in range(300)], "x": [1, 2] * 150,
    }  # fmt: skip
    contract = Contract.learn(pa.table({k: list(v) for k, v in old.items()}), ids=["key"])
    found = compare(old, new, contract=contract)
    assert {c.name for c in found.columns if c.status is Status.SKIPPED} == {"id", "at", "key"}
    assert found.changed == ()
    assert "running number" in compare(old, new, columns=["id"]).column("id").why


def test_two_profiles_compare_and_say_what_rows_would_tell():
    spec = ProfileSpec.learn(GOOD)
    current = loans(4000, 1)
    current["age"] = current["age"] + 20
    one, two = Profile.of(GOOD, spec), Profile.of(current, spec)
    found = compare(one, two)
    assert found.changed == ("age",)
    assert any("scores" in text for text in found.untold)
    assert compare(one, current).changed == ("age",)
    with pytest.raises(UsageError, match="needs a reference profile"):
        compare(GOOD, two)
    with pytest.raises(UsageError, match="count different things"):
        compare(one, Profile.of(GOOD, ProfileSpec.learn({"age": [1.0]})))


def test_files_compare_as_the_tables_in_them(tmp_path):
    current = loans(4000, 1)
    current["income"] = current["income"] * 100
    for name, table in (("a.parquet", GOOD), ("b.parquet", current)):
        pq.write_table(pa.table(table), tmp_path / name, row_group_size=700)
    from_files = compare(tmp_path / "a.parquet", str(tmp_path / "b.parquet"))
    assert from_files == compare(GOOD, current)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"x": pa.nulls(300)}, {"x": [1.0] * 300}),
        ({"x": [1.0] * 300}, {"x": pa.nulls(300)}),
        ({"x": pa.nulls(300)}, {"x": pa.nulls(300)}),
        ({"x": [5.0] * 300}, {"x": [5.0] * 300}),
        ({"x": [5.0] * 300}, {"x": [6.0] * 300}),
        ({"x": ["a"] * 300}, {"x": ["b"] * 300}),
        ({"x": [1.0]}, {"x": [2.0]}),
        ({"x": [1.0] * 300}, {"x": pa.array([], pa.float64())}),
        ({"x": pa.array([], pa.float64())}, {"x": [1.0] * 300}),
        ({"x": [float("nan")] * 300}, {"x": [float("inf")] * 300}),
        ({"x": [[1.0, 2.0]] * 300}, {"x": [[2.0, 1.0, 3.0]] * 300}),
    ],
    ids=range(11),
)
def test_degenerate_columns_give_a_verdict_and_a_report_in_every_format(old, new):
    found = compare(old, new)
    for name in FORMATS:
        assert render(found.document("x"), name)
    same = pa.table(old).equals(pa.table(new))
    assert found.passed is not False if same else found.passed is not True or old == new


def test_embeddings_of_another_model_are_found():
    rng = np.random.default_rng(5)

    def table(move):
        return {"v": pa.array((rng.normal(size=(800, 8)) + move).tolist())}

    moved = np.r_[0.5, np.zeros(7)]
    assert compare(table(0), table(0)).changed == ()
    found = compare(table(0), table(moved))
    assert found.column("v").main.what in {"direction", "shift", "shape"}
    assert found.changed == ("v",)


def test_values_stay_out_of_every_report_unless_the_contract_lets_them():
    old = {"city": ["Ada-Town", "Berne"] * 500, "x": [11.25, 33.5] * 500}
    new = {"city": ["Ada-Town", "Secretville"] * 500, "x": [11.25, 77.75] * 500}
    found = compare(old, new)
    for name in FORMATS:
        text = render(found.document("t"), name)
        for value in ("Ada-Town", "Berne", "Secretville", "11.25", "33.5", "77.75"):
            assert value not in text, (name, value)
    shown = render(compare(old, new, show_values=True).document("t"), "text")
    assert "Ada-Town" in shown
    contract = Contract.learn(pa.table(old))
    hidden = compare(old, new, contract=contract, show_values=True)
    assert "Ada-Town" not in render(hidden.document("t"), "text")


def test_a_result_is_a_table_a_dict_and_a_page(tmp_path):
    found = changed(age=lambda x, r: x + 10)
    frame = found.to_frame().to_pydict()
    assert frame["column"][0] == "age"
    assert frame["low"][0] < frame["effect"][0] < frame["high"][0]
    assert found.to_dict()["passed"] is False
    assert "age" in found.save_html(tmp_path / "page.html").read_text("utf-8")
    with pytest.raises(KeyError):
        found.column("nope")


def test_bad_calls_are_refused():
    with pytest.raises(UsageError, match="out of range"):
        compare(GOOD, GOOD, error=0)
    with pytest.raises(DataError, match="no table has the column 'nope'"):
        compare(GOOD, GOOD, score="nope")
    with pytest.raises(DataError, match="no column 'nope'"):
        compare(GOOD, GOOD, columns=["nope"])


def test_given_importance_orders_the_columns():
    current = loans(4000, 1)
    current["noise"], current["age"] = current["noise"] + 1.0, current["age"] + 20
    weights = {"age": 10.0, "noise": 0.0}
    found = compare(GOOD, current, importance=weights)
    assert found.changed == ("age", "noise")
    assert found.column("age").importance == 1.0
    assert found.column("noise").matters is False


NUMBER = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.integers(0, 3))
TABLES = st.fixed_dictionaries(
    {},
    optional={
        "x": st.lists(NUMBER, min_size=30, max_size=30).map(lambda v: pa.array(v, pa.float64())),
        "w": st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=30, max_size=30).map(
            lambda v: pa.array(v, pa.string())
        ),
        "z": st.one_of(
            st.lists(st.integers(-5, 5), min_size=30, max_size=30).map(pa.array),
            st.lists(st.booleans(), min_size=30, max_size=30).map(pa.array),
            st.just(pa.nulls(30)),
        ),
    },
)


@settings(max_examples=40, deadline=None)
@given(TABLES, TABLES)
def test_any_two_tables_give_a_verdict_and_a_report(old, new):
    found = compare(old, new)
    assert found.verdict
    assert found.passed is not True  # 30 rows are too few to pass
    for column in found.columns:
        for difference in column.differences:
            assert 0.0 <= difference.p <= difference.adjusted <= 1.0
    assert render(found.document("x"), "text")
    assert render(found.document("x"), "json")

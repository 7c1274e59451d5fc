"""Known mismatches, exactly; nothing where there is nothing; and what cannot be told."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.comparison.skew import skew
from holdfast.contracts import Contract
from holdfast.errors import DataError, UsageError
from holdfast.frames import ColumnView, read
from holdfast.frames.equality import State, Tolerance, compare_columns
from holdfast.reports import render

ROWS = 400


@pytest.fixture
def warehouse() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": np.arange(ROWS) + 1000,
            "income": rng.lognormal(7, 0.5, ROWS).round(2),
            "age": rng.integers(18, 80, ROWS),
            "job": rng.choice(["fixed", "part time", "free lance", "none"], ROWS),
            "seen": pd.Timestamp("2026-03-01")
            + pd.to_timedelta(rng.integers(0, 86_400 * 20, ROWS), unit="s"),
            "vip": rng.random(ROWS) < 0.3,
        }
    )


def codes(report):
    return {(f.columns[0] if f.columns else "", f.code) for f in report.findings}


def feature(report, name):
    return next(f for f in report.features if f.name == name)


# -- nothing to find ---------------------------------------------------------------------------


def test_the_same_table_has_no_skew(warehouse):
    report = skew(warehouse, warehouse, key="id")
    assert report.passed is True
    assert report.findings == ()
    assert {f.name for f in report.features} == {"income", "age", "job", "seen", "vip"}


def test_float32_order_of_rows_and_columns_and_narrow_types_are_no_skew(warehouse):
    served = warehouse.sample(frac=1.0, random_state=1)[
        ["vip", "seen", "job", "age", "income", "id"]
    ]
    served["income"] = served.income.astype("float32")
    served["age"] = served.age.astype("int8")
    served["id"] = served.id.astype("int32")
    served["job"] = served.job.astype("category")
    served["vip"] = served.vip.astype("int64")
    served["seen"] = served.seen.astype("datetime64[ms]")
    report = skew(served, warehouse, key="id")
    assert report.passed is True
    assert report.findings == ()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(allow_nan=True, width=64), min_size=1, max_size=40))
def test_any_number_survives_a_round_trip_through_float32(numbers):
    array = pa.array(numbers, pa.float64())
    with np.errstate(over="ignore"):
        single = np.array(numbers, np.float64).astype(np.float32)
    single = pa.array(np.where(np.isinf(single), np.array(numbers), single.astype(np.float64)))
    compared = compare_columns(ColumnView("x", single), ColumnView("x", array))
    assert (compared.state == State.SAME).all()


def test_ids_as_texts_floats_or_integers_are_the_same_key(warehouse):
    for kind in ("str", "float64"):
        served = warehouse.assign(id=warehouse.id.astype(kind))
        assert skew(served, warehouse, key="id").pairs == ROWS


# -- exact counts ------------------------------------------------------------------------------


def test_counts_and_wilson_bounds_are_exact(warehouse):
    served = warehouse.copy()
    served.loc[:19, "income"] = served.income[:20] + np.linspace(5, 900, 20) ** 1.5
    served.loc[20:49, "income"] = np.nan
    warehouse.loc[50:59, "income"] = np.nan
    report = skew(served, warehouse, key="id")
    income = feature(report, "income")
    assert (income.different, income.null_logged, income.null_training) == (20, 30, 10)
    assert (income.mismatches, income.pairs) == (60, ROWS)
    p, n, z = 60 / ROWS, ROWS, 1.959963984540054
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    assert income.share.low == pytest.approx(centre - half, abs=1e-12)
    assert income.share.high == pytest.approx(centre + half, abs=1e-12)
    assert codes(report) == {
        ("income", "HF-SKEW-VALUE"), ("income", "HF-SKEW-NULL-SERVING"),
        ("income", "HF-SKEW-NULL-TRAINING"),
    }  # fmt: skip
    assert report.passed is False


def test_two_nulls_are_the_same(warehouse):
    warehouse.loc[:99, "income"] = np.nan
    warehouse.loc[:99, "job"] = None
    assert skew(warehouse, warehouse, key="id").passed is True


def test_a_mismatch_within_what_is_allowed_is_counted_and_not_a_finding(warehouse):
    served = warehouse.copy()
    served.loc[0, "income"] += 100
    report = skew(served, warehouse, key="id", allowed=0.02)
    assert feature(report, "income").mismatches == 1
    assert report.findings == ()
    assert report.passed is True


@pytest.mark.parametrize(("rows", "passed"), [(72, None), (73, True)])
def test_few_equal_rows_do_not_prove_sameness(warehouse, rows, passed):
    part = warehouse.head(rows)
    assert skew(part, part, key="id").passed is passed


# -- patterns ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (lambda x: x * 100, "HF-SKEW-UNIT", "logged = 100 x training"),
        (lambda x: x / 1000, "HF-SKEW-UNIT", "thousands"),
        (lambda x: (x * 1.609344).round(2), "HF-SKEW-UNIT", "kilometres and miles"),
        (lambda x: -x, "HF-SKEW-UNIT", "the sign is turned"),
        (lambda x: x + 273.15, "HF-SKEW-UNIT", "logged = training + 273.15"),
        (lambda x: x * 1.8 + 32, "HF-SKEW-UNIT", "1.8 x training + 32"),
        (lambda x: x.round(0), "HF-SKEW-ROUNDED", "multiples of 1"),
        (lambda x: x // 10 * 10, "HF-SKEW-ROUNDED", "multiples of 10"),
        (lambda x: x * 0 - 1.0, "HF-SKEW-CONSTANT", "one and the same in all of them"),
        (lambda x: x.sample(frac=1.0, random_state=3).to_numpy(), "HF-SKEW-VALUE", "no common"),
    ],
)
def test_what_the_numbers_have_in_common_is_named(warehouse, change, code, said):
    served = warehouse.assign(income=change(warehouse.income))
    report = skew(served, warehouse, key="id")
    assert codes(report) == {("income", code)}
    assert said in report.findings[0].sentence


def test_a_unit_in_part_of_the_rows_is_named_too(warehouse):
    served = warehouse.copy()
    served.loc[::3, "income"] *= 100
    [finding] = skew(served, warehouse, key="id").findings
    assert finding.code == "HF-SKEW-UNIT"
    assert finding.evidence["rows"] == len(range(0, ROWS, 3))
    assert finding.evidence["factor"] == pytest.approx(100)


def test_with_two_values_no_pattern_is_claimed():
    trained = {"id": list(range(120)), "x": [float(i % 2 + 1) for i in range(120)]}
    served = {**trained, "x": [100.0 * x for x in trained["x"]]}
    [finding] = skew(served, trained, key="id").findings
    assert finding.code == "HF-SKEW-VALUE"
    assert "too few different values" in finding.sentence


def test_integers_one_off_are_an_offset_not_a_rounding(warehouse):
    [finding] = skew(warehouse.assign(age=warehouse.age + 1), warehouse, key="id").findings
    assert finding.evidence["offset"] == 1.0


@pytest.mark.parametrize(
    ("hours", "said"), [(2, "+2 h"), (-5.5, "-5.5 h"), ("summer", "summer and winter time")]
)
def test_a_time_zone_is_named(warehouse, hours, said):
    away = (
        np.where(warehouse.seen < "2026-03-10", 1, 2) if hours == "summer" else np.full(ROWS, hours)
    )
    served = warehouse.assign(seen=warehouse.seen + pd.to_timedelta(away, unit="h"))
    [finding] = skew(served, warehouse, key="id").findings
    assert finding.code == "HF-SKEW-TIMEZONE"
    assert said in finding.sentence


def test_a_zone_written_down_is_no_skew(warehouse):
    served = warehouse.assign(seen=warehouse.seen.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"))
    assert skew(served, warehouse, key="id").passed is True


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda job: job.str.upper().str.replace(" ", "-"), "another spelling"),
        (lambda job: job.map({"fixed": "A", "part time": "B", "free lance": "C", "none": "D"}),
         "one for one"),
    ],
)  # fmt: skip
def test_renamed_categories_are_named(warehouse, change, said):
    served = warehouse.assign(job=change(warehouse.job))
    [finding] = skew(served, warehouse, key="id").findings
    assert finding.code == "HF-SKEW-CATEGORY"
    assert said in finding.sentence


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a", "b", "c"], "one and the same in all of them"),
        (["a", "b"], "one category is always logged as another"),
    ],
)
def test_a_category_stuck_in_the_log_is_named(names, said):
    trained = {"id": list(range(120)), "c": [names[i % len(names)] for i in range(120)]}
    [finding] = skew({**trained, "c": ["a"] * 120}, trained, key="id").findings
    assert said in finding.sentence


def test_a_null_filled_with_a_default_is_said_to_be_one(warehouse):
    warehouse.loc[:79, "income"] = np.nan
    served = warehouse.assign(income=warehouse.income.fillna(0.0))
    [finding] = skew(served, warehouse, key="id").findings
    assert finding.code == "HF-SKEW-NULL-TRAINING"
    assert "a default" in finding.sentence


# -- types -------------------------------------------------------------------------------------


def test_numbers_and_times_as_texts_differ_in_type_only(warehouse):
    served = warehouse.assign(
        income=warehouse.income.map(str),
        seen=warehouse.seen.map(lambda t: t.isoformat() + "Z"),
        vip=warehouse.vip.map({True: "true", False: "False"}),
    )
    report = skew(served, warehouse, key="id")
    assert codes(report) == {(n, "HF-SKEW-TYPE") for n in ("income", "seen", "vip")}
    assert all(f.mismatches == 0 for f in report.features)
    assert {f.severity.value for f in report.findings} == {"warning"}


@pytest.mark.parametrize("scale", [1, 1_000, 1_000_000])
def test_times_as_seconds_milliseconds_or_microseconds_are_read(warehouse, scale):
    seconds = (warehouse.seen - pd.Timestamp("1970-01-01")) // pd.Timedelta(1, unit="s")
    report = skew(warehouse.assign(seen=seconds * scale), warehouse, key="id")
    assert codes(report) == {("seen", "HF-SKEW-TYPE")}
    assert feature(report, "seen").mismatches == 0


def test_embeddings_are_compared_number_by_number():
    left = pa.table({"id": range(100), "e": [[float(i), 1.0 / (i + 1)] for i in range(100)]})
    near = pa.table(
        {"id": range(100),
         "e": [[float(np.float32(i)), float(np.float32(1.0 / (i + 1)))] for i in range(100)]}
    )  # fmt: skip
    assert skew(near, left, key="id").passed is True
    other = pa.table({"id": range(100), "e": [[float(i)] for i in range(100)]})
    assert feature(skew(other, left, key="id"), "e").mismatches == 100


def test_large_integers_are_compared_exactly():
    left = {"id": list(range(100)), "n": [2**60 + i for i in range(100)]}
    right = {"id": list(range(100)), "n": [2**60 + i + 1 for i in range(100)]}
    assert feature(skew(left, right, key="id"), "n").mismatches == 100


# -- joining -----------------------------------------------------------------------------------


def history(entities=60, steps=6, seed=0):
    """A warehouse with several dated rows an entity, and rows served right after each."""
    rng = np.random.default_rng(seed)
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(steps), unit="D")
    table = pd.DataFrame(
        {
            "customer": np.repeat(np.arange(entities), steps),
            "at": np.tile(days, entities),
            "balance": rng.normal(1000, 300, entities * steps).round(2),
            "flag": rng.integers(0, 2, entities * steps),
        }
    )
    served = table.assign(at=table["at"] + pd.Timedelta(3, unit="h"))
    return table, served


def test_an_entity_is_joined_with_its_latest_row_that_is_not_later():
    table, served = history()
    report = skew(served, table.sample(frac=1.0, random_state=1), key="customer", event_time="at")
    assert report.passed is True
    assert report.pairs == len(served)
    early = served.assign(at=served["at"] - pd.Timedelta(6, unit="h"))
    report = skew(early, table, key="customer", event_time="at")
    assert report.without_partner == 60
    assert report.pairs == len(served) - 60


def test_a_stale_value_is_recognised():
    table, served = history()
    stale = served.assign(balance=table.groupby("customer").balance.shift(1))
    stale = stale[stale.balance.notna()]
    report = skew(stale, table, key="customer", event_time="at")
    assert codes(report) == {("balance", "HF-SKEW-STALE")}
    assert report.findings[0].evidence["steps_back"] == 1


def test_a_stale_value_is_recognised_by_entity_where_the_key_is_the_prediction():
    table, _ = history()
    table = table.assign(prediction=np.arange(len(table)).astype(str))
    served = table.assign(balance=table.groupby("customer").balance.shift(2))
    served = served[served.balance.notna()].drop(columns="flag")
    report = skew(served, table, key="prediction", entity="customer", event_time="at")
    assert ("balance", "HF-SKEW-STALE") in codes(report)
    assert next(f for f in report.findings if f.code == "HF-SKEW-STALE").evidence["steps_back"] == 2


def test_a_flag_that_differs_is_not_called_stale_because_flags_repeat():
    table, served = history(steps=8)
    rng = np.random.default_rng(1)
    wrong = served.assign(
        flag=np.where(rng.random(len(served)) < 0.3, 1 - served.flag, served.flag)
    )
    report = skew(wrong, table, key="customer", event_time="at")
    assert not any(f.code == "HF-SKEW-STALE" for f in report.findings)


def test_rows_without_partner_and_repeated_keys_are_counted_and_told(warehouse):
    served = pd.concat([warehouse, warehouse.head(7)])
    trained = pd.concat([warehouse.iloc[30:], warehouse.iloc[100:110]])
    report = skew(served, trained, key="id")
    assert report.without_partner == 37
    assert report.left_out == 10
    assert report.duplicates == (7, 10)
    assert {f.code for f in report.findings} == {"HF-SKEW-UNMATCHED", "HF-SKEW-DUPLICATE-KEY"}
    assert report.passed is True


def test_when_most_rows_have_no_partner_nothing_is_said_of_the_whole(warehouse):
    assert skew(warehouse, warehouse.head(150), key="id").passed is None


def test_several_columns_may_make_the_key(warehouse):
    served = warehouse.assign(day=warehouse.id // 10, n=warehouse.id % 10).drop(columns="id")
    other = served.sample(frac=1.0, random_state=1)
    assert skew(served, other, key=["day", "n"]).passed is True


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.integers(0, 12)), min_size=1, max_size=30),
    st.lists(st.one_of(st.none(), st.integers(0, 12)), min_size=1, max_size=30),
)
def test_every_logged_row_is_paired_or_accounted_for(left, right):
    logged = pa.table({"k": pa.array(left, pa.int64()), "x": list(range(len(left)))})
    trained = pa.table({"k": pa.array(right, pa.int64()), "x": list(range(len(right)))})
    single = {k for k in right if k is not None and right.count(k) == 1}
    if not single & set(left):
        with pytest.raises(DataError) as caught:
            skew(logged, trained, key="k")
        assert caught.value.code == "HF-E-SKEW-KEY"
        return
    report = skew(logged, trained, key="k")
    assert report.pairs + report.without_partner + report.left_out == len(left)


# -- personal data -----------------------------------------------------------------------------


def test_values_and_keys_stay_out_unless_the_contract_or_the_caller_says_so(warehouse):
    served = warehouse.assign(job="secret-word")
    said = skew(served, warehouse, key="id").to_json()
    assert "secret-word" not in said
    assert "1000" not in said
    shown = skew(served, warehouse, key="id", show_ids=True)
    assert shown.findings[0].evidence["keys"][0] in set(warehouse.id)
    contract = Contract.learn(warehouse, ids=["id"])
    closed = skew(served, warehouse, key="id", contract=contract)
    assert "secret-word" not in closed.to_json()
    data = contract.to_json().decode().replace('"name": "job"', '"pii": "no", "name": "job"')
    opened = skew(served, warehouse, key="id", contract=Contract.from_json(data))
    assert opened.findings[0].evidence["value"] == "secret-word"


def test_a_contract_chooses_features_and_misses_those_not_logged(warehouse):
    contract = Contract.learn(warehouse, ids=["id"], event_time="seen")
    served = warehouse.drop(columns="age").assign(extra=1)
    report = skew(served, warehouse.assign(extra=2), key="id", contract=contract)
    assert codes(report) == {("age", "HF-SKEW-COLUMN")}
    assert {f.name for f in report.features} == {"income", "job", "vip", "seen"}


# -- the report --------------------------------------------------------------------------------


def test_the_report_shows_itself_everywhere(warehouse, tmp_path):
    report = skew(warehouse.assign(income=warehouse.income * 100), warehouse, key="id")
    assert "income" in repr(report)
    frame = report.to_frame().to_pylist()
    assert frame[0]["name"] == "income"
    assert frame[0]["same"] is False
    assert report.to_dict()["findings"][0]["code"] == "HF-SKEW-UNIT"
    for form in ("text", "json", "md", "html", "junit", "sarif"):
        assert "income" in render(report.document("log"), form)
    assert report.save_html(tmp_path / "r.html").stat().st_size > 1000
    assert report.features[0].name == "income"


def test_the_same_seed_gives_the_same_report(warehouse):
    served = warehouse.assign(income=warehouse.income * 100)
    assert skew(served, warehouse, key="id", seed=3) == skew(served, warehouse, key="id", seed=3)


# -- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logged", "training", "more", "code"),
    [
        ({"id": [], "x": []}, {"id": [1], "x": [1]}, {}, "HF-E-SKEW-EMPTY"),
        ({"id": [1], "x": [1]}, {"id": [], "x": []}, {}, "HF-E-SKEW-EMPTY"),
        ({"x": [1]}, {"id": [1], "x": [1]}, {}, "HF-E-SKEW-KEY"),
        ({"id": [1], "x": [1]}, {"x": [1]}, {}, "HF-E-SKEW-KEY"),
        ({"id": [1], "x": [1]}, {"id": [2], "x": [1]}, {}, "HF-E-SKEW-KEY"),
        ({"id": [1], "x": [1]}, {"id": [1, 1], "x": [1, 2]}, {}, "HF-E-SKEW-KEY"),
        ({"id": [None], "x": [1]}, {"id": [1], "x": [1]}, {}, "HF-E-SKEW-KEY"),
        ({"id": [1], "x": [1]}, {"id": [1], "y": [1]}, {}, "HF-E-SKEW-COLUMNS"),
        ({"id": [1], "x": [1]}, {"id": [1], "x": [1]}, {"features": ["z"]}, "HF-E-SKEW-COLUMNS"),
        ({"id": [[1.0]], "x": [1]}, {"id": [1], "x": [1]}, {}, "HF-E-SKEW-KEY"),
    ],
)
def test_bad_tables_are_refused_with_a_code(logged, training, more, code):
    with pytest.raises(DataError) as caught:
        skew(logged, training, key="id", **more)
    assert caught.value.code == code
    assert caught.value.exit_code == 2


def test_ambiguous_keys_point_to_the_event_time():
    with pytest.raises(DataError, match="--event-time"):
        skew({"c": [1], "x": [1]}, {"c": [1, 1], "x": [1, 2]}, key="c")


@pytest.mark.parametrize("allowed", [-0.1, 1.0, math.nan])
def test_an_allowed_share_out_of_range_is_refused(allowed):
    with pytest.raises(UsageError, match="out of range"):
        skew({"id": [1], "x": [1]}, {"id": [1], "x": [1]}, key="id", allowed=allowed)


def test_a_negative_tolerance_is_refused():
    with pytest.raises(UsageError, match="0 or more"):
        Tolerance(relative=-1.0)


def test_all_null_and_constant_columns_and_infinities_are_fine():
    table = {
        "id": list(range(100)),
        "nothing": [None] * 100,
        "one": [1] * 100,
        "inf": [math.inf] * 50 + [-math.inf] * 50,
    }
    assert skew(table, table, key="id").passed is True
    full = {**table, "nothing": [1.0] * 100}
    report = skew(table, full, key="id")
    assert codes(report) == {("nothing", "HF-SKEW-NULL-SERVING")}


def test_texts_that_are_no_numbers_differ():
    left = read({"x": ["1", "one", None, "1_0"]}).column("x")
    right = read({"x": [1, 1, 1, 10]}).column("x")
    assert compare_columns(left, right).state.tolist() == [
        State.SAME, State.DIFFERENT, State.NULL_LOGGED, State.DIFFERENT,
    ]  # fmt: skip

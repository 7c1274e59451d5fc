"""Leaks between rows of real tables (HOLDFAST_DATA): found and sized; clean ones left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdfast.audit import Verdict, audit

OWN = [
    "HF-L-DUPLICATES", "HF-L-NEAR-DUPLICATES", "HF-L-NEAR-TEXT", "HF-L-RESAMPLING",
    "HF-L-GROUPS", "HF-L-TIME-SPLIT",
]  # fmt: skip


def renamed(table: pa.Table) -> pa.Table:
    return table.rename_columns([f"c{i}" for i in range(table.num_columns)])


def parted(table: pa.Table, seed: int = 0) -> tuple[pa.Table, pa.Table]:
    order = np.random.default_rng(seed).permutation(table.num_rows)
    cut = int(0.7 * len(order))
    return table.take(np.sort(order[:cut])), table.take(np.sort(order[cut:]))


def found(train: Any, test: Any, **named: Any) -> dict[str, Any]:
    return {f.code: f for f in audit(train, test, checks=OWN, **named).findings}


def test_repeated_patients_are_found_undeclared_and_without_names(real_data):
    table = pq.read_table(real_data / "diabetes_130_hospitals.parquet").slice(0, 40_000)
    at = table.column_names
    report = found(
        *parted(renamed(table)), target=f"c{at.index('readmitted')}", positive="<30"
    )  # fmt: skip
    assert set(report) == {"HF-L-GROUPS"}
    finding = report["HF-L-GROUPS"]
    assert finding.columns == (f"c{at.index('patient_nbr')}",)
    assert finding.worth is not None
    assert 0.2 < finding.evidence["share"] < 0.5


def test_repeated_patients_are_proven_when_declared(real_data):
    table = pq.read_table(real_data / "diabetes_130_hospitals.parquet").slice(0, 40_000)
    report = found(*parted(table), target="readmitted", positive="<30", groups=["patient_nbr"])
    assert report["HF-L-GROUPS"].verdict is Verdict.PROVEN


@pytest.mark.parametrize("split", [True, False])
def test_repeated_messages_are_found_equal_and_nearly_equal(real_data, split):
    table = pq.read_table(real_data / "sms_spam.parquet")
    report = found(*(parted(table) if split else (table, None)), target="label")
    assert set(report) == {"HF-L-DUPLICATES", "HF-L-NEAR-TEXT"}
    assert all(finding.worth is not None for finding in report.values())


def test_repeated_articles_are_found(real_data):
    table = pq.read_table(real_data / "reuters21578.parquet").select(
        ["title", "body", "first_topic"]
    )
    report = audit(*parted(table.slice(0, 9000)), target="first_topic", checks=["HF-L-NEAR-TEXT"])
    assert {f.evidence["column"] for f in report.findings} >= {"body"}
    assert all(f.worth is not None for f in report.findings)


@pytest.mark.parametrize(
    ("name", "target", "time", "drop"),
    [("lendingclub_2018", "loan_status", "issue_d", ()),
     ("weather_aus", "RainTomorrow", "Date", ("RISK_MM",))],
)  # fmt: skip
def test_a_random_split_of_dated_rows_is_proven_and_a_forward_one_is_not(
    real_data, name, target, time, drop
):
    table = pq.read_table(real_data / f"{name}.parquet").drop_columns(list(drop))
    table = table.slice(0, 25_000)
    finding = found(*parted(table), target=target, event_time=time)["HF-L-TIME-SPLIT"]
    assert finding.verdict is Verdict.PROVEN
    assert finding.worth.gain > 0.0
    cut = int(0.7 * table.num_rows)
    assert found(table.slice(0, cut), table.slice(cut), target=target, event_time=time) == {}


@pytest.mark.parametrize(
    ("name", "target", "drop"),
    [
        ("adult_census", "income", ()), ("telco_churn", "Churn", ()),
        ("credit_data_spain", "Status", ()),
        ("acs_employment_ma", "employed", ("prediction", "predicted_probability", "partition")),
    ],
)  # fmt: skip
def test_a_random_split_of_a_clean_table_is_left_alone(real_data, name, target, drop):
    table = pq.read_table(real_data / f"{name}.parquet").drop_columns(list(drop)).slice(0, 20_000)
    for seed in range(2):
        assert found(*parted(table, seed), target=target) == {}
    assert found(table, None, target=target) == {}

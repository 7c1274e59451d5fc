"""Known leaks of public tables: found, sized, whatever the columns are called."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdfast.audit import AuditReport, Verdict, audit
from holdfast.audit.run import make_case

#: table -> (target, event time, columns left out, leaking columns)
LEAKS = {
    "bank_marketing_additional": ("y", None, ("row_order", "call_month"), {"duration"}),
    "titanic3": ("survived", None, (), {"boat", "body"}),
    "weather_aus": ("RainTomorrow", "Date", (), {"RISK_MM"}),
    "bike_sharing_hour": ("cnt", "timestamp", ("instant", "dteday"), {"casual", "registered"}),
    "fdh_card_tx": ("TX_FRAUD", "TX_DATETIME", (), {"TX_FRAUD_SCENARIO"}),
}
CLEAN = {
    "adult_census": ("income", None, ()),
    "german_credit": ("CLASSIFICATION", None, ()),
    "credit_data_spain": ("Status", None, ()),
    "telco_churn": ("Churn", None, ("customerID",)),
    "elec2": ("class", "timestamp", ()),
}


#: what is true of these tables without any column of theirs being a leak: streams score better
#: when split at random, and passengers share tickets
OF_SPLITS = {"HF-L-TIME-SPLIT", "HF-L-GROUPS"}


def blamed(report: AuditReport) -> set[str]:
    """Columns that are said to leak."""
    return {c for f in report.findings if f.code not in OF_SPLITS for c in f.columns}


def table_of(real_data: Path, name: str, dropped: tuple[str, ...]) -> pa.Table:
    return pq.read_table(real_data / f"{name}.parquet").drop_columns(list(dropped))


@pytest.mark.parametrize("name", LEAKS)
def test_the_known_leaks_are_found_and_sized_and_nothing_else(real_data: Path, name: str):
    target, time, dropped, leaks = LEAKS[name]
    table = table_of(real_data, name, dropped)
    cleaned = audit(table.drop_columns(sorted(leaks)), target=target, event_time=time)
    case = make_case(table.drop_columns(sorted(leaks)), target=target, event_time=time).larger()
    honest = case.quality(case.score(case.features))
    assert blamed(cleaned) == set()
    renamed = {n: n if n in {target, time} else f"c{i}" for i, n in enumerate(table.column_names)}
    for names in ({n: n for n in renamed}, renamed):
        shown = table.rename_columns([names[n] for n in table.column_names])
        report = audit(shown, target=target, event_time=time)
        assert blamed(report) == {names[n] for n in leaks}
        assert report.score.without == pytest.approx(honest, abs=0.02)
        assert all(f.verdict is Verdict.SUSPECT for f in report.findings if f.columns)


@pytest.mark.parametrize("name", CLEAN)
def test_clean_tables_are_clear_as_far_as_tested(real_data: Path, name: str):
    target, time, dropped = CLEAN[name]
    report = audit(table_of(real_data, name, dropped), target=target, event_time=time)
    assert blamed(report) == set()
    assert report.passed is not False


def test_a_loan_book_whose_late_rows_are_immature_is_told(real_data: Path):
    report = audit(table_of(real_data, "lendingclub_2018", ()), target="loan_status")
    assert "HF-L-ORDER" in {f.code for f in report.findings}

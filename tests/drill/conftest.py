"""One small lender with a release, built once for the folder."""

from __future__ import annotations

import pyarrow as pa
import pytest

from holdfast.contracts import Contract
from holdfast.demo.loans import generate
from holdfast.models.recipes import logistic_regression
from holdfast.releases import Release

COLUMNS = [
    "application_id", "applied_at", "employment_type", "income_source", "monthly_income",
    "loan_amount", "late_payments", "outcome",
]  # fmt: skip
FEATURES = ["employment_type", "income_source", "monthly_income", "loan_amount", "late_payments"]
DRILLED = (
    "missing", "missing_source", "unknown_filled", "dtype_change", "timezone_shift",
    "duplicate_rows", "prior_shift", "concept_noise", "tiny_drift",
)  # fmt: skip


def loans(rows: int, seed: int) -> pa.Table:
    return generate(seed=seed, rows=rows).table.select(COLUMNS)


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    train = loans(3_000, 1)
    contract = Contract.learn(
        train, target="outcome", event_time="applied_at", ids=["application_id"], name="loan"
    )
    return Release.build(
        logistic_regression(train, FEATURES, "outcome", positive="defaulted"),
        train=train,
        validation=loans(3_000, 2),
        contract=contract,
        features=FEATURES,
        positive="defaulted",
        fallbacks="none",
        name="loan",
        directory=tmp_path_factory.mktemp("drill"),
    )


@pytest.fixture(scope="session")
def rows() -> pa.Table:
    return loans(1_200, 3)


@pytest.fixture(scope="session")
def report(release, rows):
    """A drill of one or two faults of every family, run once."""
    from holdfast.drill import drill

    return drill(release, rows, faults=DRILLED, clock=lambda: 1_800_000_000_000_000)

"""The generated lender is what its description says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from holdfast.demo import loans


@pytest.fixture(scope="module")
def lender() -> loans.Loans:
    return loans.generate(seed=3)


def test_the_same_seed_gives_the_same_applications(lender: loans.Loans):
    assert loans.generate(seed=3).table.equals(lender.table)
    assert not loans.generate(seed=4).table.equals(lender.table)


def test_there_are_twenty_thousand_in_order_of_time_with_ids_of_their_own(lender: loans.Loans):
    assert lender.table.num_rows == 20_000
    times = lender.table["applied_at"].cast(pa.int64()).to_numpy()
    assert (np.diff(times) >= 0).all()
    assert pc.count_distinct(lender.table["application_id"]).as_py() == 20_000


def test_no_field_is_null(lender: loans.Loans):
    assert sum(column.null_count for column in lender.table.columns) == 0


def test_the_outcome_follows_the_stated_probability(lender: loans.Loans):
    defaulted = pc.equal(lender.table["outcome"], loans.POSITIVE).to_numpy(zero_copy_only=False)
    for low, high in ((0.0, 0.1), (0.1, 0.5), (0.5, 0.9), (0.9, 1.0)):
        inside = (lender.probability >= low) & (lender.probability < high)
        expected = lender.probability[inside]
        error = np.sqrt((expected * (1 - expected)).sum())
        assert abs(defaulted[inside].sum() - expected.sum()) < 4 * error


def test_the_employment_type_partly_shows_in_the_income_source(lender: loans.Loans):
    table = lender.table
    temporary = table.filter(pc.equal(table["employment_type"], "temporary"))
    salaried = pc.mean(pc.equal(temporary["income_source"], "salary").cast(pa.float64())).as_py()
    assert salaried == pytest.approx(0.58, abs=0.03)


def test_the_shares_of_every_table_sum_to_one():
    for shares in (
        loans.EMPLOYMENT_SHARE,
        loans.HOME_SHARE,
        loans.CHANNEL_SHARE,
        *loans.INCOME_SOURCE_GIVEN,
        *loans.SECTOR_GIVEN,
    ):
        assert sum(shares) == pytest.approx(1.0)

"""The exact corruption in words: what, since when, on how many rows, from where."""

from __future__ import annotations

import numpy as np
import pytest
from tests.diagnosis.world import NOON, shop, told

N = 400
EARLIER = shop(600, 7)
MINUTE = 60_000_000


def from_source(make, column, seed=31):
    """Rows of four sources, one of which sends a broken column from row 60 on."""
    table = shop(N, seed)
    rng = np.random.default_rng(seed)
    source = rng.choice(4, N, p=[0.3, 0.3, 0.3, 0.1])
    at = (source == 2) & (np.arange(N) >= 60)
    values = table[column].astype(object)
    values[at] = make(table[column][at])
    table[column] = values
    names = ["web", "partner", "app-ios", "shop"]
    times = NOON - 60 * MINUTE + np.arange(N) * MINUTE
    return table, {"origins": {"source": (source.astype(np.int64), names)}, "at": times}


@pytest.mark.parametrize(
    ("column", "make", "words"),
    [
        ("amount", lambda x: x * 100.0, "`amount` x100 since"),
        ("temp", lambda x: 1.8 * x + 32.0, "`temp` x1.8 + 32 (Celsius and Fahrenheit) since"),
        ("income", lambda x: [None] * len(x), "`income` missing since"),
        ("age", lambda x: [-1.0] * len(x), "`age` filled with -1 since"),
        ("amount", lambda x: x * 1.609344, "`amount` x1.609 (miles and kilometres) since"),
    ],
)
def test_a_fault_of_one_source_is_told_with_time_share_and_source(column, make, words):
    table, more = from_source(make, column)
    diagnosis = told(table, before=EARLIER, **more)
    assert words in diagnosis.sentence
    assert ", all from source=app-ios" in diagnosis.sentence
    assert " of 3" in diagnosis.sentence
    assert diagnosis.since is not None
    assert abs(diagnosis.since - NOON) <= 6 * MINUTE
    assert 0.2 < diagnosis.facts["affected_share"] < 0.4


def test_a_category_can_be_the_segment():
    table = shop(N, 32)
    at = table["device"] == "ios"
    table["income"] = np.where(at, table["income"] * 1000.0, table["income"])
    assert "all from device=ios" in told(table, before=EARLIER).sentence


def test_rows_spread_over_all_sources_blame_none():
    table = shop(N, 33)
    rng = np.random.default_rng(1)
    source = rng.integers(0, 3, N)
    values = table["income"].astype(object)
    values[rng.random(N) < 0.4] = None
    table["income"] = values
    diagnosis = told(table, before=EARLIER, origins={"source": (source, ["a", "b", "c"])})
    assert "source=" not in diagnosis.sentence
    assert any("one source alone" in line for line in diagnosis.ruled_out)


def test_a_renaming_is_told_as_a_mapping():
    table = shop(N, 34)
    table["plan"] = np.array([f" {v}" for v in table["plan"]], object)
    assert "pro ->  pro" in told(table, before=EARLIER).sentence


def test_a_swap_names_its_partner():
    table = shop(N, 35)
    table["age"], table["temp"] = table["temp"], table["age"]
    assert "and `temp` swapped" in told(table, before=EARLIER).sentence.replace(
        "`temp` and `age` swapped", "`age` and `temp` swapped"
    )


def test_hours_and_lag_are_told():
    table = shop(N, 36)
    table["hour"] = (table["hour"] + 5) % 24
    assert "shifted by +5 hours" in told(table, before=EARLIER).sentence
    table = shop(N, 37)
    table["income"] = np.concatenate((EARLIER["income"][-350:], table["income"]))[:N]
    assert "served from 350 rows earlier" in told(table, before=EARLIER).sentence


@pytest.mark.parametrize(
    ("column", "values", "secret"),
    [
        ("income", np.full(N, 31415.9), "31415"),
        ("plan", np.array(["secret-plan"] * N, object), "secret"),
        ("country", np.array(["DE"] * N, object), "DE"),
    ],
)
def test_values_of_features_that_may_not_be_shown_stay_out(column, values, secret):
    table = shop(N, 38)
    table[column] = values
    diagnosis = told(table, before=EARLIER, shown=False)
    text = " ".join(
        (diagnosis.sentence, diagnosis.cause.because, *diagnosis.ruled_out, str(diagnosis.facts))
    )
    assert secret not in text.replace(",", "")
    assert column in diagnosis.sentence


def test_alternatives_are_ruled_out_with_numbers():
    table = shop(N, 39)
    table["income"] = table["income"] * 1000.0
    lines = told(table, before=EARLIER).ruled_out
    assert any(line.startswith("outliers of `income`") or "covariate" in line for line in lines)
    assert all("nats" in line for line in lines)


def test_facts_are_plain_data():
    import msgspec

    table = shop(N, 40)
    table["age"] = -table["age"]
    facts = told(table, before=EARLIER).facts
    assert msgspec.json.decode(msgspec.json.encode(facts))["rows"] == N

"""Whatever the columns and roles: the checks of rows and splits answer or say what they need."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.audit import audit
from holdfast.audit.record import AuditReport
from holdfast.errors import HoldfastError

ROWS = 120
OWN = [
    "HF-L-AVAILABILITY", "HF-L-LOOK-AHEAD", "HF-L-DUPLICATES", "HF-L-NEAR-DUPLICATES",
    "HF-L-NEAR-TEXT", "HF-L-RESAMPLING", "HF-L-GROUPS", "HF-L-TIME-SPLIT", "HF-L-TEST-REUSE",
]  # fmt: skip


def column(kind: str, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    few = rng.integers(0, 3, ROWS)
    made: dict[str, Any] = {
        "null": [None] * ROWS,
        "constant": [1] * ROWS,
        "nan": [float("nan")] * ROWS,
        "infinite": np.where(few == 0, np.inf, np.where(few == 1, -np.inf, 1.0)),
        "holes": [None if f == 0 else float(i) for i, f in enumerate(few)],
        "normal": rng.normal(size=ROWS),
        "huge": rng.normal(size=ROWS) * 1e300,
        "whole": rng.integers(-(2**62), 2**62, ROWS),
        "few": few,
        "yes": few == 0,
        "number of the row": np.arange(ROWS),
        "words": [str(f) for f in few],
        "names": [f"name {i}" for i in range(ROWS)],
        "prose": [f"the {i} and {f} of many a word in a text" for i, f in enumerate(few)],
        "empty texts": [""] * ROWS,
        "mixed": [i if f else str(i) for i, f in enumerate(few)],
        "times": np.datetime64("2024-01-01", "us") + few.astype("timedelta64[D]"),
        "days": np.datetime64("2024-01-01", "D") + np.arange(ROWS).astype("timedelta64[D]"),
        "lists": [[float(f), None, float("nan")] if f else None for f in few],
        "pairs": np.repeat(np.arange(ROWS // 2), 2),
    }
    return made[kind]


KINDS = st.sampled_from(
    [
        "null", "constant", "nan", "infinite", "holes", "normal", "huge", "whole", "few", "yes",
        "number of the row", "words", "names", "prose", "empty texts", "mixed", "times", "days",
        "lists", "pairs",
    ]
)  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    kinds=st.lists(KINDS, min_size=1, max_size=5),
    target=KINDS,
    roles=st.sets(st.sampled_from(["time", "entity", "group", "known", "log", "test", "history"])),
    given_kinds=st.tuples(KINDS, KINDS, KINDS),
    other=st.integers(0, 3),
)
def test_any_columns_in_any_role_are_answered(kinds, target, roles, given_kinds, other):
    table = {f"c{i}": column(kind, i) for i, kind in enumerate(kinds)}
    table["y"] = column(target, 50)
    named: dict[str, Any] = {}
    for role, keyword, kind in zip(
        ("time", "entity", "group"), ("event_time", "entity", "groups"), given_kinds, strict=True
    ):
        if role in roles:
            table[role] = column(kind, 60)
            named[keyword] = [role] if keyword == "groups" else role
    if "known" in roles:
        table["known"] = column(given_kinds[0], 61)
        named["known_at"] = {"c0": "known"}
    rng = np.random.default_rng(other)
    shuffled = {k: [v[i] for i in rng.permutation(ROWS)] for k, v in table.items()}
    if "log" in roles:
        named["log"] = table if other else shuffled
    if "history" in roles:
        named["history"] = 30
    test = (shuffled if other % 2 else table) if "test" in roles else None
    try:
        report = audit(table, test, target="y", checks=OWN, **named)
    except HoldfastError:
        return  # said in words; any other exception fails
    told = repr(report).lower()
    assert "all clear" not in told
    assert "no leakage" not in told
    assert len(report.tested) + len(report.not_tested) >= len(OWN)
    for finding in report.findings:
        assert finding.evidence
        assert finding.remedy


def checked(train: Any, test: Any = None, **named: Any) -> AuditReport:
    return audit(train, test, target="y", checks=OWN[2:], **named)


def test_a_test_table_without_the_target_is_still_compared():
    rng = np.random.default_rng(0)
    train = {"a": rng.normal(size=300), "b": rng.normal(size=300), "y": rng.integers(0, 2, 300)}
    test = {name: values[:120] for name, values in train.items() if name != "y"}
    (finding,) = [f for f in checked(train, test).findings if f.code == "HF-L-DUPLICATES"]
    assert finding.evidence["test_rows"] == 120
    assert finding.worth is None


def test_columns_of_other_types_in_the_test_table_are_left_out_or_compared_by_value():
    rng = np.random.default_rng(1)
    train = {"a": rng.integers(0, 10**6, 300), "b": rng.normal(size=300)}
    train["y"] = rng.integers(0, 2, 300)
    test = {"a": train["a"][:100].astype(float), "b": train["b"][:100], "y": train["y"][:100]}
    assert any(f.code == "HF-L-DUPLICATES" for f in checked(train, test).findings)
    test["a"], test["b"] = test["a"].astype(str), test["b"].astype(str)
    assert all(f.code != "HF-L-DUPLICATES" for f in checked(train, test).findings)


def test_a_hundred_thousand_categories_are_compared():
    rng = np.random.default_rng(2)
    n = 100_000
    train = {"name": np.arange(n).astype(str), "x": rng.normal(size=n), "y": rng.integers(0, 2, n)}
    test = {name: values[:1000] for name, values in train.items()}
    assert checked(train, test).passed is False


def test_the_same_table_and_seed_give_the_same_report():
    rng = np.random.default_rng(3)
    train = {"a": rng.normal(size=400), "b": rng.integers(0, 9, 400), "y": rng.integers(0, 2, 400)}
    test = {name: values[:150] for name, values in train.items()}
    assert checked(train, test).to_json() == checked(train, test).to_json()


@pytest.mark.parametrize("rows", [1, 2, 19, 20, 50])
def test_few_rows_give_an_answer(rows):
    rng = np.random.default_rng(4)
    table = {"a": rng.normal(size=rows), "b": rng.integers(0, 3, rows), "y": np.arange(rows) % 2}
    assert checked(table, table).passed in {False, None}

"""What a comparison promises, by simulation: silence on equal tables, power, and the floor."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from holdfast.comparison import Status, compare
from holdfast.comparison.comparing import ERROR
from holdfast.profiles import Profile, ProfileSpec


def make(rows: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """30 columns as they come: normal, skewed, rounded, counts, flags, mostly zero, categories."""
    columns: dict[str, np.ndarray] = {}
    for i in range(10):
        columns[f"normal{i}"] = rng.normal(size=rows)
    for i in range(4):
        columns[f"skewed{i}"] = rng.lognormal(0, 1, rows).round(1 + i)
        columns[f"count{i}"] = rng.poisson(3 * (i + 0.2), rows)
    for distinct in (2, 3, 8, 30, 300, 5000):
        code = np.minimum(rng.zipf(1.5, rows), distinct)
        columns[f"category{distinct}"] = np.char.add("v", code.astype(str))
    columns["rare"] = (rng.random(rows) < 0.01).astype(int)
    columns["zeros"] = np.where(rng.random(rows) < 0.9, 0, rng.exponential(5, rows))
    columns["flag"] = rng.random(rows) < 0.3
    columns["holes"] = np.where(rng.random(rows) < 0.05, np.nan, rng.normal(size=rows))
    columns["tail"] = rng.standard_cauchy(rows)
    columns["twin"] = columns["normal0"] + rng.normal(size=rows)
    return columns


@pytest.mark.parametrize(
    ("rows", "rows_now", "runs"),
    [(50, 50, 15), (200, 200, 12), (5000, 50, 8), (1000, 1000, 10), (100_000, 100_000, 1)],
)
def test_two_tables_of_one_source_do_not_differ(rows, rows_now, runs):
    rng = np.random.default_rng(rows + rows_now)
    wrong = 0
    for _ in range(runs):
        reference = make(rows, rng)
        assert len(reference) == 30
        found = compare(reference, make(rows_now, rng))
        wrong += bool(found.changed or found.partings)
        assert found.passed is not True or rows_now >= 1000
    assert wrong <= stats.binom.ppf(0.999, runs, ERROR)


def test_fifty_rows_are_too_few_to_pass_and_say_so():
    rng = np.random.default_rng(1)
    found = compare(make(50, rng), make(50, rng))
    assert found.passed is None
    assert {c.status for c in found.columns} == {Status.UNCLEAR}
    assert "Could not tell: with 50 rows" in found.verdict
    assert found.findings[0].code == "HF-COMPARE-THIN"


def test_a_half_standard_deviation_is_found_with_a_thousand_rows():
    rng = np.random.default_rng(2)
    for _ in range(5):
        current = make(1000, rng)
        current["normal3"] = current["normal3"] + 0.5
        found = compare(make(1000, rng), current)
        assert found.changed == ("normal3",)
        main = found.column("normal3").main
        assert main.what == "shift"
        assert main.effect.low < 0.479 < main.effect.high + 0.05


def test_what_is_printed_as_findable_is_found():
    rng = np.random.default_rng(3)
    hits, runs = 0, 25
    for _ in range(runs):
        reference, current = ({f"n{i}": rng.normal(size=1500) for i in range(5)} for _ in range(2))
        seen = compare(reference, current).column("n0").resolution
        current["n0"] = current["n0"] + seen / 0.977  # the rank score moves a little less
        hits += "n0" in compare(reference, current).changed
    assert hits >= stats.binom.ppf(0.001, runs, 0.9)


@pytest.mark.parametrize(("move", "status"), [(0.02, Status.NEGLIGIBLE), (0.2, Status.CHANGED)])
def test_ten_million_rows_make_a_change_sure_but_not_large(move, status):
    rng = np.random.default_rng(4)
    spec = ProfileSpec.learn({"x": rng.normal(size=100_000)})
    reference = _synthetic(spec, 10_000_000, 0.0, rng)
    found = compare(reference, _synthetic(spec, 10_000_000, move, rng)).column("x")
    assert found.status is status
    assert found.differences[0].significant
    assert found.main.effect.value == pytest.approx(0.977 * move, abs=0.003)


def _synthetic(spec: ProfileSpec, rows: int, move: float, rng: np.random.Generator) -> Profile:
    """The profile of normal rows, its cells drawn at once."""
    import msgspec

    few = Profile.of({"x": rng.normal(move, 1, 1000)}, spec)
    column = few.columns["x"]
    edges = np.r_[-np.inf, spec.columns["x"].edges, np.inf]
    shares = np.diff(stats.norm.cdf(edges - move))
    cells = rng.multinomial(rows, shares / shares.sum())
    column = msgspec.structs.replace(
        column,
        rows=rows,
        cells=tuple(cells.tolist()),
        sums=msgspec.structs.replace(column.sums, count=rows),
    )
    return msgspec.structs.replace(few, rows=rows, columns={"x": column})


def test_a_rare_flag_that_triples_is_found():
    rng = np.random.default_rng(5)
    reference = {"flag": (rng.random(100_000) < 0.002).astype(int)}
    current = {"flag": (rng.random(25_000) < 0.006).astype(int)}
    assert compare(reference, current).changed == ("flag",)
